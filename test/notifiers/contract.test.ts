import { createNotifier } from '../../src/notifiers/index.ts';
import { httpNotifierContract, notifierContract } from '../contracts/notifier.ts';

const url = 'http://127.0.0.1:9/in';

notifierContract('console', () => createNotifier({ kind: 'console' }, { write: () => {} }));

for (const kind of ['teams-workflow', 'webhook'] as const) {
  notifierContract(kind, () => createNotifier({ kind, url }, { allowLocal: true }));
  httpNotifierContract(kind, ({ url, ...options }) => createNotifier({ kind, url }, { ...options, allowLocal: true }));
}
