// The collector for Linux nodes, run for real: in the shells of Debian and BusyBox, in a network namespace of its own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
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
  const { stdout, stderr, status } = spawnSync('unshare', ['--net', '--mount', 'sh'], {
    input,
    encoding: 'utf8',
    env: { ...process.env, HOSTNAME: '' },
  });
  return { file: JSON.parse(readFileSync(written, 'utf8')), output: `${stdout}${stderr}`, status };
}

/** A folder of programs that stand before the machine's own: `{ name: text of a shell script }`. */
function programs(texts: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-programs-'));
  for (const [name, body] of Object.entries(texts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

/** Makes programs absent, from here on in the shell that stands before the collector. */
const without = (...names: string[]) => `
  mount -t tmpfs none /usr/sbin
  kept=$(mktemp -d)
  ln -s /usr/bin/* "$kept"
  cd "$kept" && rm -f ${names.join(' ')} && cd /
  mount -t tmpfs none /usr/local/sbin
  PATH=$kept`;

const isInstalled = (command: string) => spawnSync('sh', ['-c', `command -v ${command.split(' ')[0]}`]).status === 0;
for (const packer of ['bzip2', 'xz', 'zstd']) {
  if (!isInstalled(packer)) console.log(`Not run: logs packed by ${packer}, which is not installed.`);
}

/** One session of a client, as Postfix logs it. */
const sessionOf = (client: string, program = 'postfix/smtpd') =>
  `2026-11-24T09:00:08Z mx1 ${program}[812]: disconnect from unknown[${client}] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5`;
const always = ['-H', '999999'];

const errorsOf = ({ file }: Collected, ...sections: string[]) =>
  file.errors.flatMap(({ section, message }) => (sections.includes(section) ? [`${section}: ${message}`] : []));

/** `undefined` where the log was not read. */
const clientsIn = ({ file }: Collected) =>
  (file as unknown as { logSummary?: { byRemote: { remoteIp: string }[] } }).logSummary?.byRemote
    .map(({ remoteIp }) => remoteIp)
    .sort();

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

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;
if (!hasShellcheck) console.log('Not run: shellcheck, which is not installed.');

it.runIf(hasShellcheck)('shellcheck finds nothing in it', () => {
  expect(spawnSync('shellcheck', [script], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '' });
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
      export TMPDIR=/tmp
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
    const failing = (message: string) => `echo '${message}' >&2\nexit 1`;
    const path = programs({
      ip: failing('Option "-json" is unknown, try "ip -help".'),
      nft: failing('Operation not permitted (you must be root)'),
      ss: failing('Cannot open netlink socket: Permission denied'),
      postconf: failing('fatal: open /etc/postfix/main.cf: "Permission denied"'),
    });
    const missing = join(path, 'mail.log');
    const { file, output } = collect(['sh'], ['-l', missing], '', path);
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

  it('takes a section alone for not looked at where its program is absent', () => {
    const log = join(mkdtempSync(join(tmpdir(), 'fieldcheck-linux-')), 'mail.log.zst');
    writeFileSync(log, '');
    for (const shell of shells) {
      const collected = collect(shell, ['-l', log], without('ip', 'ss', 'zstd'));
      expect(collected.file.errors.map(({ section, message }) => `${section}: ${message}`)).toEqual([
        'linux.links: ip is not installed',
        'linux.routes: ip is not installed',
        'linux.routes6: ip is not installed',
        'linux.rules: ip is not installed',
        'linux.rules6: ip is not installed',
        'linux.neighbors: ip is not installed',
        'linux.listeners: ss is not installed',
        'linux.packetFilter: nft is not installed, so it is not known what a packet filter lets in',
        'linux.postfix: postconf is not installed: this is no Postfix server',
        `logSummary: ${log} cannot be unpacked, as zstd is not installed; unpack it elsewhere and name it with -l`,
      ]);
      expect(factsIn(collected.file)['node-kernel-settings']).toMatchObject({ status: 'known' });
    }
  });

  it('lets no program spoil the file with what is no JSON', () => {
    const path = programs({
      ip: `case "$*" in
        *address*) echo '[{"ifname":"a"b"}]' ;;
        *' -6 '*) echo 'RTNETLINK answers: Address family not supported by protocol' >&2; exit 2 ;;
        *rule*) echo '0: from all lookup local' ;;
        *neighbor*) ;;
        *) printf '[ {"dst":"default","metric":-1.5e3,"flags":[]},\n{} ]\n' ;;
      esac`,
      nft: `echo '{"nftables": [{'`,
    });
    for (const shell of shells) {
      const collected = collect(shell, [], '', path);
      expect(errorsOf(collected, 'linux.links', 'linux.rules', 'linux.packetFilter', 'linux.routes')).toEqual([
        'linux.links: ip -json -details address show printed no JSON',
        'linux.rules: ip -json -4 rule show printed no JSON',
        'linux.packetFilter: nft -j list ruleset printed no JSON',
      ]);
      // A kernel without IPv6 has none of its routes.
      expect(collected.file.linux).toMatchObject({
        routes: [{ dst: 'default' }, {}],
        routes6: [],
        rules6: [],
        neighbors: [],
      });
    }
    // Every machine has a link.
    const silent = collect(['sh'], [], '', programs({ ip: 'true' }));
    expect(errorsOf(silent, 'linux.links')).toEqual(['linux.links: ip -json -details address show printed no JSON']);
  });

  it('does not take what nft lists for the whole packet filter beside rules of iptables-legacy', () => {
    const nft = `echo '{"nftables": []}'`;
    const saved = (...lines: string[]) => `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}`;
    const rules = programs({
      nft,
      'iptables-legacy-save': saved('*filter', ':INPUT ACCEPT [0:0]', '-A INPUT -j DROP'),
    });
    expect(errorsOf(collect(['sh'], [], '', rules), 'linux.packetFilter')).toEqual([
      'linux.packetFilter: rules of iptables-legacy stand beside those of nftables, and nft does not list them',
    ]);
    const none = programs({ nft, 'ip6tables-legacy-save': saved('*filter', ':INPUT ACCEPT [0:0]') });
    expect(errorsOf(collect(['sh'], [], '', none), 'linux.packetFilter')).toEqual([]);
  });

  it.each(shells.map((shell) => [shell.join(' '), shell] as const))(
    'skips no name, whatever it holds, in %s',
    (_, shell) => {
      const folder = join(mkdtempSync(join(tmpdir(), 'fieldcheck-linux-')), 'a "quoted" f\u00f6lder *');
      mkdirSync(folder);
      const log = join(folder, 'm\u00e4il log');
      writeFileSync(log, sessionOf('203.0.113.40'));
      const before = `
      ip link set lo up
      ip address add 192.0.2.25/24 dev lo label lo:0
      ip address add 192.0.2.26/32 dev lo label lo:1
      ip -6 address add 2001:db8::25/128 dev lo
      mount -t tmpfs none /etc/sysctl.d
      mount -t tmpfs none /usr/lib/sysctl.d
      echo 'net.ipv4.conf.all.arp_ignore = 1' >'/etc/sysctl.d/90 the vip.conf'
      echo 'net.ipv4.conf.all.rp_filter = 2' >/etc/sysctl.d/10-first.conf
      printf '%s\\r\\n' 'net.ipv4.conf.*.rp_filter = 1' '-net.ipv4.conf.eth1.rp_filter' 'net.ipv4.conf.e"\\.rp_filter=0' \\
        'net.ipv4.conf.all.arp_announce = two' 'net.ipv4.conf.all.arp_announce' >/usr/lib/sysctl.d/50-default.conf
      export LANG=de_DE.UTF-8 LANGUAGE=de`;
      const collected = collect(shell, ['-l', log, ...always], before);
      // What a pattern says counts less than what a name says, whatever the order of the files.
      expect(
        (collected.file.linux as unknown as { storedKernelSettings: unknown[] }).storedKernelSettings.slice(0, 5),
      ).toEqual([
        { scope: '*', setting: 'rp_filter', value: 1 },
        { scope: 'all', setting: 'rp_filter', value: 2 },
        { scope: 'eth1', setting: 'rp_filter', value: 0 },
        { scope: 'e"\\', setting: 'rp_filter', value: 0 },
        { scope: 'all', setting: 'arp_ignore', value: 1 },
      ]);
      expect(factsIn(collected.file)['node-ip-addresses']).toMatchObject({
        status: 'known',
        value: expect.arrayContaining([
          { alias: 'lo', ipAddress: '192.0.2.25', prefixLength: 24, addressState: 'preferred' },
          { alias: 'lo', ipAddress: '192.0.2.26', prefixLength: 32, addressState: 'preferred' },
          expect.objectContaining({ alias: 'lo', ipAddress: '2001:db8::25', prefixLength: 128 }),
        ]),
      });
      expect(clientsIn(collected)).toEqual(['203.0.113.40']);
      const missing = join(folder, 'none');
      expect(errorsOf(collect(shell, ['-l', missing], ''), 'logSummary')).toEqual([
        `logSummary: ${missing} cannot be read (permission denied, or not there)`,
      ]);
    },
  );

  it.each(shells.map((shell) => [shell.join(' '), shell] as const))(
    'reads the log before the log, however it is packed, in %s',
    (_, shell) => {
      const packers = { '.1': 'cat', '.1.gz': 'gzip', '.1.bz2': 'bzip2', '-20261123.xz': 'xz', '.1.zst': 'zstd -q' };
      for (const [ending, packer] of Object.entries(packers).filter(([, one]) => isInstalled(one))) {
        const collected = collect(
          shell,
          always,
          `mount -t tmpfs none /var/log
         echo '${sessionOf('203.0.113.40')}' >/var/log/maillog
         echo '${sessionOf('203.0.113.1')}' | gzip >/var/log/maillog-20261122.gz
         echo '${sessionOf('203.0.113.41', 'postfix-mx2/smtpd')}' | ${packer} >/var/log/maillog${ending}`,
          programs({ postconf: 'exit 1' }),
        );
        const before = ending.startsWith('.') ? '203.0.113.1' : '203.0.113.41';
        expect(clientsIn(collected), ending).toEqual([before, '203.0.113.40'].sort());
      }
    },
  );

  it('takes no log for one of Postfix that is none, and reads no device', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-linux-'));
    const log = join(folder, 'syslog');
    writeFileSync(log, '2026-11-24T09:00:08Z mx1 dovecot[7]: imap-login: Login\n');
    expect(errorsOf(collect(['sh'], ['-l', log], ''), 'logSummary')).toEqual([
      'logSummary: the mail log holds no line of Postfix; name its log with -l',
    ]);
    expect(errorsOf(collect(['sh'], ['-l', folder], ''), 'logSummary')).toEqual([
      `logSummary: ${folder} is no file; name the mail log itself with -l`,
    ]);
    const path = programs({
      postconf: `case "$*" in '-h maillog_file') echo /dev/stdin ;; esac`,
      journalctl: `case "$*" in
        '-F SYSLOG_IDENTIFIER') printf '%s\\n' sshd postfix-mx2/smtpd postfix/qmgr ;;
        *--identifier=postfix-mx2/smtpd*) echo '${sessionOf('203.0.113.42', 'postfix-mx2/smtpd')}' ;;
      esac`,
    });
    const emptied = 'mount -t tmpfs none /var/log';
    expect(clientsIn(collect(['sh'], always, emptied, path))).toEqual(['203.0.113.42']);
    const silent = programs({ journalctl: 'echo sshd' });
    expect(errorsOf(collect(['sh'], [], emptied, silent), 'logSummary')).toEqual([
      'logSummary: the mail log holds no line of Postfix; name its log with -l',
    ]);
  });

  it('asks which instance of Postfix is meant where several are switched on', () => {
    const instance = (isOn: string) =>
      programs({
        postconf: `case "$*" in
          '-h multi_instance_directories') echo '/etc/postfix-mx2, /etc/postfix-old' ;;
          '-c /etc/postfix-mx2 -h multi_instance_enable') echo ${isOn} ;;
          *multi_instance_enable) echo no ;;
          -x*) printf 'mynetworks =\\ninet_interfaces = all\\r\\nmail_version = 3.7\\tä"\\\\\\n' ;;
        esac`,
      });
    for (const shell of shells) {
      const several = collect(shell, [], 'unset MAIL_CONFIG', instance('yes'));
      expect(errorsOf(several, 'linux.postfix')).toEqual([
        'linux.postfix: there is more than one instance of Postfix, the others in /etc/postfix-mx2: collect it again with MAIL_CONFIG=FOLDER of the one that receives at the VIP (/etc/postfix is the first)',
      ]);
      for (const told of [
        collect(shell, [], 'unset MAIL_CONFIG', instance('no')),
        collect(shell, [], 'export MAIL_CONFIG=/etc/postfix-mx2', instance('yes')),
      ]) {
        expect(told.file.linux).toMatchObject({
          postfix: { settings: { mynetworks: '', inet_interfaces: 'all', mail_version: '3.7 ä"\\' }, services: [] },
        });
      }
    }
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
