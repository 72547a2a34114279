import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smtpService } from '../../../src/facts/smtp-service/subject.ts';
import { readLogCounts } from '../../../src/sources/smtp-log/analyse.ts';
import { findLogFiles } from '../../../src/sources/smtp-log/files.ts';
import { logProof } from '../../../src/sources/smtp-log/proof.ts';
import { summariseLog } from '../../../src/sources/smtp-log/summary.ts';
import { header, sessionRows, writeReceiveLog } from './receive-log.ts';

const service = smtpService.parse({
  kind: 'smtp-service',
  id: 'smtp-in',
  vips: ['192.0.2.25:25', '[2001:db8::25]:25'],
  loadBalancerAddresses: ['192.0.2.5'],
  nodes: [{ name: 'EX1', address: '192.0.2.11' }],
});
const now = new Date('2026-11-24T10:00:00.000Z');

const folder = () => mkdtempSync(join(tmpdir(), 'fieldcheck-logs-'));

async function analyse(files: Record<string, string | Uint8Array>, workers = 1) {
  const path = folder();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return readLogCounts(await findLogFiles([path]), service, { workers });
}

const at = (time: string) => `2026-11-24T${time}Z`;
const rows = (...lines: string[]) => `${header}${lines.join('\r\n')}\r\n`;
const name = 'RECV2026112409-1.LOG';

