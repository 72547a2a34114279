import { type Judgement, severities } from '../../../domain/rule.ts';
import type { SmtpBaseline } from '../../../facts/smtp-service/evidence.ts';
import { firstLabel } from '../../../facts/smtp-service/service.ts';
import { comparedLinuxFacts, linuxSettings } from '../linux-settings.ts';
import { onLinux, rule } from '../rule.ts';
import { nodeSettings, relayRights, settingFacts, settingSeverity } from '../settings.ts';

/** At most this many differences are written out. */
const shown = 5;

/** See baseline-kept.md. */
export const baselineKept = rule({
  id: 'smtp-source-ip/baseline-kept',
  title: 'The node is as it was accepted',
  severity: 'medium',
  blocks: [],
  needs: ['node-host'],
  optional: ['smtp-baseline', ...settingFacts],
  per: 'node',
  variant: onLinux({
    needs: ['node-host'],
    optional: ['smtp-baseline', ...comparedLinuxFacts],
    judge({ 'smtp-baseline': baseline, ...facts }, at) {
      return kept(baseline, () => linuxSettings(facts, at.subject, at.part), at.part);
    },
  }),
  judge({ 'smtp-baseline': baseline, ...facts }, at) {
    const current = () => ({ ...nodeSettings(facts, at.subject, at.part), ...relayRights(facts, at.part) });
    return kept(baseline, current, at.part);
  },
});

function kept(baseline: SmtpBaseline | undefined, settingsNow: () => Record<string, string>, part: string): Judgement {
  const accepted = Object.entries(baseline?.nodes ?? {}).find(([node]) => firstLabel(node) === firstLabel(part))?.[1];
  if (baseline === undefined || accepted === undefined) {
    return {
      verdict: 'not_applicable',
      message: `${part}: no baseline has been accepted; "fieldcheck baseline accept" records one.`,
    };
  }
  const current = settingsNow();
  // A section that was not read this time is no change.
  const sections = new Set(Object.keys(current).map(sectionOf));
  const changes = [...new Set([...Object.keys(accepted), ...Object.keys(current)])].sort().flatMap((key) => {
    const [before, now] = [accepted[key] ?? 'not there', current[key] ?? 'not there'];
    return before === now || !sections.has(sectionOf(key)) ? [] : [{ key, before, now }];
  });
  if (changes.length === 0) {
    const by = baseline.by === undefined ? '' : ` by ${baseline.by}`;
    return { verdict: 'pass', message: `${part}: as accepted on ${baseline.acceptedAt}${by}.` };
  }
  const worst = severities.find((severity) => changes.some(({ key }) => settingSeverity(key) === severity));
  const written = changes.slice(0, shown).map(({ key, before, now }) => `${key} was ${before}, is ${now}`);
  return {
    verdict: 'fail',
    ...(worst === undefined ? {} : { severity: worst }),
    owner: 'on-premises',
    message: `${part} has changed since ${baseline.acceptedAt}: ${written.join('; ')}${changes.length > shown ? `; and ${changes.length - shown} more` : ''}.`,
    remedy: 'Revert what was not meant; accept the rest with: fieldcheck baseline accept',
    evidence: changes.map(({ key, before, now }) => ({
      fact: 'smtp-baseline',
      observed: `${key}: ${before}, now ${now}`,
    })),
  };
}

/** `connector Relay: bindings` → `connector`, with its relay right apart, since permissions are read apart. */
function sectionOf(key: string): string {
  return key.endsWith(': relay right') ? 'relay right' : (key.split(' ')[0] ?? key);
}
