import type { Notifier } from '../domain/notice.ts';
import { createConsoleNotifier } from './console.ts';
import { createEmailNotifier, type EmailChannel, type EmailOptions } from './email/index.ts';
import { createPing } from './ping/index.ts';
import type { PostOptions } from './post.ts';
import { createTeamsWorkflowNotifier, type WebhookUrlPolicy } from './teams-workflow/index.ts';
import { createWebhookNotifier, type WebhookChannel } from './webhook/index.ts';

export type { GraphSender } from './email/index.ts';

/** A channel of the organization document, every `secret:NAME` already replaced by the setting's value: credentials. */
export interface ResolvedChannel extends Partial<WebhookChannel>, Partial<Omit<EmailChannel, 'url'>> {
  readonly kind: 'teams-workflow' | 'webhook' | 'email' | 'ping' | 'console';
}

export interface NotifierOptions extends WebhookUrlPolicy, PostOptions, EmailOptions {
  /** Where a console channel prints; standard output when left out. */
  readonly write?: (text: string) => void;
}

/** @throws InvalidChannel with a sentence for the operator, when the channel's address or settings cannot be used */
export function createNotifier(channel: ResolvedChannel, options: NotifierOptions = {}): Notifier {
  const { kind, url, signWith, contentType, from, to } = channel;
  switch (kind) {
    case 'teams-workflow':
      return createTeamsWorkflowNotifier({ url, ...options });
    case 'webhook':
      return createWebhookNotifier({ url, signWith, contentType, ...options });
    case 'email':
      return createEmailNotifier({ url, from, to }, options);
    case 'ping':
      return createPing({ url, ...options });
    case 'console':
      return createConsoleNotifier(options);
  }
}
