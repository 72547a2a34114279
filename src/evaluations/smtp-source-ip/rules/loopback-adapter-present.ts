import { enumerate } from '../../../domain/words.ts';
import { isLoopbackAdapter } from '../../../facts/smtp-service/node.ts';
import { loopbackAlias, quoted } from '../node.ts';
import { rule } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See loopback-adapter-present.md. */
export const loopbackAdapterPresent = rule({
  id: 'smtp-source-ip/loopback-adapter-present',
  title: 'A loopback adapter is installed and up',
  severity: 'critical',
  blocks: ['dsr-ready'],
  needs: ['node-adapters'],
  optional: ['node-host'],
  per: 'node',
  scope: onlyWithDsr,
  judge(facts, at) {
    const { 'node-adapters': adapters } = facts;
    const loopbacks = adapters.filter(isLoopbackAdapter);
    const up = loopbacks.filter(({ status }) => status.toLowerCase() === 'up');
    if (up.length > 0) {
      return {
        verdict: 'pass',
        message: `${at.part}: the loopback adapter ${enumerate(up.map(({ name }) => name))} is up.`,
        evidence: up.map((one) => ({
          fact: 'node-adapters',
          observed: `${one.name}: ${one.interfaceDescription}, ${one.status}`,
        })),
      };
    }
    const [first] = loopbacks;
    if (first !== undefined) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${at.part}: the loopback adapter ${first.name} is not up (${first.status}), so the node does not own the VIP.`,
        remedy: loopbacks.map(({ name }) => `Enable-NetAdapter -Name ${quoted(name)}`).join('\n'),
        evidence: [{ fact: 'node-adapters', observed: `${first.name}: ${first.status}` }],
      };
    }
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: there is no loopback adapter, so the node cannot own the VIP without announcing it.`,
      remedy: `devcon.exe install $env:windir\\inf\\netloop.inf *MSLOOP   # or hdwwiz.exe: Network adapters, Microsoft, Microsoft KM-TEST Loopback Adapter\nGet-NetAdapter | Where-Object ComponentID -eq '*msloop' | Rename-NetAdapter -NewName ${quoted(loopbackAlias(facts, at))}`,
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
