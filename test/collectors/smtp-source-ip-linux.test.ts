// The collector for Linux nodes, run for real: in the shells of Debian and BusyBox, in a network namespace of its own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { FactSetOf } from '../../src/domain/fact-set.ts';
import type { SmtpServiceFacts } from '../../src/facts/smtp-service/index.ts';
import { smtpService } from '../../src/facts/smtp-service/subject.ts';
import { readSmtpNodeFiles, smtpFactsOf } from '../../src/sources/bindings/smtp-source-ip/collector.ts';
import { readLogCounts } from '../../src/sources/smtp-log/analyse.ts';
import { findLogFiles } from '../../src/sources/smtp-log/files.ts';
import { canUnshare } from '../network-namespace.ts';
import { writePostfixLog } from '../sources/smtp-log/postfix-log.ts';

const script = fileURLToPath(new URL('../../src/collectors/Collect-SmtpSourceIpFacts.sh', import.meta.url));
const text = readFileSync(script, 'utf8');
vi.setConfig({ testTimeout: 60_000 });

const shells = [['sh'], ['busybox', 'sh'], ['bash', '--posix']].filter(
  ([program = '', ...rest]) => spawnSync(program, [...rest, '-c', 'true']).status === 0,
);
for (const missing of ['busybox', 'bash']) {
  if (!shells.some(([program]) => program === missing))
    console.log(`Not run: the shell of ${missing}, which is not installed.`);
}
const hasPostfix = spawnSync('sh', ['-c', 'command -v postconf || ls /usr/sbin/postconf']).status === 0;
if (!hasPostfix) console.log('Not run: what needs Postfix (postconf), which is not installed.');

/** A node as it should be: what stands in the namespace before the collector runs there. */
const asNode = `
  # Addresses that the kernel is still trying out would change on their own.
  echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
  echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
  ip link set lo up
  ip link add eth0 type veth peer name wire
  ip link set eth0 up
  ip link set wire up
  ip address add 192.0.2.13/24 dev eth0
  ip address add 192.0.2.25/32 dev lo
  ip route add default via 192.0.2.1
  ip route add 198.51.100.0/24 nexthop via 192.0.2.1 nexthop via 192.0.2.2
  ip route add blackhole 203.0.113.0/24
  ip rule add from 192.0.2.25 lookup 100
  ip neighbor add 192.0.2.12 lladdr 00:00:5e:00:53:12 dev eth0
  echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore
  echo 2 > /proc/sys/net/ipv4/conf/eth0/arp_announce
  echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter
  nft -f - <<'END'
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    tcp dport { 22, 25-26 } accept
  }
}
END
`;

interface Collected {
  readonly file: Record<string, never> & { errors: { section: string; message: string }[] };
  readonly output: string;
  readonly status: number | null;
}

/** Runs the collector in a namespace; `before` stands before it there, `path` before all programs. */
function collect(shell: readonly string[], args: readonly string[] = [], before = asNode, path = ''): Collected {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-linux-'));
  const written = join(folder, 'facts.json');
  const command = [...shell, script, '-o', written, ...args].map((word) => `'${word}'`).join(' ');
  const input = `set -e\n${before}\n${path === '' ? '' : `PATH=${path}:$PATH\n`}${command} 2>&1\n`;
  const { stdout, stderr, status } = spawnSync('unshare', ['--net', 'sh'], {
    input,
    encoding: 'utf8',
    env: { ...process.env, HOSTNAME: '' },
  });
  return { file: JSON.parse(readFileSync(written, 'utf8')), output: `${stdout}${stderr}`, status };
}

/** What the product reads of a file, for a service whose node wrote it. */
function factsIn(file: Collected['file']) {
  const name = (file as unknown as { host: { name: string } }).host.name;
  const service = smtpService.parse({
    kind: 'smtp-service',
    id: 'smtp-in',
    vips: ['192.0.2.25:25'],
    nodes: [{ name, address: '192.0.2.13', system: 'linux' }],
  });
  const set = smtpFactsOf(readSmtpNodeFiles([{ name: 'facts.json', rows: [file] }]), service);
  return (set as FactSetOf<SmtpServiceFacts>).parts.node?.[name] ?? {};
}

