import { cloudFacts } from '../../domain/cloud.ts';
import type { Notifier } from '../../domain/notice.ts';
import { type ChannelAddress, InvalidChannel, readAddress } from '../address.ts';
import { type PostOptions, post } from '../post.ts';
import { renderCard } from './card.ts';

/**
 * Where Workflows webhooks live, in whichever cloud: the Power Platform hosts of today and the Logic Apps hosts of before
 * 30 November 2025. A closed list, because the card goes to whoever answers there.
 */
const workflowHostSuffixes = Object.values(cloudFacts).flatMap(({ workflowHosts }) => workflowHosts);

export interface WebhookUrlPolicy {
  /** Where webhooks live besides, in sovereign clouds: `.api.powerplatform.us`. */
  readonly allowedHostSuffixes?: readonly string[];
  /** Admits http to this machine, for the local sink. */
  readonly allowLocal?: boolean;
}

/**
 * Posts a notice as an Adaptive Card to a Teams channel, through a Workflows webhook.
 *
 * `delivered` means that the flow's trigger took it; what fails inside the flow shows only in the flow's run history.
 *
 * @throws InvalidChannel when the address is no Workflows webhook
 */
export function createTeamsWorkflowNotifier({
  url,
  ...options
}: { readonly url: string | undefined } & WebhookUrlPolicy & PostOptions): Notifier {
  const address = readWebhookUrl(url, options);
  if ('problem' in address) throw new InvalidChannel(address.problem);
  return {
    id: 'teams-workflow',
    send: (notice, signal) => post(address, JSON.stringify(renderCard(notice)), signal, {}, workflowAdvice, options),
  };
}

function readWebhookUrl(
  url: string | undefined,
  { allowedHostSuffixes = [], allowLocal = false }: WebhookUrlPolicy,
): ChannelAddress | { readonly problem: string } {
  const address = readAddress(url, { allowLocal });
  if ('problem' in address || address.scheme === 'http') return address;
  // A suffix counts from a dot on, written or not: `logic.azure.com` must not admit `evil-logic.azure.com`.
  const suffixes = [
    ...workflowHostSuffixes,
    ...allowedHostSuffixes.map((one) => one.toLowerCase().replace(/^\.?/, '.')),
  ];
  if (!suffixes.some((suffix) => address.host.endsWith(suffix))) {
    return {
      problem:
        `${address.shown} is no Workflows webhook: those end in ${suffixes.join(' or ')}. In Teams open the ` +
        'channel\'s Workflows, add "Send webhook alerts to a channel", and store the address that it shows. If that is ' +
        "what you did, add the end of its host to FIELDCHECK_WEBHOOK_HOSTS. For another receiver set the channel's kind " +
        'to "webhook".',
    };
  }
  if (address.target === '/') {
    return { problem: `${address.shown} is a host without its path and signature: copy the whole address again.` };
  }
  if (!/[?&]sig=[^&]/.test(address.target)) {
    return {
      problem:
        `${address.shown} holds no signature ("sig"), so the flow would let nobody in. The address was cut off (in a shell, ` +
        'quote it: it holds "&"), or the trigger does not admit "Anyone": set that, save, and copy the whole address again.',
    };
  }
  return address;
}

/** What the Workflows trigger means by its answers; how the body looks is known from the error codes of Power Automate. */
function workflowAdvice(status: number, body: string): string | undefined {
  const newAddress = "In Teams open the channel's Workflows, create the webhook again and store the new address.";
  switch (status) {
    case 400:
      if (body.includes('WorkflowTriggerIsNotEnabled'))
        return 'the flow is switched off. Switch it on: in Power Automate, "My flows", the flow, "Turn on"; and look at who owns it.';
      return 'the flow does not accept the card. Check that it starts with "When a Teams webhook request is received" and is switched on.';
    case 401:
      return body.includes('DirectApiAuthorizationRequired')
        ? 'the signature is missing. The address was cut off (in a shell, quote it: it holds "&"), or the flow\'s trigger does not admit "Anyone". Store the whole address.'
        : `the signature in the address is not accepted. ${newAddress}`;
    case 403:
      return 'the flow does not let us in. Set "Who can trigger the flow" to "Anyone", and check the data policies of its environment.';
    case 404:
    case 410:
      return `the flow does not exist any more. ${newAddress}`;
    case 413:
      return 'the card is larger than the flow takes (28 KB). Create the flow anew from the template "Send webhook alerts to a channel"; if it stays so, this is a fault of ours: report it.';
    default:
      return undefined;
  }
}
