import type { MailMessage } from '../../facts/mail-domain/message.ts';
import { type MailDomain, usualSelectors } from '../../facts/mail-domain/subject.ts';
import type { Look } from '../looking.ts';
import { explainMessage, timeOf } from './explain.ts';
import { explanationText } from './explanation-text.ts';

/** Most bytes: what most receivers take, and some. */
export const longestMessage = 32_000_000;

/** What to hand in where a message is too long. */
export const insteadOfMessage = 'hand in its header alone, copied as text: that is enough to look at its signatures';

/** "Explain this bounce": why a message was not verified. @param read unpacks what was handed in */
export function explainsMessages(read: (name: string, content: Uint8Array) => Promise<MailMessage>): Look {
  return {
    limit: longestMessage,
    instead: insteadOfMessage,
    async open(name, content) {
      const message = await read(name, content);
      return {
        subjects: subjectsOf(message),
        at: timeOf(message).value,
        explain(seen) {
          const json = explainMessage(message, seen);
          return { json, text: explanationText(json), answer: json.answer };
        },
      };
    },
  };
}

/** Domains that signed, each with the selectors that were signed with; and the senders', whether they signed or not. */
function subjectsOf({ signatures, from }: MailMessage): readonly MailDomain[] {
  const signed = Map.groupBy(
    signatures.filter(({ problem }) => problem === undefined),
    ({ domain }) => domain,
  );
  const domains = new Set([...signed.keys(), ...from.slice(0, 3)]);
  return [...domains].map((id) => ({
    kind: 'mail-domain',
    id,
    selectors: [...new Set(signed.get(id)?.map(({ selector }) => selector) ?? usualSelectors)],
  }));
}
