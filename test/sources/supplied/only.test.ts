import { expect, it } from 'vitest';
import { Unobtainable } from '../../../src/domain/fact-set.ts';
import type { GatherContext } from '../../../src/domain/source.ts';
import type { MailDomainFacts } from '../../../src/facts/mail-domain/index.ts';
import { mailDomain } from '../../../src/facts/mail-domain/subject.ts';
import { suppliedOnly } from '../../../src/sources/supplied/only.ts';

it('a fact that only a file can bring is not supplied, and says how to supply it', () => {
  const source = suppliedOnly<MailDomainFacts, 'signing-configuration'>(
    'signing-configuration',
    'supply the output of Get-DkimSigningConfig',
  );
  const contoso = mailDomain.parse({ kind: 'mail-domain', id: 'contoso.com' });
  expect(() => source.gather(contoso, {} as GatherContext<MailDomainFacts>)).toThrow(
    new Unobtainable('not_supplied', 'supply the output of Get-DkimSigningConfig'),
  );
});
