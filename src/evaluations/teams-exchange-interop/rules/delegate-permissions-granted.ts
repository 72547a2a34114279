import { onlyFor } from '../organization.ts';
import { rule } from '../rule.ts';

/** See delegate-permissions-granted.md. */
export const delegatePermissionsGranted = rule({
  id: 'teams-exchange-interop/delegate-permissions-granted',
  title: 'Delegates have the calendar and may send on behalf',
  severity: 'medium',
  blocks: ['delegates'],
  needs: ['calendar-delegates'],
  scope: onlyFor('delegates'),
  judge({ 'calendar-delegates': { mailboxes } }) {
    const counted = mailboxes.map(({ delegates, sendOnBehalfCount }) => ({
      editors: delegates.length,
      senders: sendOnBehalfCount,
      complete: delegates.filter(({ sendOnBehalf }) => sendOnBehalf).length,
    }));
    const complete = counted.reduce((sum, one) => sum + one.complete, 0);
    const evidence = [
      {
        fact: 'calendar-delegates',
        observed: `${mailboxes.length} mailboxes, ${counted.reduce((sum, { editors }) => sum + editors, 0)} people with Author or Editor, ${complete} of them may send on behalf`,
      },
    ] as const;
    // Beside a complete delegate, people who merely share the calendar are no fault.
    const broken = counted.filter((one) => one.complete === 0 && one.editors + one.senders > 0);
    if (broken.length > 0) {
      const onlyCalendar = broken.filter(({ editors }) => editors > 0).length;
      const onlySend = broken.length - onlyCalendar;
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${broken.length} of ${mailboxes.length} sampled mailboxes ${broken.length === 1 ? 'has' : 'have'} half a delegate: ${[
          ...(onlyCalendar > 0
            ? [`in ${onlyCalendar} somebody is Author or Editor of the calendar but may not send on behalf`]
            : []),
          ...(onlySend > 0 ? [`in ${onlySend} somebody may send on behalf but has no right on the calendar`] : []),
        ].join(', ')}.`,
        remedy:
          'Add the delegate again in Outlook (File > Account Settings > Delegate Access), which sets all three: calendar right, hidden delegate item, GrantSendOnBehalfTo.',
        evidence,
      };
    }
    if (complete === 0) {
      return {
        verdict: 'not_applicable',
        message: `None of the ${mailboxes.length} sampled mailboxes has a delegate.`,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `${complete} ${complete === 1 ? 'delegate has' : 'delegates have'} the calendar and may send on behalf.`,
      evidence,
    };
  },
});
