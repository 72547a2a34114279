import { enumerate } from '../../../domain/words.ts';
import { sameWindowsName } from '../../../facts/smtp-service/node.ts';
import { loopbackAlias, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { rule, windowsOnly } from '../rule.ts';
import { onlyWithDsr } from '../service.ts';

/** See loopback-adapter-named.md. */
export const loopbackAdapterNamed = rule({
  id: 'smtp-source-ip/loopback-adapter-named',
  title: 'The loopback adapter has the declared name',
  severity: 'info',
  blocks: [],
  needs: ['node-adapters'],
  optional: ['node-host', 'node-ip-addresses'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  variant: windowsOnly('nobody chooses the name of its loopback interface.'),
  judge(facts, at) {
    const wanted = loopbackAlias(facts, at);
    const names = loopbackAliases(facts, at);
    const evidence = [{ fact: 'node-adapters', observed: enumerate(names) }] as const;
    if (names.some((name) => sameWindowsName(name, wanted))) {
      return { verdict: 'pass', message: `${at.part}: the loopback adapter is named ${wanted}.`, evidence };
    }
    const [name = ''] = names;
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: the loopback adapter is named ${name}, not ${wanted}: people and scripts will look for the wrong name.`,
      remedy: `Rename-NetAdapter -Name ${quoted(name)} -NewName ${quoted(wanted)}   # or declare "loopbackAlias": "${name}"`,
      evidence,
    };
  },
});