describe('Collect-SmtpSourceIpFacts.sh as a text', () => {
  it.each(shells.map((shell) => [shell.join(' '), shell] as const))('is read by %s without an error', (_, shell) => {
    const [program = '', ...rest] = shell;
    expect(spawnSync(program, [...rest, '-n', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });
});

describe.runIf(canUnshare)('Collect-SmtpSourceIpFacts.sh on a machine', () => {
  it.each(shells.map((shell) => [shell.join(' '), shell] as const))('reads the node, in %s', (_, shell) => {
    const log = join(mkdtempSync(join(tmpdir(), 'fieldcheck-linux-')), 'mail.log');
    writeFileSync(log, '');
    const { file, output, status } = collect(shell, ['-l', log]);
    expect(status, output).toBe(0);
    const facts = factsIn(file);
    const value = (fact: keyof typeof facts) => {
      const gathered = facts[fact];
      return gathered?.status === 'known' ? gathered.value : gathered;
    };
    expect(value('node-adapters')).toEqual(
      expect.arrayContaining([
        { name: 'lo', interfaceDescription: 'loopback', status: 'Up', componentId: 'loopback' },
        { name: 'eth0', interfaceDescription: 'veth', status: 'Up', componentId: 'veth' },
      ]),
    );
    expect(value('node-ip-addresses')).toEqual(
      expect.arrayContaining([
        { alias: 'lo', ipAddress: '192.0.2.25', prefixLength: 32, addressState: 'preferred' },
        { alias: 'eth0', ipAddress: '192.0.2.13', prefixLength: 24, addressState: 'preferred' },
      ]),
    );
    const route = (prefix: string, nextHop: string, alias: string) =>
      expect.objectContaining({ prefix, nextHop, alias });
    expect(value('node-routes')).toEqual(
      expect.arrayContaining([
        route('0.0.0.0/0', '192.0.2.1', 'eth0'),
        route('192.0.2.0/24', '0.0.0.0', 'eth0'),
        route('198.51.100.0/24', '192.0.2.1', 'eth0'),
        route('198.51.100.0/24', '192.0.2.2', 'eth0'),
        route('203.0.113.0/24', '0.0.0.0', 'blackhole'),
      ]),
    );
    expect(value('node-routing-rules')).toEqual([{ priority: expect.any(Number), rule: 'src 192.0.2.25 table 100' }]);
    expect(value('node-neighbors')).toEqual([
      { alias: 'eth0', ipAddress: '192.0.2.12', linkLayerAddress: '00:00:5e:00:53:12', state: 'PERMANENT' },
    ]);
    expect(value('node-kernel-settings')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ scope: 'all', arpIgnore: 1 }),
        expect.objectContaining({ scope: 'eth0', arpAnnounce: 2, rpFilter: 1 }),
      ]),
    );
    expect(value('node-stored-kernel-settings')).toEqual(expect.any(Array));
    expect(value('node-listeners')).toEqual([]);
    expect(value('node-packet-filter')).toEqual({
      chains: [
        {
          id: 'inet filter input',
          hook: 'input',
          policy: 'drop',
          rules: [
            { verdict: 'accept', applies: 'none' },
            {
              verdict: 'accept',
              applies: 'all',
              ports: [
                [22, 22],
                [25, 26],
              ],
            },
          ],
        },
      ],
    });
    if (!hasPostfix) return;
    expect(file.errors).toEqual([]);
    expect(output).toMatch(/^VERDICT complete: /m);
    expect(value('node-postfix')).toMatchObject({
      settings: { mynetworks: expect.stringContaining('127.0.0.0/8') },
      services: expect.arrayContaining([{ name: 'smtp', port: 25, command: 'smtpd', overrides: {} }]),
    });
  });

  it('changes nothing: it needs no more than a folder for its file on a machine that is read-only', () => {
    const state =
      'ip -details address; ip route show table all; ip rule; cat /proc/sys/net/ipv4/conf/*/*_filter; nft list ruleset';
    const input = `set -e
      ${asNode}
      mount -t tmpfs none /etc/sysctl.d
      echo 'net.ipv4.conf.all.arp_ignore = 1' >/etc/sysctl.d/20-vip.conf
      echo '-net/ipv4/conf/eth0/rp_filter=2' >/etc/sysctl.d/10-first.conf
      echo '# net.ipv4.conf.all.arp_announce = 2' >>/etc/sysctl.d/20-vip.conf
      before=$(${state})
      mount -o remount,bind,ro /
      mount -o remount,bind,ro /proc
      mount -t tmpfs none /tmp
      echo >/tmp/mail.log
      sh -s -- -o /tmp/facts.json -l /tmp/mail.log >/tmp/output 2>&1 <<'SCRIPT'
${text}
SCRIPT
      grep storedKernel /tmp/facts.json
      ls /tmp
      [ "$before" = "$(${state})" ] && echo 'as before'`;
    const { stdout, stderr } = spawnSync('unshare', ['--net', '--mount', 'sh'], { input, encoding: 'utf8' });
    expect(stdout.replace(/^.*/, '')).toBe('\nfacts.json\nmail.log\noutput\nas before\n');
    const [stored = ''] = stdout.split('\n');
    expect(JSON.parse(stored.replace(/^.*?\[/, '[').replace(/,$/, ''))).toEqual([
      { scope: 'eth0', setting: 'rp_filter', value: 2 },
      { scope: 'all', setting: 'arp_ignore', value: 1 },
    ]);
    expect(stderr).toBe('');
  });

  it('says of what it cannot read why, and never that it is empty', () => {
    const programs = mkdtempSync(join(tmpdir(), 'fieldcheck-programs-'));
    const failing = (name: string, message: string) => {
      writeFileSync(join(programs, name), `#!/bin/sh\necho '${message}' >&2\nexit 1\n`);
      chmodSync(join(programs, name), 0o755);
    };
    failing('ip', 'Option "-json" is unknown, try "ip -help".');
    failing('nft', 'Operation not permitted (you must be root)');
    failing('ss', 'Cannot open netlink socket: Permission denied');
    failing('postconf', 'fatal: open /etc/postfix/main.cf: "Permission denied"');
    const missing = join(programs, 'mail.log');
    const { file, output } = collect(['sh'], ['-l', missing], '', programs);
    expect(file.errors.map(({ section }) => section)).toEqual([
      'linux.links',
      'linux.routes',
      'linux.routes6',
      'linux.rules',
      'linux.rules6',
      'linux.neighbors',
      'linux.listeners',
      'linux.packetFilter',
      'linux.postfix',
      'logSummary',
    ]);
    expect(output).toMatch(/^VERDICT incomplete, 10 errors: /m);
    const facts = factsIn(file);
    expect(facts['node-ip-addresses']).toMatchObject({
      status: 'unobtainable',
      reason: 'unreachable',
      detail: 'linux.links: ip -json -details address show: Option "-json" is unknown, try "ip -help".',
    });
    expect(facts['node-postfix']).toMatchObject({ status: 'unobtainable', reason: 'denied' });
    expect(facts['node-kernel-settings']).toMatchObject({ status: 'known' });
    expect(facts['node-log-summary']).toMatchObject({ status: 'unobtainable', reason: 'denied' });
  });

  it.each(shells.map((shell) => [shell.join(' '), shell] as const))(
    'counts the mail log as the product does, in %s',
    async (_, shell) => {
      const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-linux-'));
      await writePostfixLog(join(folder, 'mail.log.1.gz'), { mails: 300, natShare: 0.2, gzip: true });
      await writePostfixLog(join(folder, 'mail.log'), { mails: 200, natShare: 0.2, stamps: 'rfc3339' });
      const args = ['mail.log.1.gz', 'mail.log'].flatMap((name) => ['-l', join(folder, name)]);
      // The log is of a day of its own; how long ago that is depends on when the test runs.
      const { file, output } = collect(shell, [...args, '-H', '999999'], 'ip link set lo up');
      const summary = factsIn(file)['node-log-summary'];
      expect(summary?.status, output).toBe('known');
      const service = smtpService.parse({
        kind: 'smtp-service',
        id: 'smtp-in',
        vips: ['192.0.2.25:25'],
        loadBalancerAddresses: ['192.0.2.5'],
        nodes: [{ name: 'mx1', address: '192.0.2.13', system: 'linux' }],
      });
      const counts = await readLogCounts(await findLogFiles([folder]), service);
      const rowsOf = (rows: readonly { remoteIp: string; sessions: number; mailSessions: number }[]) =>
        rows.map(({ remoteIp, sessions, mailSessions }) => `${remoteIp} ${sessions} ${mailSessions}`).sort();
      const counted = summary?.status === 'known' ? summary.value : undefined;
      expect(rowsOf(counted?.byRemote ?? [])).toEqual(rowsOf(counts.remotes));
      expect(counted).toMatchObject({ kind: 'postfix', files: 2, truncated: false });
      expect(counted?.byRemote.find(({ remoteIp }) => remoteIp === '192.0.2.5')?.senderDomains).toBeGreaterThan(16);
      expect(JSON.stringify(file)).not.toMatch(/sender\d|fabrikam|adele/);
    },
  );

  it('posts the file with a key that stands in no command line', async () => {
    const posted: { url: string | undefined; key: unknown; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        posted.push({ url: request.url, key: request.headers.authorization, body });
        response.end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-linux-'));
    const uri = `http://127.0.0.1:${port}/api/organizations/contoso/facts`;
    const child = spawn('sh', [script, '-o', join(folder, 'facts.json'), '-u', uri], {
      env: { ...process.env, FIELDCHECK_KEY: 'k3y' },
      stdio: 'ignore',
    });
    await once(child, 'exit');
    server.close();
    expect(posted).toMatchObject([{ url: '/api/organizations/contoso/facts', key: 'Bearer k3y' }]);
    expect(JSON.parse(posted[0]?.body ?? '')).toMatchObject({ schema: 'smtp-source-ip/1', host: { system: 'linux' } });
  });

  it('posts to https alone, and says so', () => {
    const { status, stderr } = spawnSync('sh', [script, '-u', 'http://fieldcheck.example/api'], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([64, '-u: http://fieldcheck.example/api is no https address\n']);
  });
});