describe('rows', () => {
  it('reads the shape Exchange writes: interleaved, IPv6, quoted, probe-shaped', async () => {
    const counts = await analyse({
      [name]: rows(
        `${at('09:00:07.118')},EX1\\Relay,08DD5A0C11E2F3A1,0,192.0.2.11:25,192.0.2.5:41822,+,,`,
        `${at('09:00:07.119')},EX1\\Relay,08DD5A0C11E2F3A1,1,192.0.2.11:25,192.0.2.5:41822,*,SMTPSubmit SMTPAcceptAnySender SMTPAcceptAnyRecipient AcceptRoutingHeaders,Set Session Permissions`,
        `${at('09:00:07.140')},EX1\\Relay,08DD5A0C11E2F3A2,0,192.0.2.25:25,203.0.113.40:50917,+,,`,
        `${at('09:00:07.166')},EX1\\Relay,08DD5A0C11E2F3A1,3,192.0.2.11:25,192.0.2.5:41822,<,EHLO printer7.contoso.com,`,
        `${at('09:00:07.201')},EX1\\Relay,08DD5A0C11E2F3A1,5,192.0.2.11:25,192.0.2.5:41822,<,MAIL FROM:<scan@contoso.com>,`,
        `${at('09:00:08.201')},EX1\\Relay,08DD5A0C11E2F3A1,6,192.0.2.11:25,192.0.2.5:41822,-,,Local`,
        `${at('09:00:09.000')},EX1\\Default Frontend EX1,08DD5A0C11E2F3A3,0,[2001:db8::25]:25,[2001:db8:5::40]:50920,+,,`,
        `${at('09:00:09.100')},EX1\\Default Frontend EX1,08DD5A0C11E2F3A3,1,[2001:db8::25]:25,[2001:db8:5::40]:50920,<,"MAIL FROM:<a@fabrikam.com> X=""1,2""",`,
        `${at('09:00:10.002')},EX1\\Relay,08DD5A0C11E2F3A4,0,192.0.2.11:25,192.0.2.5:41830,+,,`,
        `${at('09:00:10.003')},EX1\\Relay,08DD5A0C11E2F3A4,1,192.0.2.11:25,192.0.2.5:41830,>,"220 EX1.contoso.com Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 10:00:10 +0100",`,
        `${at('09:00:10.004')},EX1\\Relay,08DD5A0C11E2F3A4,2,192.0.2.11:25,192.0.2.5:41830,-,,Remote(SocketError)`,
        `${at('09:00:11.000')},"EX1\\Relay, second",08DD5A0C11E2F3A5,0,192.0.2.25:25,203.0.113.41:5,+,,`,
        `${at('09:00:11.001')},"EX1\\Relay, second",08DD5A0C11E2F3A5,1,192.0.2.25:25,203.0.113.41:5,<,MAIL FROM:<b@fabrikam.com>,`,
        `${at('09:00:11.002')},"EX1\\Relay, second",08DD5A0C11E2F3A5,2,192.0.2.25:25,203.0.113.41:5,-,,Local`,
      ),
    });
    expect([counts.rows, counts.malformedRows]).toEqual([14, 0]);
    expect([counts.from, counts.to]).toEqual([at('09:00:07.118'), at('09:00:11.002')]);
    const { log, local } = summariseLog(counts, service);
    expect(log.newestLoadBalanced).toBe(at('09:00:11.002'));
    expect(log).toMatchObject({
      sessions: 5,
      mailSessions: 3,
      clientAddresses: 2,
      loadBalancer: {
        mailSessions: 1,
        // One name from a declared address is a monitor's.
        monitorMailSessions: 1,
        probeSessions: 1,
        ehloNames: 1,
        anyRecipientSessions: 0,
        anyRecipientConnectors: [],
      },
    });
    expect(local).toEqual({ mailSessions: 3, toVip: 2 });
  });

  it('leaves out Exchange talking to itself, other ports and other services of the server', async () => {
    const session = (id: string, local: string, remote: string, ...said: string[]) => [
      `${at('09:00:00.000')},EX1\\Default Frontend EX1,${id},0,${local},${remote},+,,`,
      ...said.map((text) => `${at('09:00:00.001')},EX1\\Default Frontend EX1,${id},1,${local},${remote},<,${text},`),
      `${at('09:00:00.002')},EX1\\Default Frontend EX1,${id},2,${local},${remote},-,,Local`,
    ];
    const counts = await analyse({
      [name]: rows(
        ...session(
          '08DD5A0C11E2F3B1',
          '192.0.2.11:25',
          '192.0.2.11:4000',
          'EHLO ex1.contoso.com',
          'MAIL FROM:<x@contoso.com>',
        ),
        ...session('08DD5A0C11E2F3B2', '127.0.0.1:25', '127.0.0.1:4001', 'MAIL FROM:<x@contoso.com>'),
        ...session('08DD5A0C11E2F3B3', '192.0.2.11:2525', '203.0.113.9:4002', 'MAIL FROM:<x@contoso.com>'),
        ...session(
          '08DD5A0C11E2F3B4',
          '192.0.2.11:25',
          '203.0.113.9:4003',
          'EHLO SMTP.AVAILABILITY.CONTOSO.COM',
          'MAIL FROM:<y@contoso.com>',
        ),
        ...session('08DD5A0C11E2F3B5', '192.0.2.11:25', '203.0.113.9:4004', 'MAIL FROM:<inboundproxy@contoso.com>'),
        ...session(
          '08DD5A0C11E2F3B6',
          '192.0.2.25:25',
          '203.0.113.9:4005',
          'ehlo mail.fabrikam.com',
          'mail from:<z@fabrikam.com>',
        ),
      ),
    });
    const { log } = summariseLog(counts, service);
    expect([log.sessions, log.mailSessions, log.busiest]).toEqual([
      1,
      1,
      [{ address: '203.0.113.9', mailSessions: 1, ehloNames: 1 }],
    ]);
    expect(log.otherPorts).toEqual([{ port: 2525, sessions: 1 }]);
  });

  it('counts every malformed line and stops at none; takes a cut last line, a header in the middle and bare line feeds', async () => {
    const good = sessionRows(1, new Date(at('09:00:00.000')), '203.0.113.40');
    const text = `${header}${good.slice(0, 8).join('\n')}\nnonsense\n2026-11-24T09:00:00.000Z,too,few\n\n${header}${good.slice(8).join('\n')}\n${good[0]?.slice(0, 60)}`;
    const counts = await analyse({ [name]: text });
    expect([counts.rows, counts.malformedRows]).toEqual([19, 3]);
    expect(summariseLog(counts, service).log.mailSessions).toBe(1);
  });

  it('maps columns by their names when a file has others', async () => {
    const counts = await analyse({
      [name]: [
        '#Fields: date-time,session-id,connector-id,sequence-number,local-endpoint,remote-endpoint,event,data,context,extra',
        `${at('09:00:00.000')},08DD5A0C11E2F3A1,EX1\\Relay,0,192.0.2.25:25,203.0.113.40:1,+,,,x`,
        `${at('09:00:00.001')},08DD5A0C11E2F3A1,EX1\\Relay,1,192.0.2.25:25,203.0.113.40:1,<,"MAIL FROM:<a,b@fabrikam.com>",,x`,
        `${at('09:00:00.002')},08DD5A0C11E2F3A1,EX1\\Relay,2,192.0.2.25:25,203.0.113.40:1,-,,Local,x`,
        '',
      ].join('\r\n'),
    });
    expect(counts.remotes).toEqual([
      expect.objectContaining({ connector: 'EX1\\Relay', remoteIp: '203.0.113.40', mailSessions: 1 }),
    ]);
  });

  it('reads gzip, UTF-16 and a byte order mark', async () => {
    const text = `${header}${sessionRows(1, new Date(at('09:00:00.000')), '203.0.113.40').join('\r\n')}\r\n`;
    const again = text.replaceAll('08DD5A0C11E2F3A2', '08DD5A0C11E2F3FF');
    const third = text.replaceAll('08DD5A0C11E2F3A2', '08DD5A0C11E2F300');
    const counts = await analyse({
      'RECV2026112409-1.LOG.gz': gzipSync(text),
      'RECV2026112409-2.LOG': Buffer.from(`\ufeff${again}`, 'utf16le'),
      'RECV2026112409-3.LOG': `\ufeff${third}`,
    });
    expect([counts.files, counts.rows, counts.malformedRows]).toEqual([3, 48, 0]);
    expect(counts.remotes).toEqual([expect.objectContaining({ sessions: 3, mailSessions: 3 })]);
  });
});

