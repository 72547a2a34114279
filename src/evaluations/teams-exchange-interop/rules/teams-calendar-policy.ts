import { declarationEnds, declaredOf } from '../../../domain/declaration.ts';
import { rule } from '../rule.ts';

/** See teams-calendar-policy.md. */
export const teamsCalendarPolicy = rule({
  id: 'teams-exchange-interop/teams-calendar-policy',
  title: 'Teams policies show the calendar',
  severity: 'medium',
  blocks: [],
  needs: ['declarations'],
  judge({ declarations }, { now }) {
    const word = declaredOf('teams-calendar-policy', declarations.statements, now);
    const remedy =
      'Teams admin center: the app setup policy holds the Calendar app (ef56c0de-36fc-4ef8-b417-3d82ba9d073c), and the upgrade mode is neither SfBOnly nor SfBWithTeamsCollab. Then declare teams-calendar-policy.';
    if (word.state === 'valid') {
      const evidence = [
        { fact: 'declarations', observed: `teams-calendar-policy: ${JSON.stringify(word.value)}` },
      ] as const;
      return word.value === true
        ? {
            verdict: 'pass',
            message: `Teams policies show the calendar: ${word.said}.`,
            comes: declarationEnds('teams-calendar-policy', word.until),
            evidence,
          }
        : {
            verdict: 'fail',
            owner: 'tenant',
            message: `Teams policies hide the calendar: ${word.said}.`,
            remedy,
            evidence,
          };
    }
    return {
      verdict: 'manual',
      message:
        word.state === 'expired'
          ? `Whether Teams policies show the calendar has to be looked at again: ${word.said}, and that has expired.`
          : 'Whether Teams policies show the calendar is nothing this can read; nobody has declared it.',
      remedy,
    };
  },
});
