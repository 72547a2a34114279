import { enumerate } from '../../../domain/words.ts';
import type { NodeIpInterfaces } from '../../../facts/smtp-service/node.ts';
import { familiesOn, interfaceRow, lanAlias, lanNotTold, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { type AddressFamily, familyName, onlyWithDsr } from '../service.ts';

type Row = NodeIpInterfaces[number];
type Setting = 'interfaceMetric' | 'automaticMetric' | 'weakHostSend' | 'weakHostReceive';

const onLoopback: readonly Setting[] = ['interfaceMetric', 'automaticMetric', 'weakHostSend', 'weakHostReceive'];

const words: Record<Setting, string> = {
  interfaceMetric: 'metric',
  automaticMetric: 'automatic metric',
  weakHostSend: 'weak host send',
  weakHostReceive: 'weak host receive',
};

/** See settings-persistent.md. */
export const settingsPersistent = rule({
  id: 'smtp-source-ip/settings-persistent',
  title: 'The settings survive a restart',
  severity: 'high',
  blocks: ['dsr-ready'],
  needs: ['node-adapters', 'node-ip-interfaces', 'node-persistent-ip-interfaces'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly(
    'what holds after a restart stands in files of the distribution; the remedies say how to make a setting permanent.',
  ),
  judge(facts, at) {
    const lan = lanAlias(facts, at);
    if (lan === undefined) return lanNotTold(at);
    const checks: { alias: string; settings: readonly Setting[] }[] = [
      { alias: lan, settings: ['weakHostReceive'] },
      ...loopbackAliases(facts, at).map((alias) => ({ alias, settings: onLoopback })),
    ];
    const lost: { alias: string; family: AddressFamily; setting: Setting; active: Row; persistent: Row | undefined }[] =
      [];
    let compared = 0;
    for (const { alias, settings } of checks) {
      for (const family of familiesOn(alias, facts['node-ip-addresses'], at)) {
        const active = interfaceRow(facts['node-ip-interfaces'], alias, family);
        if (active === undefined) continue;
        compared++;
        const persistent = interfaceRow(facts['node-persistent-ip-interfaces'], alias, family);
        for (const setting of settings) {
          if (persistent?.[setting] !== active[setting]) lost.push({ alias, family, setting, active, persistent });
        }
      }
    }
    const evidence = lost.map(({ alias, family, setting, active, persistent }) => ({
      fact: 'node-persistent-ip-interfaces' as const,
      observed: `${alias}, ${familyName[family]}: ${words[setting]} ${valueWords(active[setting])} now, ${persistent === undefined ? 'not stored' : `${valueWords(persistent[setting])} after a restart`}`,
    }));
    if (compared === 0) {
      return { verdict: 'not_applicable', message: `${at.part}: there is no setting to compare.` };
    }
    if (lost.length === 0) {
      return { verdict: 'pass', message: `${at.part}: metric and weak host settings are stored as they are now.` };
    }
    const what = lost.map(({ alias, setting }) => `${words[setting]} of ${alias}`);
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: ${enumerate([...new Set(what)])} will be another after a restart: set in the active store only.`,
      remedy: lost.map(({ alias, family, setting, active }) => line(alias, family, setting, active)).join('\n'),
      evidence,
    };
  },
});

const valueWords = (value: boolean | number) => (typeof value === 'number' ? String(value) : value ? 'on' : 'off');

function line(alias: string, family: AddressFamily, setting: Setting, active: Row): string {
  const parameter = `${setting.charAt(0).toUpperCase()}${setting.slice(1)}`;
  const value = active[setting];
  const text = typeof value === 'number' ? String(value) : value ? 'Enabled' : 'Disabled';
  return `Set-NetIPInterface -InterfaceAlias ${quoted(alias)} -AddressFamily ${familyName[family]} -${parameter} ${text}   # without -PolicyStore it is stored and active`;
}
