import { z } from 'zod';
import { domainName } from '../../domain/domain-name.ts';
import { parseDocument } from '../../domain/organization.ts';
import { type MailDomain, selectorName, usualSelectors } from '../../facts/mail-domain/subject.ts';

/** Domains of one request. More belong into an organization's document. */
const most = 100;

const body = z.strictObject({
  domains: z
    .array(domainName)
    .min(1, { error: 'names no domain' })
    .max(most, { error: `takes ${most} at most; more belong into an organization's document` }),
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
