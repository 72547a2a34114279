import { factKinds } from '../../domain/fact.ts';
import { acceptedDomain } from './accepted-domain.ts';
import { exchangeOnlineIncidents } from './exchange-online-incidents.ts';
import { mailRefusal } from './mail-refusal.ts';
import { selectorCname, selectorKey } from './selector.ts';
import { signingConfiguration } from './signing-configuration.ts';

/** The facts about a mail domain. */
export const mailDomainFacts = factKinds(
  {
    'signing-configuration': signingConfiguration,
    'accepted-domain': acceptedDomain,
    'exchange-online-incidents': exchangeOnlineIncidents,
    'mail-refusal': mailRefusal,
    'selector-cname': selectorCname,
    'selector-key': selectorKey,
  },
  { 'selector-cname': 'selector', 'selector-key': 'selector' },
);

export type MailDomainFacts = typeof mailDomainFacts;
