import { enumerate } from '../../../domain/words.ts';
import { isLoopbackAdapter, loopbackKind } from '../../../facts/smtp-service/node.ts';
import { loopbackAdapters, loopbackAlias, quoted } from '../node.ts';
import { onLinux, rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See loopback-adapter-present.md. */
export const loopbackAdapterPresent = rule({
  id: 'smtp-source-ip/loopback-adapter-present',
  title: 'A loopback adapter is installed and up',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  variant: onLinux({
    needs: ['node-adapters'],
    judge({ 'node-adapters': adapters }, { part }) {
      const loopbacks = adapters.filter(isLoopbackAdapter);
      const evidence = loopbacks.map((one) => ({
        fact: 'node-adapters' as const,
        observed: `${one.name}: ${one.interfaceDescription}, ${one.status}`,
      }));
      const up = loopbacks.filter(({ status }) => status.toLowerCase() === 'up').map(({ name }) => name);
      if (up.length > 0) {
        return { verdict: 'pass', message: `${part}: ${enumerate(up)} can carry the VIP, and is up.`, evidence };
      }
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${part}: lo is not up, so the node does not own the VIP.`,
        remedy: 'ip link set lo up',
        evidence,
      };
    },
  }),
  judge(facts, at) {
    const { 'node-adapters': adapters } = facts;
    const loopbacks = loopbackAdapters(facts, at);
    const evidence = loopbacks.map((one) => ({
      fact: 'node-adapters' as const,
      observed: `${one.name}: ${one.interfaceDescription}, ${one.status}`,
    }));
    const names = (of: typeof loopbacks) => enumerate(of.map(({ name }) => name));
    const down = loopbacks.filter(({ status }) => status.toLowerCase() !== 'up');
    const [first] = down;
    if (first !== undefined) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: the loopback adapter ${names(down)} is not up (${first.status}), so the node does not own the VIP.`,
        remedy: down.map(({ name }) => `Enable-NetAdapter -Name ${quoted(name)}`).join('\n'),
        evidence,
      };
    }
    const unsure = loopbacks.filter((one) => loopbackKind(one) === 'unsure');
    if (unsure.length > 0) {
      return {
        verdict: 'manual',
        message: `${at.part}: it cannot be told for sure that ${names(unsure)} (${enumerate(unsure.map(({ interfaceDescription }) => interfaceDescription))}) is a loopback adapter: the fact file does not say which driver it has.`,
        remedy: `Collect the facts with Collect-SmtpSourceIpFacts.ps1, or look: the loopback adapter has the component *msloop.\nGet-NetAdapter -Name ${unsure.map(({ name }) => quoted(name)).join(', ')} | Format-List Name, ComponentID`,
        evidence,
      };
    }
    if (loopbacks.length > 0) {
      return { verdict: 'pass', message: `${at.part}: the loopback adapter ${names(loopbacks)} is up.`, evidence };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: there is no loopback adapter, so the node cannot own the VIP without announcing it.`,
      remedy: `devcon.exe install $env:windir\\inf\\netloop.inf '*MSLOOP'   # or hdwwiz.exe: Network adapters, Microsoft, Microsoft KM-TEST Loopback Adapter\nGet-NetAdapter | Where-Object ComponentID -eq '*msloop' | Rename-NetAdapter -NewName ${quoted(loopbackAlias(facts, at))}`,
      evidence: [
        {
          fact: 'node-adapters',
          observed:
            adapters.map(({ name, interfaceDescription }) => `${name}: ${interfaceDescription}`).join('; ') ||
            'no adapter',
        },
      ],
    };
  },
});
