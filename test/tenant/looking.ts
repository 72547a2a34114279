import { noFacts } from '../../src/domain/fact-set.ts';
import type { GatherContext } from '../../src/domain/source.ts';
import type { MailDomainFacts } from '../../src/facts/mail-domain/index.ts';
import type { MailDomain } from '../../src/facts/mail-domain/subject.ts';
import { contoso } from './access.ts';

/** What a source of the tenant is given: it needs no other fact, and shares its work with nobody. */
export const context: GatherContext<MailDomainFacts> = {
  signal: new AbortController().signal,
  now: new Date('2026-11-24T09:30:00Z'),
  gathered: () => Promise.reject(new Error('no other fact is needed')),
  once: (_, start) => start(),
  supplied: noFacts,
};

/** A mail domain of the tenant. */
export const domain = (id: string, more: Partial<MailDomain> = { tenantId: contoso.id }): MailDomain => ({
  kind: 'mail-domain',
  id,
  selectors: ['selector1', 'selector2'],
  ...more,
});
