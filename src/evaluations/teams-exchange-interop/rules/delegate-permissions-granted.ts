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
    const counted = mailboxes.map(({ delegates, sendOnBehalfCount }) => {
      const editors = delegates.filter(({ rights }) => holds(rights, 'editor') || holds(rights, 'author'));
      return {
        editors: editors.length,
        senders: sendOnBehalfCount,
        // An owner may do everything but schedule for somebody else.
        owners: delegates.filter(
          (one) =>
            holds(one.rights, 'owner') && (one.sendOnBehalf || one.isDelegate === true) && !editors.includes(one),
        ).length,
        complete: editors.filter(({ sendOnBehalf, isDelegate }) => sendOnBehalf && isDelegate !== false).length,
        flagless: editors.filter(({ sendOnBehalf, isDelegate }) => sendOnBehalf && isDelegate === false).length,
      };
    });
    const sum = (of: (one: (typeof counted)[number]) => number) => counted.reduce((total, one) => total + of(one), 0);
    const complete = sum((one) => one.complete);
    const evidence = [
      {
        fact: 'calendar-delegates',
        observed: `${mailboxes.length} mailboxes, ${sum(({ editors }) => editors)} people with Author or Editor, ${complete} of them ${complete === 1 ? 'is a delegate who' : 'are delegates who'} may send on behalf, ${sum(({ owners }) => owners)} delegates are Owner`,
      },
    ] as const;
    // Beside a complete delegate, people who merely share the calendar are no fault; a delegate who is Owner is one.
    const broken = counted.filter(
      (one) => one.owners > 0 || one.flagless > 0 || (one.complete === 0 && one.editors + one.senders > 0),
    );
    if (broken.length > 0) {
      const owners = broken.filter((one) => one.owners > 0).length;
      const rest = broken.filter((one) => one.owners === 0);
      const flagless = rest.filter((one) => one.flagless > 0).length;
      const halves = rest.filter((one) => one.flagless === 0);
      const onlyCalendar = halves.filter(({ editors }) => editors > 0).length;
      const onlySend = halves.length - onlyCalendar;
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${broken.length} of ${mailboxes.length} sampled mailboxes ${broken.length === 1 ? 'has' : 'have'} ${owners > 0 ? 'a delegate who cannot schedule' : 'half a delegate'}: ${[
          ...(owners > 0
            ? [`in ${owners} a delegate is Owner of the calendar, and Teams lets Editor or Author schedule only`]
            : []),
          ...(flagless > 0
            ? [`in ${flagless} somebody is Author or Editor and may send on behalf, but is no delegate of the calendar`]
            : []),
          ...(onlyCalendar > 0
            ? [`in ${onlyCalendar} somebody is Author or Editor of the calendar but may not send on behalf`]
            : []),
          ...(onlySend > 0
            ? [`in ${onlySend} somebody may send on behalf but is neither Author nor Editor of the calendar`]
            : []),
        ].join(', ')}.`,
        remedy:
          owners > 0
            ? 'Remove-MailboxFolderPermission MAILBOX:\\Calendar -User DELEGATE, then add the delegate again in Outlook (File > Account Settings > Delegate Access) with Editor: Owner is too much.'
            : 'Add the delegate again in Outlook (File > Account Settings > Delegate Access), which sets all three: calendar right, hidden delegate item, GrantSendOnBehalfTo.',
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

function holds(rights: readonly string[], wanted: string): boolean {
  return rights.some((right) => right.toLowerCase() === wanted);
}
