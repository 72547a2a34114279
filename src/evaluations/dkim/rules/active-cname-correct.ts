import { judgeCname } from '../cname.ts';
import { rule } from '../rule.ts';
import {
  activeSelectors,
  afterConfigured,
  configured,
  endsByItself,
  needsNoCname,
  otherTarget,
  unlessRolesOpen,
  unlessTargetNamed,
} from '../selectors.ts';

/** See active-cname-correct.md. */
export const activeCnameCorrect = rule({
  id: 'dkim/active-cname-correct',
  title: 'The CNAME of the active selector points to the target that Exchange Online wants',
  severity: 'critical',
  blocks: ['verifiable-now'],
  needs: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  optionalPeers: ['selector-key'],
  parts: ({ 'signing-configuration': configuration }, at) => activeSelectors(configuration, at),
  after: afterConfigured,
  judge({ 'signing-configuration': configuration, 'selector-cname': cname }, at) {
    const { subject, part } = at;
    if (needsNoCname(configuration, part, subject.id)) {
      return {
        verdict: 'not_applicable',
        message: `${subject.id} is an initial domain: the key of ${part} stands there directly, without a CNAME.`,
      };
    }
    const unnamed = unlessTargetNamed(configuration, part, subject.id);
    if (unnamed !== undefined) return unnamed;
    const { state, sentence, observed, remedy, dns } = judgeCname(
      cname,
      configured(configuration, part)?.cname ?? '',
      otherTarget(configuration, part),
    );
    const evidence = [{ fact: 'selector-cname', observed }] as const;
    if (state === 'match') return { verdict: 'pass', message: sentence, evidence };
    if (cname.rightKey === true && state !== 'several') {
      return unlessRolesOpen(
        {
          verdict: 'fail',
          severity: 'medium',
          owner: 'customer-dns',
          blocks: ['verifiable-after-rotation'],
          message: `${sentence} Receivers can verify what ${subject.id} signs now; a copied key breaks with the next rotation.`,
          remedy,
          dns,
          evidence,
        },
        configuration,
        at,
      );
    }
    const end = endsByItself(configuration, at);
    const until =
      end === undefined ? '' : ` This ends by itself on ${end.at}, when ${end.next} takes over, whose key answers.`;
    return unlessRolesOpen(
      {
        verdict: 'fail',
        owner: 'customer-dns',
        message:
          state === 'missing'
            ? `${sentence} Receivers cannot verify what ${subject.id} signs now.${until}`
            : `${sentence} Receivers get what stands there, not what Exchange Online publishes for ${subject.id}.${until}`,
        remedy,
        dns,
        evidence,
      },
      configuration,
      at,
    );
  },
});
