import { mailDomain } from '../../facts/mail-domain/subject.ts';
import { tenantExports } from '../../sources/bindings/dkim/files.ts';
import { assumedMailRecords, mailDomainSources } from '../../sources/bindings/dkim/sources.ts';
import type { Registration } from '../registration.ts';
import { dkimDoors } from './doors.ts';
import { dkim as evaluation } from './evaluation.ts';
import { dkimInShell } from './in-shell.ts';
import { explainsMessages } from './look.ts';
import { namedDomains } from './named.ts';

/** Everything the product knows of this evaluation. */
export const dkim: Registration = {
  ...evaluation,
  bind: mailDomainSources,
  files: [tenantExports],
  assumable: assumedMailRecords,
  grants: ['exchange-manage-as-app', 'security-reader', 'domain-read-all', 'service-health-read-all'],
  named: namedDomains,
  starts(subject) {
    const count = mailDomain.parse(subject).selectors.length;
    return [
      { what: 'selectors', count, mostOfOne: 20 },
      { what: 'look-ups of selectors', count, mostInAll: 400 },
    ];
  },
  // Loaded when asked for: most instances never are.
  look: explainsMessages(async (name, content) =>
    (await import('../../sources/mail/read.ts')).readMessage(name, content),
  ),
  inShell: dkimInShell,
  doors: dkimDoors,
};
