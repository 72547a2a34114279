import { declarationEnds } from '../../../domain/declaration.ts';
import { buildFloors, isAtLeast, nameOfBuild } from '../../../facts/exchange-organization/builds.ts';
import { rule } from '../rule.ts';

/** See mailboxes-on-supported-version.md. */
export const mailboxesOnSupportedVersion = rule({
  id: 'teams-exchange-interop/mailboxes-on-supported-version',
  title: 'Mailboxes are homed on Exchange 2016 CU3 or later',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['mailbox-homes'],
  judge({ 'mailbox-homes': { basis, servers, declared } }) {
    if (declared !== undefined) {
      const said = `${declared.by} declared it on ${declared.at}`;
      const evidence = [{ fact: 'mailbox-homes', observed: `declared: ${declared.value}` }] as const;
      if (declared.value) {
        return {
          verdict: 'pass',
          message: `Mailboxes are on supported servers: ${said}.`,
          ...(declared.until === undefined
            ? {}
            : { comes: declarationEnds('mailboxes-on-supported-version', declared.until) }),
          evidence,
        };
      }
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `Mailboxes are on older servers: ${said}.`,
        remedy,
        evidence,
      };
    }
    const homes = servers.filter(({ mailboxes }) => mailboxes !== 0);
    if (homes.length === 0) {
      return { verdict: 'not_applicable', message: 'No Exchange server on premises homes a mailbox.' };
    }
    return homes.map(({ server, build, mailboxes }) => {
      const many = mailboxes === undefined ? 'mailboxes' : `${mailboxes} ${mailboxes === 1 ? 'mailbox' : 'mailboxes'}`;
      if (build === undefined) {
        return {
          verdict: 'manual',
          target: server,
          message: `${server} homes ${many}, but its build could not be read.`,
          remedy: `Look up the file version of ExSetup.exe on ${server}; it has to be ${buildFloors.calendar} or later.`,
        } as const;
      }
      const evidence = [{ fact: 'mailbox-homes', observed: `${server}: ${build.text}, by ${basis}` }] as const;
      if (isAtLeast(build, buildFloors.calendar) === 'below' && basis === 'collector' && mailboxes === undefined) {
        return {
          verdict: 'manual',
          target: server,
          message: `${server} is ${nameOfBuild(build).name} (${build.text}), too old for calendars of Teams; whether it homes mailboxes could not be counted.`,
          remedy: `Set-ADServerSettings -ViewEntireForest $true; Get-Mailbox -Server ${server} -ResultSize Unlimited: none may be left there. Or run the collector again with a longer -MailboxSeconds and an account that may read every domain.`,
          evidence,
        } as const;
      }
      if (isAtLeast(build, buildFloors.calendar) === 'below') {
        return {
          verdict: 'fail',
          target: server,
          owner: 'on-premises',
          message: `${server} homes ${many} on ${nameOfBuild(build).name} (${build.text}); Teams reads calendars from Exchange 2016 CU3 (${buildFloors.calendar}) on.`,
          remedy,
          evidence,
        } as const;
      }
      return {
        verdict: 'pass',
        target: server,
        message: `${server} homes ${many} on ${nameOfBuild(build).name} (${build.text}).`,
        evidence,
      } as const;
    });
  },
});

const remedy =
  'Move the mailboxes to Exchange Server SE (2016 CU3 is the oldest that works) or to Exchange Online: New-MoveRequest.';
