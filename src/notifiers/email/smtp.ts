import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { Delivery } from '../../domain/notice.ts';
import { AddressRefused, createAddressGuard } from '../../http/address-guard.ts';
import { errorCode } from '../../http/failure-words.ts';
import type { Roots } from '../../http/roots.ts';
import type { Mail } from './message.ts';

/** Where mails are submitted (RFC 6409; with TLS from the first byte, RFC 8314). */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, STARTTLS or nothing is sent, or STARTTLS where it is offered. */
  readonly tls: 'implicit' | 'required' | 'if-offered';
  /** A credential. */
  readonly login?: { readonly user: string; readonly pass: string };
}

export interface SmtpOptions {
  readonly roots: Roots;
  /** Private, unique-local and loopback addresses are connected to. */
  readonly allowPrivate?: boolean;
  readonly timeLimitMs?: number;
}

const defaultTimeLimitMs = 15_000;

/**
 * Takes `smtp://USER:PASSWORD@HOST:587` or `smtps://…:465` apart, or says in one sentence, without showing it, why it cannot be
 * used. User and password are percent-encoded. `?tls=if-offered` lets a relay inside a network do without TLS, and then
 * without credentials.
 */
export function readSmtpUrl(url: string): SmtpServer | { readonly problem: string } {
  const parsed = URL.parse(url);
  if (parsed === null || !/^smtps?:$/.test(parsed.protocol) || parsed.hostname === '')
    return {
      problem:
        'The address is none of an SMTP server: write smtp://USER:PASSWORD@HOST:587 (STARTTLS) or smtps://USER:PASSWORD@HOST:465, with USER and PASSWORD percent-encoded.',
    };
  const implicit = parsed.protocol === 'smtps:';
  const asked = parsed.searchParams.get('tls');
  if (asked !== null && asked !== 'if-offered')
    return {
      problem: 'The address of the SMTP server asks for another "tls" than if-offered, which is all there is to ask.',
    };
  const login = loginOf(parsed);
  if (login === 'malformed')
    return {
      problem: 'User or password of the SMTP server are not percent-encoded: write %40 for @, %3A for :, %25 for %.',
    };
  if (login === 'half')
    return { problem: 'The address of the SMTP server has a user without a password: write both or neither.' };
  if (asked !== null && login !== undefined)
    return { problem: 'With tls=if-offered the password could be read on the way: leave out one of the two.' };
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? (implicit ? 465 : 587) : Number(parsed.port),
    tls: implicit ? 'implicit' : asked === null ? 'required' : 'if-offered',
    ...(login === undefined ? {} : { login }),
  };
}

function loginOf({ username, password }: URL): SmtpServer['login'] | 'half' | 'malformed' {
  if (username === '' && password === '') return undefined;
  if (username === '' || password === '') return 'half';
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  } catch {
    return 'malformed';
  }
}

/** Submits a mail. What it says never holds a credential, nor the server's words: some repeat what they were sent. */
export async function submit(
  server: SmtpServer,
  mail: Mail,
  signal: AbortSignal,
  { roots, allowPrivate = false, timeLimitMs = defaultTimeLimitMs }: SmtpOptions,
): Promise<Delivery> {
  const shown = `${server.host}:${server.port}`;
  const limit = AbortSignal.timeout(timeLimitMs);
  const ended = AbortSignal.any([signal, limit]);
  const stopped = (): Delivery => ({
    outcome: 'retry',
    detail: signal.aborted
      ? `Stopped before ${shown} took the mail; it is tried again.`
      : `${shown} did not take the mail within ${timeLimitMs / 1_000} s. It may have taken it all the same; then it comes twice, with one Message-ID.`,
  });
  if (signal.aborted) return stopped();
  let socket: Socket;
  try {
    socket = await connectTo(server, ended, allowPrivate);
  } catch (error) {
    if (ended.aborted) return stopped();
    return connectFailure(error, shown);
  }
  const { createTransport } = await import('nodemailer');
  const { host, tls, login } = server;
  const transport = createTransport({
    host,
    port: server.port,
    connection: socket,
    secure: tls === 'implicit',
    requireTLS: tls === 'required',
    tls: { servername: host, minVersion: 'TLSv1.2', ...(roots.ours.pem === undefined ? {} : { ca: roots.ours.pem }) },
    ...(login === undefined ? {} : { auth: login }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const stop = () => socket.destroy();
  ended.addEventListener('abort', stop, { once: true });
  try {
    const { to, references, ...rest } = mail;
    const { rejected } = await transport.sendMail({
      ...rest,
      to: [...to],
      ...(references === undefined ? {} : { references: [...references] }),
    });
    const refused = rejected.map((one: string | { readonly address: string }) =>
      typeof one === 'string' ? one : one.address,
    );
    const but = refused.length === 0 ? '' : ` It refused ${refused.join(', ')}: check these addresses.`;
    return {
      outcome: 'delivered',
      detail: `${shown} took the mail for ${to.length - refused.length} of ${to.length}.${but}`,
    };
  } catch (error) {
    return ended.aborted ? stopped() : failure(error, shown);
  } finally {
    ended.removeEventListener('abort', stop);
    transport.close();
    socket.destroy();
  }
}

/** Connects where the guard admits it, and only to what it looked up itself. */
function connectTo({ host, port }: SmtpServer, signal: AbortSignal, allowPrivate: boolean): Promise<Socket> {
  const guard = createAddressGuard({ allowPrivate, doing: 'posted to' });
  guard.admit(host);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, lookup: guard.lookup, signal });
    socket.once('connect', () => resolve(socket));
    socket.on('error', reject);
  });
}

