import { rule } from '../../../domain/rule.ts';
import { onlyFor } from '../organization.ts';

/** See delegate-permissions-granted.md. */
export const delegatePermissionsGranted = rule({
  id: 'teams-exchange-interop/delegate-permissions-granted',
  title: 'Delegates have the calendar and may send on behalf',
  severity: 'medium',
  blocks: ['delegates'],
  needs: ['calendar-delegates'],
  scope: onlyFor('delegates'),
  judge({ 'calendar-delegates': { mailboxes } }) {
    const rights = mailboxes.flatMap(({ mailbox, delegates }) =>
      delegates.map((delegate) => ({ mailbox, ...delegate })),
    );
    const incomplete = rights.filter(({ sendOnBehalf }) => !sendOnBehalf);
    const evidence = [
      {
        fact: 'calendar-delegates',
        observed: `${mailboxes.length} mailboxes, ${rights.length} delegates with Author or Editor, ${rights.length - incomplete.length} of them may send on behalf`,
      },
    ] as const;
    const onlySend = mailboxes.filter(
      ({ sendOnBehalfCount, delegates }) => sendOnBehalfCount > 0 && delegates.length === 0,
    );
    if (incomplete.length > 0 || onlySend.length > 0) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: [
          ...(incomplete.length > 0
            ? [
                `${incomplete.length} of ${rights.length} delegates are Author or Editor of the calendar but may not send on behalf`,
              ]
            : []),
          ...(onlySend.length > 0
            ? [`in ${onlySend.length} mailboxes somebody may send on behalf but has no Author or Editor right`]
            : []),
        ]
          .join(', and ')
          .replace(/$/, ': not added as delegates in Outlook.'),
        remedy:
          'Add the delegate again in Outlook (File > Account Settings > Delegate Access), which sets all three: calendar right, hidden delegate item, GrantSendOnBehalfTo.',
        evidence,
      };
    }
    if (rights.length === 0) {
      return {
        verdict: 'not_applicable',
        message: `None of the ${mailboxes.length} sampled mailboxes has a delegate.`,
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: `All ${rights.length} delegates of the sampled mailboxes have the calendar and may send on behalf.`,
      evidence,
    };
  },
});
