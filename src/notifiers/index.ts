import type { Notifier } from '../domain/notice.ts';
import { createConsoleNotifier } from './console.ts';
import type { PostOptions } from './post.ts';
import { createTeamsWorkflowNotifier, type WebhookUrlPolicy } from './teams-workflow/index.ts';
import { createWebhookNotifier } from './webhook/index.ts';

/** A channel of the organization document, `secret:NAME` already replaced by the setting's value. */
export interface ResolvedChannel {
  readonly kind: 'teams-workflow' | 'webhook' | 'console';
  /** A credential: goes into no log, row or message. */
  readonly url?: string | undefined;
}

export interface NotifierOptions extends WebhookUrlPolicy, PostOptions {
  /** Where a console channel prints; standard output when left out. */
  readonly write?: (text: string) => void;
}

/** @throws InvalidChannel with a sentence for the operator, when the channel's address cannot be used */
export function createNotifier({ kind, url }: ResolvedChannel, options: NotifierOptions = {}): Notifier {
  switch (kind) {
    case 'teams-workflow':
      return createTeamsWorkflowNotifier({ url, ...options });
    case 'webhook':
      return createWebhookNotifier({ url, ...options });
    case 'console':
      return createConsoleNotifier(options);
  }
}