function connectFailure(error: unknown, shown: string): Delivery {
  if (error instanceof AddressRefused)
    return {
      outcome: 'rejected',
      detail: `${shown} is not connected to: ${error.message}. Name a server on the internet; private ones need FIELDCHECK_ALLOW_PRIVATE.`,
    };
  return {
    outcome: 'retry',
    detail: `${shown} cannot be reached (${errorCode(error)}); it is tried again. Azure blocks port 25 outbound: use 587 or 465.`,
  };
}

/** What nodemailer's codes and the server's answer (RFC 5321 section 4.2, RFC 3463) mean, with what to do. */
function failure(error: unknown, shown: string): Delivery {
  const { code = '', responseCode, response } = error as { code?: string; responseCode?: number; response?: string };
  const enhanced = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(response ?? '')?.[0];
  const answered =
    responseCode === undefined
      ? shown
      : `${shown} answered ${responseCode}${enhanced === undefined ? '' : ` ${enhanced}`}`;
  const passing = responseCode !== undefined && responseCode >= 400 && responseCode < 500;
  if (passing) return { outcome: 'retry', detail: `${answered}: not now; it is tried again.` };
  switch (code) {
    case 'EAUTH':
      return {
        outcome: 'rejected',
        detail: `${answered}: it refuses user name and password. Check both in the setting. Exchange Online gives up passwords for SMTP: leave out the url there, so that Microsoft Graph sends.`,
      };
    case 'ETLS':
      if (responseCode === undefined && /CERT|ISSUER|ALTNAME|SELF_SIGNED/.test(causeOf(error)))
        return untrusted(shown, causeOf(error));
      return {
        outcome: 'rejected',
        detail: `${shown} does not offer STARTTLS, so nothing was sent. Use another port (587) or server; a relay inside your network that needs no password can be used with ?tls=if-offered.`,
      };
    case 'EENVELOPE':
      return {
        outcome: 'rejected',
        detail: `${answered}: it refuses the sender or every recipient. Check "from" (may this user send as it?) and "to" in the document.`,
      };
    case 'EMESSAGE':
      return {
        outcome: 'rejected',
        detail:
          responseCode === 552
            ? `${answered}: the mail is larger than it takes. Raise the limit of the server.`
            : `${answered}: it refuses the mail. Check its rules for what "from" may send.`,
      };
    default: {
      const reason = causeOf(error);
      if (/CERT|ISSUER|ALTNAME|SELF_SIGNED/.test(reason)) return untrusted(shown, reason);
      return { outcome: 'retry', detail: `${answered}: the conversation broke off (${reason}); it is tried again.` };
    }
  }
}

function untrusted(shown: string, code: string): Delivery {
  return {
    outcome: 'retry',
    detail: `the certificate of ${shown} is not trusted (${code}), so nothing was sent; it is tried again. If it is yours, name its root in NODE_EXTRA_CA_CERTS.`,
  };
}

/** nodemailer puts its own code over Node's, which stands in the cause, or in the message alone. */
function causeOf(error: unknown): string {
  const { cause, code, message } = error as { cause?: unknown; code?: string; message?: string };
  const inner = cause === undefined ? 'network error' : errorCode(cause);
  if (inner !== 'network error') return inner;
  const known = /self-signed certificate|unable to verify|altnames|certificate has expired/i.exec(message ?? '');
  return known === null ? (code ?? 'network error') : 'CERT_NOT_TRUSTED';
}
