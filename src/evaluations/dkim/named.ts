import { z } from 'zod';
import { domainName } from '../../domain/domain-name.ts';
import { parseDocument } from '../../domain/organization.ts';
import { type MailDomain, selectorName, usualSelectors } from '../../facts/mail-domain/subject.ts';

const body = z.strictObject({
  domains: z.array(domainName).min(1, { error: 'names no domain' }),
  selectors: z.array(selectorName).min(1).optional(),
});

/** Mail domains named by no more than their names. */
export const namedDomains = {
  key: 'domains',
  body,
  subjectsOf(value: unknown): readonly MailDomain[] {
    const { domains, selectors = usualSelectors } = parseDocument('request', body, value);
    return domains.map((id) => ({ kind: 'mail-domain', id, selectors }));
  },
};
