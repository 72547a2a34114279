import { enumerate } from '../../../domain/words.ts';
import type { NodeIpInterfaces } from '../../../facts/smtp-service/node.ts';
import { inForce, inForceAfterStart, isSilent, kernelName, lanNotToldOnLinux, setKernel } from '../linux.ts';
import { familiesOn, interfaceRow, lanAlias, lanNotTold, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { onLinux, rule } from '../rule.ts';
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
  variant: onLinux({
    needs: ['node-adapters', 'node-ip-addresses', 'node-kernel-settings', 'node-stored-kernel-settings'],
    optional: ['node-host'],
    judge(facts, at) {
      const lan = lanAlias(facts, at);
      if (lan === undefined) return lanNotToldOnLinux(at);
      const looked = (['arpIgnore', 'arpAnnounce'] as const).map((setting) => ({
        setting,
        now: inForce(facts['node-kernel-settings'], lan, setting),
        later: inForceAfterStart(facts['node-stored-kernel-settings'], lan, setting),
      }));
      const evidence = looked.map(({ setting, now, later }) => ({
        fact: 'node-stored-kernel-settings' as const,
        observed: `${kernelName[setting]} at ${lan}: ${now} now, ${later} by the files of sysctl`,
      }));
      const lost = looked.filter(({ setting, now, later }) => isSilent(setting, now) && !isSilent(setting, later));
      if (lost.length === 0) {
        return {
          verdict: 'pass',
          message: `${at.part}: the files of sysctl keep its ARP settings. Where the VIP is configured was not looked at.`,
          evidence,
        };
      }
      return {
        verdict: 'manual',
        // Something else may set it: ifupdown, keepalived.
        blocks: [],
        message: `${at.part}: no file of sysctl keeps ${enumerate(lost.map(({ setting }) => kernelName[setting]))}: after a restart it answers for the VIP, unless something else sets it.`,
        remedy: lost.flatMap(({ setting, now }) => setKernel(setting, now)).join('\n'),
        evidence,
      };
    },
  }),
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
