import { rule } from '../../../domain/rule.ts';
import { isLoopbackAdapter, sameWindowsName } from '../../../facts/smtp-node.ts';
import { loopbackAlias, loopbackAliases, loopbackPresent, quoted } from '../node.ts';
import { listed, onlyWithDsr } from '../service.ts';

/** See loopback-adapter-named.md. */
export const loopbackAdapterNamed = rule({
  id: 'smtp-source-ip/loopback-adapter-named',
  title: 'The loopback adapter has the declared name',
  severity: 'info',
  blocks: [],
  needs: ['node-adapters'],
  per: 'node',
  scope: onlyWithDsr,
  after: (_, at) => loopbackPresent(at),
  judge({ 'node-adapters': adapters }, at) {
    const wanted = loopbackAlias(at);
    const names = adapters.filter(isLoopbackAdapter).map(({ name }) => name);
    const evidence = [{ fact: 'node-adapters', observed: listed(names) }] as const;
    if (names.some((name) => sameWindowsName(name, wanted))) {
      return { verdict: 'pass', message: `${at.part}: the loopback adapter is named ${wanted}.`, evidence };
    }
    const [name = ''] = loopbackAliases(adapters, at);
    return {
      verdict: 'fail',
      owner: 'on-premises',
      message: `${at.part}: the loopback adapter is named ${name}, not ${wanted}: people and scripts will look for the wrong name.`,
      remedy: `Rename-NetAdapter -Name ${quoted(name)} -NewName ${quoted(wanted)}   # or declare "loopbackAlias": "${name}"`,
      evidence,
    };
  },
});
