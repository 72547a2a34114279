import { blocksAnswers } from '../../domain/answer.ts';
import { type Episode, nothingKnown, type Past, spanOf } from '../../domain/past.ts';
import type { Instant } from '../../domain/time.ts';

/** What was known of a selector at a time. */
export interface KeyThen {
  /** In words, one sentence or two. */
  readonly words: string;
  /** Why receivers could not verify with it then, and the sentence without that. */
  readonly fault: { readonly finding: Episode['finding']; readonly brief: string } | undefined;
}

/**
 * What runs had found of a selector at the time in question.
 *
 * @param selector as a signature names it
 * @param part what the rules call it
 * @param past undefined where nobody keeps anything, a sentence where nobody could look
 */
export function keyThen(
  domain: string,
  selector: string,
  part: string,
  past: Past | string | undefined,
  now: Instant,
): KeyThen {
  const only = (words: string): KeyThen => ({ words, fault: undefined });
  if (past === undefined) return only(`What was known of ${domain} then is kept by no organization that was named.`);
  if (typeof past === 'string') return only(`What was known of ${domain} then could not be looked at: ${past}`);
  const nothing = nothingKnown(past);
  if (nothing !== undefined) return only(nothing);
  const active = past.episodes.filter(({ finding }) => finding.rule.startsWith('dkim/active-'));
  const own = active.filter(({ finding }) => finding.target === part);
  const fault = own.find(({ finding }) => blocksAnswers(finding));
  if (fault !== undefined) {
    const { finding } = fault;
    const brief = faultWords(domain, selector, fault, now);
    const words = isMissing(fault) ? `${brief}.` : `${brief}: ${finding.message}`;
    return { words, fault: { finding, brief: `${brief}.` } };
  }
  const published = own.find(({ finding }) => finding.rule === 'dkim/active-key-published');
  if (published === undefined) {
    const [other] = active.flatMap(({ finding }) => finding.target ?? []);
    if (other !== undefined) return only(`${selector} was not the active selector of ${domain} then: ${other} was.`);
    const [said] = active;
    return only(said === undefined ? `Nothing was judged of ${domain} then.` : said.finding.message);
  }
  switch (published.finding.verdict) {
    case 'pass':
      return only(`${selector} of ${domain} answered ${spanOf(published, now)}.`);
    case 'unknown':
      return only(
        `${selector} of ${domain} could not be looked at ${spanOf(published, now)}: ${published.finding.message}`,
      );
    default:
      return only(published.finding.message);
  }
}

function faultWords(domain: string, selector: string, episode: Episode, now: Instant): string {
  const { owner } = episode.finding;
  const span = spanOf(episode, now);
  if (isMissing(episode))
    return `${selector} of ${domain} was missing ${owner === 'microsoft' ? 'at Microsoft' : 'in DNS'} ${span}`;
  return `Signatures with ${selector} of ${domain} could not be verified ${span}`;
}

function isMissing({ finding: { rule, message } }: Episode): boolean {
  return rule === 'dkim/active-key-published' && !message.includes('revoked');
}
