import { rule } from '../rule.ts';
import { activeSelectors, afterConfigured, configured, hasNoHop, judgeCname, unlessTargetNamed } from '../selectors.ts';

/** See active-cname-correct.md. */
export const activeCnameCorrect = rule({
  id: 'dkim/active-cname-correct',
  title: 'The CNAME of the active selector points to the target that Exchange Online wants',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: afterConfigured,
  judge({ 'signing-configuration': configuration, 'selector-cname': cname }, { subject, part }) {
    if (hasNoHop(configuration, part, subject.id)) {
      return {
        verdict: 'not_applicable',
        message: `${subject.id} is an initial domain: the key of ${part} stands there directly, without a CNAME.`,
      };
    }
    const unnamed = unlessTargetNamed(configuration, part, subject.id);
    if (unnamed !== undefined) return unnamed;
    const { state, sentence, observed, remedy } = judgeCname(cname, configured(configuration, part)?.cname ?? '');
    const evidence = [{ fact: 'selector-cname', observed }] as const;
    if (state === 'match') return { verdict: 'pass', message: sentence, evidence };
    return {
      verdict: 'fail',
      owner: 'customer-dns',
      message:
        state === 'missing'
          ? `${sentence} Receivers cannot verify what ${subject.id} signs now.`
          : `${sentence} Receivers get what stands there, not what Exchange Online publishes for ${subject.id}.`,
      remedy,
      evidence,
    };
  },
});
