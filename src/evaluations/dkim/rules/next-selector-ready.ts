import type { Severity } from '../../../domain/rule.ts';
import { hoursUntil } from '../../../domain/time.ts';
import type { SelectorKey } from '../../../facts/mail-domain/selector.ts';
import { judgeCname, outcomesOf } from '../cname.ts';
import { rule } from '../rule.ts';
import {
  afterConfigured,
  configured,
  leastBits,
  needsNoCname,
  otherTarget,
  rolesOpen,
  rowOf,
  selectorsInRole,
  unlessRolesOpen,
  unlessTargetNamed,
} from '../selectors.ts';
import { supportCase } from '../support-case.ts';

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
    const unnamed = unlessTargetNamed(configuration, part, subject.id);
    if (unnamed !== undefined) return unnamed;
    const row = rowOf(configuration);
    const rotateOn = row?.rotateOnDate ?? row?.rotateOnReadings?.earliest;
    const atLeast = row?.rotateOnReadings === undefined ? '' : ' at the earliest';
    const hours = hoursUntil(rotateOn, now);
    const severity: Severity = hours > urgentHours ? 'medium' : 'high';
    const countdown = rolesOpen(configuration, now)
      ? `${part} may be the one to sign next`
      : `${part} signs from ${isoMinute(rotateOn ?? '')} UTC on, in ${inWords(hours)}${atLeast}`;

    if (!needsNoCname(configuration, part, subject.id)) {
      const { state, sentence, observed, remedy, dns } = judgeCname(
        cname,
        configured(configuration, part)?.cname ?? '',
        otherTarget(configuration, part),
      );
      if (state !== 'match') {
        return unlessRolesOpen(
          {
            verdict: 'fail',
            // The right key answers all the same: the switch itself breaks nothing.
            severity: cname.rightKey === true && state !== 'several' ? 'medium' : severity,
            owner: 'customer-dns',
            message: `${countdown}, but ${sentence}`,
            remedy,
            dns,
            evidence: [{ fact: 'selector-cname', observed }],
          },
          configuration,
          { now },
        );
      }
    }
    const [record] = key.records;
    const fault = faultOf(key);
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
    return unlessRolesOpen(
      {
        verdict: 'fail',
        severity,
        owner: 'microsoft',
        message: `${countdown}, but ${fault}.`,
        remedy:
          record === undefined
            ? 'Wait for Microsoft to publish it; if it is still missing two days before the switch, open a support case with the text in the finding.'
            : `Open a support case with Microsoft before the switch: the record at ${key.owner} is theirs to mend.`,
        evidence: [{ fact: 'selector-key', observed: record?.text.slice(0, 200) ?? outcomesOf(key.asked) }],
        ...(record === undefined ? { supportCase: supportCase(subject.id, part, cname, key) } : {}),
      },
      configuration,
      { now },
    );
  },
});

/** Why receivers could not verify with this key, as the end of a sentence; undefined when they could. */
function faultOf(key: SelectorKey): string | undefined {
  const [record, ...more] = key.records;
  if (record === undefined)
    return `its key is not published yet (${key.owner} ${key.outcome === 'no-name' ? 'does not exist' : 'has no TXT record'})`;
  if (more.length > 0) return `${key.owner} has ${more.length + 1} TXT records`;
  if (record.says.revoked) return `its key is revoked (empty p= at ${key.owner})`;
  const { problems, key: found } = record.says;
  if (problems.length > 0) return `verifiers cannot use its record: ${problems.join('; ')}`;
  if (found?.algorithm === 'rsa' && found.bits < leastBits)
    return `its key has ${found.bits} bits, and receivers refuse RSA keys under ${leastBits} bits`;
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
