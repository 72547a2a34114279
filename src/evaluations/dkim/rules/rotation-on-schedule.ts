import { daysSince } from '../../../domain/time.ts';
import { rule } from '../rule.ts';
import { afterConfigured, exportCommand, rowOf } from '../selectors.ts';

/** Exchange Online rotates nothing by itself, so somebody has to look at the age. A year is a common policy. */
const defaultMaxAgeDays = 365;

/** See rotation-on-schedule.md. */
export const rotationOnSchedule = rule({
  id: 'dkim/rotation-on-schedule',
  title: 'The keys were rotated within the age that the policy allows',
  severity: 'low',
  blocks: [],
  needs: ['signing-configuration'],
  after: afterConfigured,
  judge({ 'signing-configuration': configuration }, { subject, now, policy }) {
    const row = rowOf(configuration);
    const readings = row?.keyCreationReadings;
    const created = row?.keyCreationTime ?? readings?.earliest;
    const age = daysSince(created, now);
    if (created === undefined || Number.isNaN(age)) {
      return {
        verdict: 'manual',
        message: `The signing configuration of ${subject.id} does not say when the keys were made.`,
        remedy: `Look at its property KeyCreationTime:\nGet-DkimSigningConfig -Identity ${subject.id} | Format-List KeyCreationTime`,
      };
    }
    const limit = policy.maxAgeDays ?? defaultMaxAgeDays;
    if (readings !== undefined && age > limit && daysSince(readings.latest, now) <= limit) {
      return {
        verdict: 'manual',
        message: `How old the keys of ${subject.id} are nobody can tell: KeyCreationTime "${readings.text}" is any time from ${readings.earliest} to ${readings.latest}; the policy allows ${limit} days.`,
        remedy: `Export it with exact times, and supply that file:\n${exportCommand}`,
      };
    }
    const days = Math.max(0, Math.floor(age));
    const old = `${readings === undefined ? '' : 'at most '}${days} ${days === 1 ? 'day' : 'days'} old`;
    const evidence = [{ fact: 'signing-configuration', observed: `KeyCreationTime ${created}` }] as const;
    const next = row?.selectorAfterRotateOnDate;
    const comes =
      row?.rotateOnDate === undefined || next === undefined
        ? {}
        : { comes: { at: row.rotateOnDate, what: `${subject.id} signs with ${next}` } };
    if (age <= limit)
      return {
        verdict: 'pass',
        message: `The keys of ${subject.id} are ${old}; the policy allows ${limit}.`,
        evidence,
        ...comes,
      };
    return {
      verdict: 'fail',
      owner: 'tenant',
      message: `The keys of ${subject.id} are ${old}; the policy allows ${limit}, and Exchange Online rotates nothing by itself.`,
      remedy: `When dkim/passive-cname-correct passes; the switch comes 96 hours later:\nRotate-DkimSigningConfig -Identity ${subject.id} -KeySize 2048`,
      evidence,
      ...comes,
    };
  },
});
