import { judgeCname } from '../cname.ts';
import { rule } from '../rule.ts';
import {
  afterConfigured,
  configured,
  needsNoCname,
  otherTarget,
  selectorsInRole,
  unlessRolesOpen,
  unlessTargetNamed,
} from '../selectors.ts';

/** See passive-cname-correct.md. Whether the passive selector has a key is never a finding: only its CNAME is looked at. */
export const passiveCnameCorrect = rule({
  id: 'dkim/passive-cname-correct',
  title: 'The CNAME of the passive selector is in place for the next rotation',
  severity: 'medium',
  blocks: ['verifiable-after-rotation'],
  needs: ['signing-configuration', 'selector-cname'],
  per: 'selector',
  parts: ({ 'signing-configuration': configuration }, { now }) =>
    selectorsInRole(
      'passive',
      configuration,
      now,
      'No selector is passive: the other one is to sign next and is judged by dkim/next-selector-ready.',
    ),
  after: afterConfigured,
  judge({ 'signing-configuration': configuration, 'selector-cname': cname }, { subject, part, now }) {
    if (needsNoCname(configuration, part, subject.id)) {
      return { verdict: 'not_applicable', message: `${subject.id} is an initial domain: its selectors need no CNAME.` };
    }
    const unnamed = unlessTargetNamed(configuration, part, subject.id);
    if (unnamed !== undefined) return unnamed;
    const { state, sentence, observed, remedy, dns } = judgeCname(
      cname,
      configured(configuration, part)?.cname ?? '',
      otherTarget(configuration, part),
    );
    const evidence = [{ fact: 'selector-cname', observed }] as const;
    if (state === 'match') return { verdict: 'pass', message: `${sentence} Ready for the next rotation.`, evidence };
    return unlessRolesOpen(
      {
        verdict: 'fail',
        owner: 'customer-dns',
        message: `${sentence} The next rotation would break DKIM for ${subject.id}.`,
        remedy,
        dns,
        evidence,
      },
      configuration,
      { now },
    );
  },
});
