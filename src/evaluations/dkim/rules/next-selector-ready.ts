import { rule, type Severity } from '../../../domain/rule.ts';
import { hoursUntil } from '../../../domain/time.ts';
import { afterConfigured, configured, hasNoHop, judgeCname, outcomesOf, rowOf, selectorsInRole } from '../selectors.ts';

/** Nearer to the switch than this, a next selector that is not ready is `high` (half of the 96 hours Exchange Online takes). */
const urgentHours = 48;

/** See next-selector-ready.md. */
export const nextSelectorReady = rule({
  id: 'dkim/next-selector-ready',
  title: 'The selector that is to sign next can be verified before it does',
  severity: 'high',
  blocks: ['verifiable-after-rotation'],
  needs: ['signing-configuration', 'selector-cname', 'selector-key'],
  per: 'selector',
  parts: ({ 'signing-configuration': configuration }, { now }) =>
    selectorsInRole('next', configuration, now, 'No rotation is pending.'),
  after: afterConfigured,
  judge(
    { 'signing-configuration': configuration, 'selector-cname': cname, 'selector-key': key },
    { subject, part, now },
  ) {
    const rotateOn = rowOf(configuration)?.rotateOnDate;
    const hours = hoursUntil(rotateOn, now);
    const severity: Severity = hours > urgentHours ? 'medium' : 'high';
    const countdown = `${part} signs from ${isoMinute(rotateOn ?? '')} UTC on, in ${inWords(hours)}`;

    if (!hasNoHop(configuration, part, subject.id)) {
      const { state, sentence, observed, remedy } = judgeCname(cname, configured(configuration, part)?.cname ?? '');
      if (state !== 'match') {
        return {
          verdict: 'fail',
          severity,
          owner: 'customer-dns',
          message: `${countdown}, but ${sentence}`,
          remedy,
          evidence: [{ fact: 'selector-cname', observed }],
        };
      }
    }
    const [record, ...more] = key.records;
    const fault = faultOf(key, more.length);
    if (fault === undefined) {
      return {
        verdict: 'pass',
        message: `${countdown}; its CNAME and its key are in place.`,
        evidence: [
          {
            fact: 'selector-key',
            observed: `key ${record?.says.key?.fingerprint.slice(0, 16) ?? 'none'} at ${key.owner}`,
          },
        ],
      };
    }
    return {
      verdict: 'fail',
      severity,
      owner: 'microsoft',
      message: `${countdown}, but ${fault}.`,
      remedy: 'Wait for Microsoft to publish it; if it is still so two days before the switch, open a support case.',
      evidence: [{ fact: 'selector-key', observed: record?.text.slice(0, 200) ?? outcomesOf(key.asked) }],
    };
  },
});

function faultOf(
  key: {
    outcome: string;
    owner: string;
    records: readonly { says: { problems: readonly string[]; revoked: boolean } }[];
    sameAsConfigured?: boolean | undefined;
  },
  more: number,
): string | undefined {
  const [record] = key.records;
  if (record === undefined)
    return `its key is not published yet (${key.owner} ${key.outcome === 'no-name' ? 'does not exist' : 'has no TXT record'})`;
  if (more > 0) return `${key.owner} has ${more + 1} TXT records`;
  if (record.says.revoked) return `its key is revoked (empty p= at ${key.owner})`;
  if (record.says.problems.length > 0) return `verifiers cannot use its record: ${record.says.problems.join('; ')}`;
  if (key.sameAsConfigured === false) return `the key at ${key.owner} is not the one of the signing configuration`;
  return undefined;
}

/** `2026-11-24 06:00` */
function isoMinute(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ');
}

function inWords(hours: number): string {
  if (hours < 1) return `${Math.max(1, Math.round(hours * 60))} min`;
  return hours < 72 ? `${Math.floor(hours)} h` : `${Math.floor(hours / 24)} days`;
}
