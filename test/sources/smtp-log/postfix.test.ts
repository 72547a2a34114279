// Logs of Postfix as evidence: what it writes of clients, in the shapes of its own daemons.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { smtpService } from '../../../src/facts/smtp-service/subject.ts';
import { readLogCounts } from '../../../src/sources/smtp-log/analyse.ts';
import { analyseSmtpLogs, describeSmtpLogs } from '../../../src/sources/smtp-log/analysis.ts';
import { findLogFiles } from '../../../src/sources/smtp-log/files.ts';
import { summariseLog } from '../../../src/sources/smtp-log/summary.ts';
import { mailLines, writePostfixLog } from './postfix-log.ts';
import { header, sessionRows } from './receive-log.ts';

const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  mode: 'dsr',
  vips: ['192.0.2.25:25', '[2001:db8::25]:25'],
  loadBalancerAddresses: ['192.0.2.5'],
  nodes: [
    { name: 'MX1', address: '192.0.2.13', system: 'linux' },
    { name: 'EX1', address: '192.0.2.11' },
  ],
});
const now = new Date('2026-11-24T10:00:00.000Z');

function folderWith(files: Record<string, string | Uint8Array>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-postfix-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

async function read(files: Record<string, string | Uint8Array>, of = service) {
  const counts = await readLogCounts(await findLogFiles([folderWith(files)]), of, { now });
  return { counts, ...summariseLog(counts, of) };
}

const smtpd = (pid: number, text: string, host = 'mx1.contoso.com') =>
  `Nov 24 09:00:07 ${host} postfix/smtpd[${pid}]: ${text}`;
const lines = (...all: string[]) => `${all.join('\n')}\n`;

/** Mails of clients, each from an address of its own. */
const mails = (count: number, remote: (index: number) => string, stamps: 'syslog' | 'rfc3339' = 'syslog') =>
  lines(
    ...Array.from({ length: count }, (_, index) =>
      mailLines(index, new Date('2026-11-24T09:00:07.123Z'), remote(index), { stamps }),
    ).flat(),
  );

describe('a session in a Postfix log', () => {
  it('is one of mail when a recipient was accepted, by whichever line says so', async () => {
    const { counts, log } = await read({
      'mail.log': lines(
        smtpd(1, 'connect from mail.fabrikam.com[203.0.113.40]'),
        smtpd(2, 'connect from unknown[2001:db8:5::40]'),
        smtpd(1, '4XyZ1: client=mail.fabrikam.com[203.0.113.40]'),
        // Before Postfix 3.0 the end of a session says no more than this.
        smtpd(1, 'disconnect from mail.fabrikam.com[203.0.113.40]'),
        smtpd(
          2,
          'NOQUEUE: reject: RCPT from unknown[2001:db8:5::40]: 554 5.7.1 <x@example.net>: Relay access denied; from=<a@fabrikam.com> to=<x@example.net> proto=ESMTP helo=<a>',
        ),
        smtpd(2, 'disconnect from unknown[2001:db8:5::40] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4'),
        smtpd(
          3,
          'disconnect from relay.fabrikam.com[203.0.113.41]:40110 ehlo=1 mail=1 rcpt=2/3 data=1 quit=1 commands=6/7',
        ),
        smtpd(4, 'connect from lb[192.0.2.5]'),
        smtpd(4, 'lost connection after CONNECT from lb[192.0.2.5]'),
        smtpd(4, 'disconnect from lb[192.0.2.5] commands=0/0'),
        smtpd(5, 'connect from localhost[127.0.0.1]'),
        smtpd(5, 'disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5'),
        smtpd(6, 'connect from unknown[unknown]'),
        smtpd(6, 'disconnect from unknown[unknown] commands=0/0'),
        smtpd(7, 'warning: hostname spoof.example does not resolve to address 198.51.100.9'),
        smtpd(7, 'timeout after CONNECT from unknown[198.51.100.9]'),
      ),
    });
    const sessions = counts.remotes.map(({ remoteIp, sessions, mailSessions }) => [remoteIp, sessions, mailSessions]);
    expect(sessions.sort()).toEqual([
      ['192.0.2.5', 1, 0],
      ['2001:db8:5::40', 1, 0],
      ['203.0.113.40', 1, 1],
      ['203.0.113.41', 1, 1],
    ]);
    expect(log).toMatchObject({ sessions: 4, mailSessions: 2, clientAddresses: 2 });
    expect(log.loadBalancer).toMatchObject({ mailSessions: 0, probeSessions: 1 });
    expect([counts.from, counts.to]).toEqual(['2026-11-24T09:00:07.000Z', '2026-11-24T09:00:07.000Z']);
  });

  it('counts when its end is missing, and once when another client follows in the same process', async () => {
    const { log } = await read({
      'mail.log': lines(
        smtpd(1, 'connect from a[203.0.113.40]'),
        smtpd(1, '4XyZ1: client=a[203.0.113.40]'),
        smtpd(1, 'connect from b[203.0.113.41]'),
      ).trimEnd(),
    });
    expect(log).toMatchObject({ sessions: 2, mailSessions: 1 });
  });

  it('goes on in the next file, and is counted once in a copy of it', async () => {
    const plain = lines(smtpd(1, 'connect from a[203.0.113.40]'), smtpd(1, '4XyZ1: client=a[203.0.113.40]'));
    const { log } = await read({
      'mail.log.1': plain,
      'mail.log.1.gz': gzipSync(plain),
      'mail.log': lines(smtpd(1, 'disconnect from a[203.0.113.40]')),
    });
    expect(log).toMatchObject({ files: 2, sessions: 1, mailSessions: 1 });
    const days = await findLogFiles([
      folderWith({ maillog: 'a\n', 'maillog-20261123': 'b\n', 'maillog-20261122.gz': 'c\n' }),
    ]);
    expect(days.map(({ path }) => path.split('/').at(-1))).toEqual([
      'maillog-20261122.gz',
      'maillog-20261123',
      'maillog',
    ]);
  });

  it('of another service of master.cf belongs to its port', async () => {
    const { log } = await read({
      maillog: lines(
        'Nov 24 09:00:07 mx1 postfix/submission/smtpd[9]: disconnect from a[203.0.113.40] ehlo=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=6',
        'Nov 24 09:00:07 mx1 postfix/10025/smtpd[9]: disconnect from a[203.0.113.40] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=6',
        'Nov 24 09:00:07 mx1 postfix-in/smtpd[9]: disconnect from a[203.0.113.40] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=6',
      ),
    });
    expect(log.otherPorts).toEqual([
      { port: 587, sessions: 1 },
      { port: 10025, sessions: 1 },
    ]);
    expect(log.mailSessions).toBe(1);
  });

  it('is of the VIP where postscreen says so', async () => {
    const screened = (to: string) =>
      lines(
        `Nov 24 09:00:06 mx1 postfix/postscreen[7]: CONNECT from [203.0.113.40]:51234 to [${to}]:25`,
        'Nov 24 09:00:06 mx1 postfix/postscreen[7]: PASS OLD [203.0.113.40]:51234',
        smtpd(1, 'disconnect from a[203.0.113.40] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5'),
      );
    const [atVip, past] = [
      await read({ 'mail.log': screened('192.0.2.25') }),
      await read({ 'mail.log': screened('192.0.2.13') }),
    ];
    expect(atVip.nodes.MX1).toMatchObject({ mailSessions: 1, pastVip: 0 });
    expect(atVip.local).toEqual({ mailSessions: 1, toVip: 1 });
    expect(past.nodes.MX1).toMatchObject({ mailSessions: 0, pastVip: 1 });
  });
});

describe('time stamps', () => {
  it('of syslog have no year: it is the last one in which they are past', async () => {
    const at = (stamp: string) => `${stamp} mx1 postfix/smtpd[1]: disconnect from a[203.0.113.40] rcpt=1 commands=1`;
    const { counts } = await read({ 'mail.log': lines(at('Dec 31 23:59:59'), at('Nov  3 01:02:03')) });
    expect([counts.from, counts.to]).toEqual(['2025-12-31T23:59:59.000Z', '2026-11-03T01:02:03.000Z']);
    // A server ahead of UTC writes what looks like hours to come.
    const ahead = await read({ 'mail.log': lines(at('Nov 24 12:00:00')) });
    expect(ahead.counts.to).toBe(now.toISOString());
  });

  it('of RFC 3339 hold their zone', async () => {
    const { counts } = await read({
      'mail.log': lines(
        '2026-11-24T10:30:00.123456+02:00 mx1 postfix/smtpd[1]: disconnect from a[203.0.113.40] rcpt=1 commands=1',
      ),
    });
    expect(counts.to).toBe('2026-11-24T08:30:00.123Z');
  });
});

describe('what a Postfix log proves', () => {
  it.each(['syslog', 'rfc3339'] as const)('is that clients show themselves (%s)', async (stamps) => {
    const text = mails(60, (index) => `203.0.113.${index}`, stamps);
    const analysis = await analyseSmtpLogs([folderWith({ 'mail.log': text })], service, now);
    expect(analysis.nodes[0]).toEqual({
      name: 'MX1',
      proof: {
        translation: 'preserved',
        mailSessions: 60,
        fromLoadBalancer: 0,
        clientAddresses: 60,
        ownMailSessions: 0,
        localNotTold: 60,
      },
    });
    expect(describeSmtpLogs(analysis)).toContain('MX1: Proves preserved: clients show their own addresses.');
  });

  it('is that the load balancer hides them, also when no line tells the senders', async () => {
    const hidden = mails(60, () => '192.0.2.5');
    const { nodes } = await analyseSmtpLogs([folderWith({ 'mail.log': hidden })], service, now);
    expect(nodes[0]?.proof).toMatchObject({ translation: 'source-nat', fromLoadBalancer: 60 });
    const bare = hidden.split('\n').filter((line) => !line.includes('qmgr'));
    const ofBare = await analyseSmtpLogs([folderWith({ 'mail.log': lines(...bare) })], service, now);
    expect(ofBare.nodes[0]?.proof).toMatchObject({ translation: 'source-nat', fromLoadBalancer: 60 });
  });

  it('is nothing about alerts of the load balancer itself', async () => {
    const alert = mailLines(900, new Date('2026-11-24T09:00:07Z'), '192.0.2.5');
    const text = mails(60, (index) => `203.0.113.${index}`) + lines(...alert);
    const { nodes } = await analyseSmtpLogs([folderWith({ 'mail.log': text })], service, now);
    expect(nodes[0]?.proof).toMatchObject({ translation: 'preserved', ownMailSessions: 1 });
  });

  it('is nothing when addresses that nobody declared speak for many senders', async () => {
    const pool = Array.from({ length: 60 }, (_, index) =>
      mailLines(index, new Date('2026-11-24T09:00:07Z'), `192.0.2.${6 + (index % 2)}`).map((line) =>
        line.replace('@fabrikam.com>, size', `@client${index % 12}.example>, size`),
      ),
    ).flat();
    const { nodes } = await analyseSmtpLogs([folderWith({ 'mail.log': lines(...pool) })], service, now);
    expect(nodes[0]?.proof).toEqual({
      nothing:
        '192.0.2.6 (6 domains of senders) and 192.0.2.7 (6 domains of senders) speak for many senders and are not declared: when that is the load balancer, it hides them',
    });
  });

  it('is nothing about hosts that are no node', async () => {
    const text = mails(30, (index) => `203.0.113.${index}`).replaceAll(' mx1 ', ' other ');
    const { log } = await analyseSmtpLogs([folderWith({ 'mail.log': text })], service, now);
    expect(log.strangers).toEqual([{ server: 'other', sessions: 30 }]);
  });
});

it('reads logs of both systems side by side', async () => {
  const exchange = Array.from({ length: 30 }, (_, index) =>
    sessionRows(index, new Date('2026-11-24T09:00:00Z'), `203.0.113.${index}`),
  ).flat();
  const { nodes, local } = await read({
    'RECV2026112409-1.LOG': `${header}${exchange.join('\r\n')}\r\n`,
    'mail.log': mails(30, () => '192.0.2.5'),
  });
  expect(nodes.EX1).toMatchObject({ mailSessions: 30, fromLoadBalancer: 0 });
  expect(nodes.MX1).toMatchObject({ mailSessions: 30, fromLoadBalancer: 30 });
  expect(local).toEqual({ mailSessions: 30, toVip: 30 });
});

it('counts a generated log whole, plain and compressed, whatever the size of the pieces', async () => {
  for (const gzip of [false, true]) {
    const folder = folderWith({});
    const path = join(folder, gzip ? 'mail.log.2.gz' : 'mail.log');
    await writePostfixLog(path, { mails: 5_000, natShare: 0.4, gzip });
    const counts = await readLogCounts(await findLogFiles([folder]), service, { now });
    const { log } = summariseLog(counts, service);
    expect(log).toMatchObject({ sessions: 5_000, mailSessions: 5_000 });
    expect(log.loadBalancer).toMatchObject({ mailSessions: 2_000, ehloNames: 16 });
  }
});

it('stays a log of another kind where no node runs Linux', async () => {
  const windows = smtpService.parse({ ...service, nodes: [{ name: 'MX1', address: '192.0.2.13' }] });
  const { log } = await read({ 'mail.log': mails(30, (index) => `203.0.113.${index}`) }, windows);
  expect(log.noReceiveLogs).toEqual([{ kind: 'Postfix log', files: 1 }]);
});
