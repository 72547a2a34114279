import { Unobtainable } from '../../domain/fact-set.ts';
import type { Delivery } from '../../domain/notice.ts';
import { createHttp, type Http } from '../../http/client.ts';
import type { ChannelAddress } from '../address.ts';
import { post } from '../post.ts';
import type { Mail } from './message.ts';

/** Who sends through Microsoft Graph. */
export interface GraphSender {
  /** Microsoft Graph of the tenant's cloud: an https origin. */
  readonly origin: string;
  /** Client id of what signs in. */
  readonly clientId: string;
  /** An app-only token. @param rejected one that Graph did not take. @throws Unobtainable */
  readonly token: (rejected?: string) => Promise<string>;
  readonly http?: Http;
}

const page = 'infra/operations/channels/email.md says how';
const trusted = createHttp();

/**
 * Sends a mail as `from` with the permission Mail.Send (Graph `user: sendMail`, in MIME format: base64 in text/plain, so that
 * Message-ID and References are ours; learn.microsoft.com/graph/api/user-sendmail).
 */
export async function sendThroughGraph(
  { origin, clientId, token, http = trusted }: GraphSender,
  mail: Mail,
  signal: AbortSignal,
  timeLimitMs?: number,
): Promise<Delivery> {
  const mailbox = mail.from;
  const to = addressOf(origin, `/v1.0/users/${encodeURIComponent(mailbox)}/sendMail`);
  if (signal.aborted)
    return { outcome: 'retry', detail: 'Stopped before Microsoft Graph took the mail; it is tried again.' };
  // Its token would be read on the way.
  if (to.scheme !== 'https')
    return {
      outcome: 'rejected',
      detail: `Microsoft Graph is spoken to over https only. Check FIELDCHECK_ENDPOINT_GRAPH.`,
    };
  const body = (await compose(mail)).toString('base64');
  const advice = (status: number, text: string) => adviceOn(status, text, mailbox, clientId);
  const limit = timeLimitMs === undefined ? {} : { timeLimitMs };
  try {
    let bearer = await token();
    for (let attempt = 1; ; attempt++) {
      let unauthorized = false;
      const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'text/plain' };
      const delivery = await post(
        to,
        body,
        signal,
        headers,
        (status, text) => {
          unauthorized = status === 401;
          return advice(status, text);
        },
        { http, ...limit },
      );
      // It may have expired, or the rights changed since.
      if (!unauthorized || attempt === 2) return delivery;
      bearer = await token(bearer);
    }
  } catch (error) {
    if (!(error instanceof Unobtainable)) throw error;
    // Rights and settings can be mended, so the notice waits for that.
    return { outcome: 'retry', detail: `${error.message}; it is tried again.` };
  }
}

function addressOf(origin: string, target: string): ChannelAddress {
  const { host, hostname, protocol } = new URL(origin);
  return {
    scheme: protocol === 'http:' ? 'http' : 'https',
    authority: host,
    host: hostname,
    target,
    shown: 'Microsoft Graph',
  };
}

async function compose({ to, references, ...mail }: Mail): Promise<Buffer> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
  const { message } = await transport.sendMail({
    ...mail,
    to: [...to],
    ...(references === undefined ? {} : { references: [...references] }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return message as Buffer;
}

function adviceOn(status: number, body: string, mailbox: string, clientId: string): string | undefined {
  const code = codeOf(body);
  const said = code === undefined ? '' : ` (${code})`;
  switch (status) {
    case 401:
      return `it does not take the token of the application ${clientId}${said}. Check FIELDCHECK_CLIENT_ID and the grants: ${page}.`;
    case 403:
      return `the application ${clientId} may not send as ${mailbox}${said}. Set the role "Application Mail.Send" for that mailbox, which takes up to two hours to hold: ${page}.`;
    case 404:
      return `there is no mailbox ${mailbox} in this tenant${said}. Check "from" in the document.`;
    case 400:
      return `it does not take the mail${said}. Check "from" and "to" in the document.`;
    case 413:
      return `the mail is larger than it takes${said}. Create a channel of another kind for this organization.`;
    default:
      return undefined;
  }
}

/** The code of a Graph error, which says nothing of what was sent. */
function codeOf(body: string): string | undefined {
  return /"code"\s*:\s*"([A-Za-z_]{1,60})"/.exec(body)?.[1];
}
