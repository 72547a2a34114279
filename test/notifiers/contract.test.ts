import { createNotifier } from '../../src/notifiers/index.ts';
import { httpNotifierContract, notifierContract } from '../contracts/notifier.ts';

const url = 'http://127.0.0.1:9/in';
const [from, to] = ['fieldcheck@contoso.com', ['mail-team@contoso.com']];
const graph = { origin: 'https://127.0.0.1:9', clientId: 'client', token: async () => 'token' };

notifierContract('console', () => createNotifier({ kind: 'console' }, { write: () => {} }));
notifierContract('email', () =>
  createNotifier({ kind: 'email', url: 'smtp://127.0.0.1:9', from, to }, { allowLocal: true }),
);
notifierContract('email', () => createNotifier({ kind: 'email', from, to }, { graph }));

const posted = {
  'teams-workflow': { contentType: 'application/json' },
  webhook: { contentType: 'application/cloudevents+json' },
  ping: {
    contentType: 'text/plain; charset=utf-8',
    target: /^\/in\/SECRET\?sig=SECRET&rid=[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  },
};

for (const kind of ['teams-workflow', 'webhook', 'ping'] as const) {
  notifierContract(kind, () => createNotifier({ kind, url }, { allowLocal: true }));
  httpNotifierContract(
    kind,
    ({ url, ...options }) => createNotifier({ kind, url }, { ...options, allowLocal: true }),
    posted[kind],
  );
}