describe('what a session was granted', () => {
  const granted = 'SMTPSubmit SMTPAcceptAnySender SMTPAcceptAnyRecipient AcceptRoutingHeaders';
  const session = (id: string, remote: string, ...events: [string, string, string?][]) => [
    `${at('09:00:00.000')},EX1\\Relay,${id},0,192.0.2.25:25,${remote}:4000,+,,`,
    ...events.map(
      ([event, data, context = ''], index) =>
        `${at('09:00:00.001')},EX1\\Relay,${id},${index + 1},192.0.2.25:25,${remote}:4000,${event},${data},${context}`,
    ),
    `${at('09:00:00.002')},EX1\\Relay,${id},9,192.0.2.25:25,${remote}:4000,-,,Local`,
  ];
  const [hello, mail] = [
    ['<', 'EHLO app.contoso.com'] as [string, string],
    ['<', 'MAIL FROM:<a@contoso.com>'] as [string, string],
  ];

  it('counts before signing in, by whatever mechanism, and not after', async () => {
    const counts = await analyse({
      [name]: rows(
        ...session('08DD5A0C11E2F3C1', '198.51.100.1', ['*', granted, 'Set Session Permissions'], hello, mail),
        ...session(
          '08DD5A0C11E2F3C2',
          '198.51.100.2',
          hello,
          ['<', 'AUTH LOGIN'],
          ['*', granted, 'Set Session Permissions'],
          mail,
        ),
        ...session(
          '08DD5A0C11E2F3C3',
          '198.51.100.3',
          hello,
          ['<', 'X-EXPS GSSAPI'],
          ['*', granted, 'Set Session Permissions'],
          mail,
        ),
      ),
    });
    const { log } = summariseLog(counts, service);
    expect(log.unapprovedRelay).toEqual([{ address: '198.51.100.1', sessions: 1, connectors: ['EX1/Relay'] }]);
  });

  it('knows of signing in that stands in an earlier file', async () => {
    const all = session(
      '08DD5A0C11E2F3C4',
      '198.51.100.2',
      hello,
      ['<', 'AUTH LOGIN'],
      ['*', granted, 'Set Session Permissions'],
      mail,
    );
    const counts = await analyse({
      'RECV2026112409-1.LOG': rows(...all.slice(0, 3)),
      'RECV2026112410-1.LOG': rows(...all.slice(3)),
    });
    const { log } = summariseLog(counts, service);
    expect([log.sessions, log.unapprovedRelay]).toEqual([1, []]);
  });
});

