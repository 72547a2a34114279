import { enumerateFirst } from '../../domain/words.ts';

/** Which of several addresses an observation is about; nothing where the host has one. */
export function at(address: string | undefined): string {
  return address === undefined ? '' : `${address}: `;
}

/** What is added where a caller that does not call itself Teams gets another answer. */
export function otherAgentSentence(otherAgent: string | undefined): string {
  return otherAgent === undefined
    ? ''
    : ` A caller that does not call itself Teams gets another answer (${otherAgent}): something in front chooses by user agent.`;
}

/** What is added where sample users were not asked about. */
export function leftOutSentence(users: readonly string[]): string {
  return users.length === 0
    ? ''
    : ` Not asked about, because one run asks about a limited number of sample users: ${enumerateFirst(users)}.`;
}

/** How the redirect of a web site to Outlook on the web is kept from the directories below, which inherit it. */
export const siteRedirect =
  'IIS Manager on every Exchange server > Default Web Site > HTTP Redirect: only for requests to the site itself, and none on Autodiscover and EWS below it, which inherit it; where a load balancer sends callers to /owa, let it do so for / alone.';

/** Sample users whose mailbox both sides place in the cloud: they tell nothing about the servers on premises. */
export function movedSentence(users: readonly string[]): string {
  return `${enumerateFirst(users)} ${users.length === 1 ? 'has' : 'have'} a mailbox in Exchange Online, and on premises ${users.length === 1 ? 'a remote mailbox' : 'remote mailboxes'}: moved, so asking about ${users.length === 1 ? 'that user' : 'them'} tells nothing of the servers.`;
}

export function movedRemedy(users: readonly string[]): string {
  return `Take ${enumerateFirst(users)} out of sampleUsers in the organization document, and name people whose mailbox is on premises: Get-Mailbox in the Exchange Management Shell.`;
}
