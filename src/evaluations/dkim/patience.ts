import type { AnyRule, Judgement } from '../../domain/rule.ts';
import { hoursUntil, type Instant } from '../../domain/time.ts';
import type { SigningConfiguration } from '../../facts/mail-domain/signing-configuration.ts';

/**
 * What DNS says of a selector may differ for a moment: its fails count when the next look finds them, too. A critical one
 * that two resolvers saw counts at once, but within a day after a switch of selectors (RotateOnDate), when records may be on
 * their way.
 */
export function patient(rule: AnyRule): AnyRule {
  if (!rule.needs.some((fact) => fact.startsWith('selector-'))) return rule;
  const judge: AnyRule['judge'] = (facts, at) => {
    const judged = rule.judge(facts, at);
    // By its name, as the engine hands facts over; rules that do not read it know of no switch.
    const { 'signing-configuration': configuration } = facts as { 'signing-configuration'?: SigningConfiguration };
    if (!hasJustSwitched(configuration, at.now)) return judged;
    return Array.isArray(judged) ? judged.map(unhurried) : unhurried(judged as Judgement);
  };
  return { ...rule, confirmRuns: 2, judge };
}

function hasJustSwitched(configuration: SigningConfiguration | undefined, now: Instant): boolean {
  const ago = configuration?.state === 'configured' ? -hoursUntil(configuration.row.rotateOnDate, now) : Number.NaN;
  return ago >= 0 && ago < 24;
}

function unhurried(judgement: Judgement): Judgement {
  return judgement.verdict === 'fail' ? { ...judgement, confirmRuns: 2 } : judgement;
}