describe('what is no receive log of the service', () => {
  const session = sessionRows(1, new Date(at('09:00:00.000')), '203.0.113.40');

  it('is named: other kinds of log by what they say, Postfix by its lines', async () => {
    const {
      rows: read,
      malformedRows,
      noReceiveLogs,
      remotes,
    } = await analyse({
      'RECV2026112409-1.LOG': `${header.replace('SMTP Receive', 'SMTP Send')}${session.join('\r\n')}\r\n`,
      'RECV2026112409-2.LOG': `${header.replace('SMTP Receive Protocol Log', 'Message Tracking Log')}${session.slice(1).join('\r\n')}\r\n`,
      'RECV2026112409-3.LOG': 'Nov 24 09:00:01 mx1 postfix/smtpd[811]: connect from mail.fabrikam.com[198.51.100.9]\n',
      'RECV2026112409-4.LOG': 'a letter, to somebody\n',
    });
    expect([read, malformedRows, remotes]).toEqual([0, 0, []]);
    expect(noReceiveLogs).toEqual([
      { kind: 'SMTP Send Protocol Log', files: 1 },
      { kind: 'Message Tracking Log', files: 1 },
      { kind: 'Postfix log', files: 1 },
      { kind: 'unknown text', files: 1 },
    ]);
  });

  it.each([
    ['PK\u0003\u0004\u0014', 'ZIP archive, which has to be unpacked first'],
    ['7z\xbc\xaf\x27\x1c', '7-Zip archive, which has to be unpacked first'],
  ])('is named: an archive', async (start, kind) => {
    const { noReceiveLogs } = await analyse({ [name]: Buffer.from(`${start}${'\x07'.repeat(400)}`, 'latin1') });
    expect(noReceiveLogs).toEqual([{ kind, files: 1 }]);
  });

  it('is named: a file that breaks off, of which counts what was read, and so do the others', async () => {
    const many = Array.from({ length: 600 }, (_, index) =>
      sessionRows(index + 10, new Date(at('09:00:00.000')), `203.0.113.${index % 250}`),
    ).flat();
    const cut = gzipSync(rows(...many)).subarray(0, 20_000);
    for (const workers of [1, 2]) {
      const counts = await analyse({ [name]: rows(...session), 'RECV2026112410-1.LOG.gz': cut }, workers);
      expect(counts.unreadable).toEqual([
        { file: 'RECV2026112410-1.LOG.gz', why: 'the compressed file is cut off before its end' },
      ]);
      expect(summariseLog(counts, service).log.sessions).toBeGreaterThanOrEqual(1);
    }
  });

  it('is named: servers that are no node', async () => {
    const { log } = summariseLog(
      await analyse({
        [name]: rows(...session, ...sessionRows(2, new Date(at('09:00:00.000')), '203.0.113.40', 'HUB9')),
      }),
      service,
    );
    expect([log.sessions, log.strangers]).toEqual([1, [{ server: 'HUB9', sessions: 1 }]]);
  });
});

