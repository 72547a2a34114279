// Runs in a network namespace of its own (`unshare -n node forbidden-addresses.ts`): every forbidden address is there, with
// a trap listening, so that a connection would be seen for certain and could not leave the machine. Prints one JSON line.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createNotifier } from '../../src/notifiers/index.ts';
import { failingDomains, notice } from './notices.ts';

const v4 = ['10.0.0.5', '192.168.7.5', '100.64.0.1', '169.254.169.254', '168.63.129.16'];
const v6 = ['fd00::5', 'fe80::5', '4000::5', 'fd00:ec2::254'];

execFileSync('ip', ['link', 'set', 'lo', 'up']);
for (const address of v4) execFileSync('ip', ['address', 'add', `${address}/32`, 'dev', 'lo']);
for (const address of v6) execFileSync('ip', ['address', 'add', `${address}/128`, 'dev', 'lo']);

const trapped: string[] = [];
for (const host of ['0.0.0.0', '::']) {
  const trap = createServer((socket) => {
    trapped.push(String(socket.localAddress));
    socket.destroy();
  }).listen({ port: 443, host, ipv6Only: true });
  await once(trap, 'listening');
  trap.unref();
}

const hosts = [
  ...v4,
  ...v6.map((address) => `[${address}]`),
  '127.0.0.1',
  '[::1]',
  '2130706433',
  '0x7f.1',
  '0177.0.0.1',
  '127.0.0.1.',
  '0.0.0.0',
  '[::ffff:10.0.0.5]',
  '[64:ff9b::a83f:8110]',
  '[2002:a9fe:a9fe::1]',
  // A name: what it leads to is looked at when the connection is made.
  'localhost',
];
const results: Record<string, string> = {};
for (const allowPrivate of [false, true]) {
  for (const host of hosts) {
    const notifier = createNotifier({ kind: 'webhook', url: `https://${host}/in?key=SECRET` }, { allowPrivate });
    const given = notice({ subjects: failingDomains(1) });
    const { outcome, detail } = await notifier.send(given, AbortSignal.timeout(3_000));
    results[`${host}${allowPrivate ? ', private ones allowed' : ''}`] = `${outcome}: ${detail}`;
  }
}
console.log(JSON.stringify({ trapped, results }));
process.exit(0);
