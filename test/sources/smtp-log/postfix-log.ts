import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createGzip } from 'node:zlib';

/** How clients appear in a generated Postfix log. */
export interface GeneratedPostfixLog {
  readonly mails: number;
  /** Share of mails that come from the load balancer. */
  readonly natShare: number;
  readonly host?: string;
  readonly gzip?: boolean;
  readonly stamps?: 'syslog' | 'rfc3339';
}

/** One mail as Postfix 3.7 logs it on Debian: eight lines and about 900 bytes. */
export function mailLines(index: number, at: Date, remote: string, { host = 'mx1', stamps = 'syslog' } = {}): string[] {
  const id = `4Y${index.toString(36).toUpperCase().padStart(9, '0')}z9`;
  const pid = 20_000 + (index % 97);
  const name = remote === '192.0.2.5' ? 'lb.contoso.com' : `mail${index % 900}.fabrikam.com`;
  const domain = remote === '192.0.2.5' ? `client${index % 400}.fabrikam.com` : 'fabrikam.com';
  const stamp = stamps === 'syslog' ? syslogStamp(at) : at.toISOString().replace('Z', '456+00:00');
  const line = (process: string, text: string) => `${stamp} ${host} postfix/${process}: ${text}`;
  return [
    line(`smtpd[${pid}]`, `connect from ${name}[${remote}]`),
    line(`smtpd[${pid}]`, `${id}: client=${name}[${remote}]`),
    line('cleanup[812]', `${id}: message-id=<${index}.20261124@fabrikam.com>`),
    line('qmgr[801]', `${id}: from=<sender${index % 50}@${domain}>, size=48213, nrcpt=1 (queue active)`),
    line(
      `smtpd[${pid}]`,
      `disconnect from ${name}[${remote}] ehlo=2 starttls=1 mail=1 rcpt=1 bdat=1 quit=1 commands=7`,
    ),
    line(
      'lmtp[815]',
      `${id}: to=<adele@contoso.com>, relay=mail.contoso.com[private/dovecot-lmtp], delay=0.21, delays=0.1/0/0.01/0.1, dsn=2.0.0, status=sent (250 2.0.0 <adele@contoso.com> Saved)`,
    ),
    line('qmgr[801]', `${id}: removed`),
    line('anvil[820]', `statistics: max connection rate 1/60s for (smtp:${remote}) at ${syslogStamp(at)}`),
  ];
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 24 09:00:07` */
export function syslogStamp(at: Date): string {
  return `${months[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${at.toISOString().slice(11, 19)}`;
}

/** Writes a log of mails, a second apart at most, from 900 clients and the load balancer. */
export async function writePostfixLog(path: string, options: GeneratedPostfixLog): Promise<void> {
  const { mails, natShare, gzip = false } = options;
  const out = createWriteStream(path);
  const sink = gzip ? createGzip() : out;
  if (gzip) (sink as ReturnType<typeof createGzip>).pipe(out);
  const start = Date.UTC(2026, 10, 24);
  let text = '';
  for (let index = 0; index < mails; index++) {
    const at = new Date(start + Math.floor((index / mails) * 36_000_000));
    const remote = (index % 100) / 100 < natShare ? '192.0.2.5' : `203.0.113.${index % 250}`;
    text += `${mailLines(index, at, remote, options).join('\n')}\n`;
    if (text.length < 1 << 20 && index < mails - 1) continue;
    if (!sink.write(text)) await once(sink, 'drain');
    text = '';
  }
  sink.end();
  await once(out, 'close');
}