describe('files', () => {
  it('puts a session over two files together, whoever reads them', async () => {
    const session = sessionRows(1, new Date(at('09:59:59.000')), '192.0.2.5');
    // Both files together are just worth workers: 35 MB.
    const padding = Array.from({ length: 6_400 }, (_, index) =>
      sessionRows(index + 10, new Date(at('09:59:58.000')), '203.0.113.40').join('\r\n'),
    ).join('\r\n');
    const files = {
      'RECV2026112409-1.LOG': `${header}${padding}\r\n${session.slice(0, 6).join('\r\n')}\r\n`,
      'RECV2026112410-1.LOG': `${header}${session.slice(6).join('\r\n')}\r\n${padding.replaceAll('08DD5A0C', '08DD5A0D')}\r\n`,
    };
    for (const workers of [1, 2]) {
      const { log } = summariseLog(await analyse(files, workers), service);
      expect([log.sessions, log.mailSessions, log.loadBalancer.mailSessions]).toEqual([12_801, 12_801, 1]);
    }
  }, 60_000);

  it('counts a session once that stands in a plain and a compressed file, and takes the longer of the two', async () => {
    const whole = `${header}${sessionRows(1, new Date(at('09:00:00.000')), '203.0.113.40').join('\r\n')}\r\n${sessionRows(2, new Date(at('09:00:01.000')), '203.0.113.41').join('\r\n')}\r\n`;
    const path = folder();
    mkdirSync(join(path, 'archive'));
    writeFileSync(join(path, name), whole.slice(0, whole.length / 2));
    writeFileSync(join(path, 'archive', `${name}.gz`), gzipSync(whole));
    const files = await findLogFiles([path]);
    expect(files.map((file) => file.path)).toEqual([join(path, 'archive', `${name}.gz`)]);
    const counts = await readLogCounts(files, service, { workers: 1 });
    expect(summariseLog(counts, service).log.mailSessions).toBe(2);
  });

  it('finds logs in folders, in the order of their hours, and names a path that is not there', async () => {
    const path = folder();
    for (const file of ['RECV2026112410-1.LOG', 'recv2026112409-10.log', 'RECV2026112409-2.LOG', 'notes.txt']) {
      writeFileSync(join(path, file), '');
    }
    const files = await findLogFiles([path]);
    expect(files.map((file) => file.path.slice(path.length + 1))).toEqual([
      'RECV2026112409-2.LOG',
      'recv2026112409-10.log',
      'RECV2026112410-1.LOG',
    ]);
    await expect(findLogFiles([join(path, 'gone')])).rejects.toThrow(/there is no such file or folder/);
    await expect(findLogFiles([folder()])).rejects.toThrow(/holds no receive log \(RECV\*\.LOG/);
  });
});

describe('the decision', () => {
  const decide = async (natShare: number) => {
    const path = join(folder(), 'RECV2026112409-1.LOG');
    await writeReceiveLog(path, { sessions: 2000, natShare, malformed: 0.03 });
    const counts = await readLogCounts(await findLogFiles([path]), service, { workers: 1 });
    expect(counts.malformedRows).toBe(Math.floor(32_000 / 33));
    const { EX1: log } = summariseLog(counts, service).nodes;
    if (log === undefined) throw new Error('the log tells nothing of EX1');
    return logProof(log, service, now);
  };

  it('tells source NAT, partial and preserved apart', async () => {
    expect(await decide(1)).toMatchObject({ translation: 'source-nat', mailSessions: 2000, fromLoadBalancer: 2000 });
    expect(await decide(0.4)).toMatchObject({ translation: 'partial', fromLoadBalancer: 800 });
    expect(await decide(0)).toMatchObject({ translation: 'preserved', clientAddresses: 250 });
  });
});

it('takes any bytes: counts lines, never throws, and good rows among them are found', async () => {
  const good = sessionRows(1, new Date(at('09:00:00.000')), '203.0.113.40').join('\n');
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.constantFrom(',,,,,,,,', '"', '"unclosed,', '#Fields: x', at('09:00:00.000')),
        ),
        {
          maxLength: 12,
        },
      ),
      async (noise) => {
        const lines = noise.map((piece) =>
          Buffer.from(piece as Uint8Array)
            .toString('latin1')
            .replaceAll(/[\r\n]/g, ' ')
            .replace(/^#.*$/, 'x'),
        );
        // The first line decides whether a file is gzip or UTF-16, and that is another test.
        const text = `x\n${lines.join('\n')}\n${good}\n`;
        const counts = await analyse({ [name]: Buffer.from(text, 'latin1') });
        expect(counts.remotes).toEqual([expect.objectContaining({ remoteIp: '203.0.113.40', mailSessions: 1 })]);
        expect(counts.rows - counts.malformedRows).toBe(16);
      },
    ),
    { numRuns: 60 },
  );
});
