import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Machine } from './load-balanced-network.ts';

/**
 * Folders of a queue with their owners, as Postfix makes them when it checks an installation. That asks for each setting
 * with a program of its own, some hundred in all, and a queue from a checked one starts without (`postfix quick-stop`).
 */
let checkedQueue: string | undefined;

/** Where its programs are. */
let daemons = '';

/** Is Postfix there to be run? Says so once for each file of tests where not. */
export function canRunPostfix(leftOut: string): boolean {
  const tried = spawnSync('sh', ['-c', 'PATH=$PATH:/usr/sbin postconf -h daemon_directory && id postfix'], {
    encoding: 'utf8',
  });
  [daemons = ''] = tried.stdout?.split('\n') ?? [];
  if (tried.status === 0) return true;
  console.log(`Not run: ${leftOut} needs Postfix (${(tried.stderr || String(tried.error)).trim().split('\n')[0]}).`);
  return false;
}

/**
 * Runs the installed Postfix on a machine, with a configuration and a queue of its own in `folder`. It accepts mail for
 * contoso.com and delivers none.
 *
 * @param settings of main.cf, beside or instead of these
 * @returns where its log is
 */
export async function runPostfix(
  machine: Machine,
  name: string,
  folder: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  const log = join(folder, 'mail.log');
  for (const part of ['', 'queue', 'data']) {
    mkdirSync(join(folder, part), { recursive: true });
    chmodSync(join(folder, part), 0o755);
  }
  const isChecked = checkedQueue !== undefined;
  checkedQueue ??= mkdtempSync(join(tmpdir(), 'fieldcheck-postfix-queue-'));
  const all = {
    compatibility_level: '3.6',
    queue_directory: join(folder, 'queue'),
    data_directory: join(folder, 'data'),
    myhostname: `${name.toLowerCase()}.contoso.com`,
    mydestination: 'contoso.com',
    local_recipient_maps: '',
    local_transport: 'discard',
    relayhost: '',
    default_transport: 'discard',
    inet_interfaces: 'all',
    inet_protocols: 'ipv4',
    mynetworks: '127.0.0.0/8',
    // Nobody to ask in a network without a name server.
    disable_dns_lookups: 'yes',
    smtpd_peername_lookup: 'no',
    alias_maps: '',
    alias_database: '',
    maillog_file: log,
    maillog_file_prefixes: folder,
    ...settings,
  };
  writeFileSync(
    join(folder, 'main.cf'),
    Object.entries(all)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join(''),
  );
  writeFileSync(join(folder, 'master.cf'), masterCf);
  machine.configure(`
    hostname ${name}
    chown postfix '${join(folder, 'data')}'
    PATH=$PATH:/usr/sbin
    export MAIL_CONFIG='${folder}'
    ${isChecked ? `cp -a '${checkedQueue}/.' '${folder}/queue'` : `postfix check 2>&1; cp -a '${folder}/queue/.' '${checkedQueue}'`}`);
  // What `postfix start-fg` starts is not ended with it.
  machine.start([join(daemons, 'master'), '-c', folder, '-s']);
  for (let tries = 0; tries < 200; tries++) {
    if (/daemon started/.test(await readFile(log, 'utf8').catch(() => ''))) return log;
    await wait(50);
  }
  throw new Error(`Postfix on ${name} did not start: ${await readFile(log, 'utf8').catch(() => 'no log')}`);
}

/** As Debian installs it, without what is not needed, and without chroot. */
const masterCf = `smtp inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
`;
