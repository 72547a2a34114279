import { once } from 'node:events';
import { appendFileSync, createWriteStream, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';

/** How clients appear in a generated receive log. */
export interface GeneratedLog {
  readonly sessions: number;
  /** Share of sessions that come from the load balancer. */
  readonly natShare: number;
  /** Share of malformed lines. */
  readonly malformed?: number;
  readonly server?: string;
  readonly gzip?: boolean;
  /** First row, ISO 8601. */
  readonly from?: string;
}

export const header =
  '#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP Receive Protocol Log\r\n#Date: 2026-11-24T00:00:00.000Z\r\n#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n';

/** One session as Exchange writes it: 16 rows and about 2,400 bytes, interleaved by the caller. */
export function sessionRows(index: number, at: Date, remote: string, server = 'EX1'): string[] {
  const id = sessionId(index);
  const endpoint = `${remote}:${40_000 + (index % 20_000)}`;
  const local = remote === '192.0.2.5' ? '192.0.2.11:25' : '192.0.2.25:25';
  const name = remote === '192.0.2.5' ? `client${index % 400}.fabrikam.com` : `mail${index % 900}.fabrikam.com`;
  const time = new Date(at.getTime()).toISOString();
  const row = (sequence: number, event: string, data: string, context = '') =>
    `${time},${server}\\Default Frontend ${server},${id},${sequence},${local},${endpoint},${event},${data},${context}`;
  return [
    row(0, '+', ''),
    row(
      1,
      '*',
      'SMTPSubmit SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender AcceptRoutingHeaders',
      'Set Session Permissions',
    ),
    row(2, '>', `"220 ${server}.contoso.com Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 10:00:10 +0100"`),
    row(3, '<', `EHLO ${name}`),
    row(
      4,
      '>',
      `250  ${server}.contoso.com Hello [${remote}] SIZE 36700160 PIPELINING DSN ENHANCEDSTATUSCODES STARTTLS 8BITMIME BINARYMIME CHUNKING SMTPUTF8`,
    ),
    row(5, '<', 'STARTTLS'),
    row(6, '>', '220 2.0.0 SMTP server ready'),
    row(
      7,
      '*',
      ' CN=mail.contoso.com CN=Contoso Issuing CA, O=Contoso, C=NL 4D0000001A2B3C4D5E6F7A8B9C0D1E2F3A4B5C6D 2026-01-01T00:00:00.000Z 2027-01-01T00:00:00.000Z mail.contoso.com',
      '"Sending certificate Subject, Issuer name, Serial number, Thumbprint"',
    ),
    row(
      8,
      '*',
      '',
      `"TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption algorithm CALG_AES_256, strength 256 bits"`,
    ),
    row(9, '<', `MAIL FROM:<sender${index % 5000}@fabrikam.com> SIZE=48213`),
    row(10, '<', 'RCPT TO:<adele@contoso.com>'),
    row(11, '>', '250 2.1.0 Sender OK'),
    row(12, '<', 'BDAT 48213 LAST'),
    row(
      13,
      '>',
      `"250 2.6.0 <${id}@fabrikam.com> [InternalId=${index}, Hostname=${server}.contoso.com] 49121 bytes in 0.101, 474.2 KB/sec Queued mail for delivery"`,
    ),
    row(14, '<', 'QUIT'),
    row(15, '-', '', 'Local'),
  ];
}

/** Begins the rows of a connection; then notes each command received (`<`) and each line sent (`>`). */
export type ReceiveLog = (socket: Socket) => (event: '<' | '>', data: string) => void;

/** Keeps the receive log of real connections, as Exchange does: what both ends of each connection are, and what is said. */
export function receiveLog(folder: string, server: string): ReceiveLog {
  const hour = new Date().toISOString().replace(/\D/g, '').slice(0, 10);
  const path = join(folder, `RECV${hour}-1.LOG`);
  writeFileSync(path, header);
  let sessions = 0;
  return (socket) => {
    const session = [`${server}\\Default Frontend ${server}`, sessionId(sessions++)];
    const ends = [`${socket.localAddress}:${socket.localPort}`, `${socket.remoteAddress}:${socket.remotePort}`];
    let sequence = 0;
    const note = (event: string, data: string, context = '') =>
      appendFileSync(
        path,
        `${[new Date().toISOString(), ...session, sequence++, ...ends, event, quoted(data), context].join()}\r\n`,
      );
    note('+', '');
    socket.once('close', () => note('-', '', 'Local'));
    return note;
  };
}

const quoted = (data: string) => (/[,"]/.test(data) ? `"${data.replaceAll('"', '""')}"` : data);

const sessionId = (index: number) => (0x08dd5a0c11e2f3a1n + BigInt(index)).toString(16).toUpperCase().padStart(16, '0');

/** Writes a log of many sessions, eight interleaved at a time. */
export async function writeReceiveLog(path: string, options: GeneratedLog): Promise<void> {
  const { sessions, natShare, malformed = 0, server = 'EX1' } = options;
  const file = createWriteStream(path);
  const out = options.gzip === true ? createGzip({ level: 1 }) : file;
  if (out !== file) out.pipe(file);
  const start = Date.parse(options.from ?? '2026-11-24T00:00:00.000Z');
  out.write(header);
  let text = '';
  let line = 0;
  const every = malformed === 0 ? 0 : Math.round(1 / malformed);
  for (let index = 0; index < sessions; index += 8) {
    const group = Array.from({ length: Math.min(8, sessions - index) }, (_, member) => {
      const at = new Date(start + (index / sessions) * 8 * 3_600_000);
      const nat = ((index + member) % 1000) / 1000 < natShare;
      const client = index + member;
      const remote = nat ? '192.0.2.5' : `203.0.113.${1 + (client % 250)}`;
      return sessionRows(client, at, remote, server);
    });
    for (let row = 0; row < 16; row++) {
      for (const rows of group) {
        text += `${rows[row]}\r\n`;
        line++;
        if (every > 0 && line % every === 0) text += 'this line, is no row of a receive log\r\n';
      }
    }
    if (text.length > 1 << 20) {
      if (!out.write(text, 'latin1')) await once(out, 'drain');
      text = '';
    }
  }
  out.end(text, 'latin1');
  await once(file, 'close');
}
