import type { Notifier } from '../../domain/notice.ts';
import { createRoots } from '../../http/roots.ts';
import { InvalidChannel } from '../address.ts';
import { type GraphSender, sendThroughGraph } from './graph.ts';
import { mailOf } from './message.ts';
import { readSmtpUrl, type SmtpOptions, submit } from './smtp.ts';

export type { GraphSender };

export interface EmailChannel {
  /** An SMTP server, a credential; without one Microsoft Graph sends. */
  readonly url?: string | undefined;
  readonly from: string | undefined;
  readonly to: readonly string[] | undefined;
}

export interface EmailOptions extends Partial<SmtpOptions> {
  /** Undefined where nobody may sign in to a tenant. */
  readonly graph?: GraphSender | undefined;
  readonly allowLocal?: boolean;
}

/** Sends each notice as one mail. @throws InvalidChannel when something that it takes is missing or cannot be used */
export function createEmailNotifier(
  { url, from, to }: EmailChannel,
  { graph, roots = createRoots(), allowPrivate = false, allowLocal = false, timeLimitMs }: EmailOptions = {},
): Notifier {
  if (from === undefined || to === undefined || to.length === 0)
    throw new InvalidChannel(
      'The channel needs "from", the mailbox that sends, and "to", the addresses that get the mails.',
    );
  const limit = timeLimitMs === undefined ? {} : { timeLimitMs };
  if (url === undefined) {
    if (graph === undefined)
      throw new InvalidChannel(
        'Nobody signs in to Microsoft Graph here: configure the identity of the app (infra/operations/channels/email.md), or give the channel the url of an SMTP server.',
      );
    return {
      id: 'email',
      send: (notice, signal) => sendThroughGraph(graph, mailOf(notice, { from, to }, new Date()), signal, timeLimitMs),
    };
  }
  const server = readSmtpUrl(url);
  if ('problem' in server) throw new InvalidChannel(server.problem);
  const options = { roots, allowPrivate: allowPrivate || allowLocal, ...limit };
  return {
    id: 'email',
    send: (notice, signal) => submit(server, mailOf(notice, { from, to }, new Date()), signal, options),
  };
}
