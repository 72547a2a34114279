import { exchangeOrganization } from '../../facts/exchange-organization/subject.ts';
import { interopCollectorFiles } from '../../sources/bindings/teams-exchange-interop/collector-files.ts';
import { messageHeaderFiles } from '../../sources/bindings/teams-exchange-interop/message-header-files.ts';
import { exchangeOrganizationSources } from '../../sources/bindings/teams-exchange-interop/sources.ts';
import type { Registration } from '../registration.ts';
import { teamsExchangeInterop as evaluation } from './evaluation.ts';

/** Everything the product knows of this evaluation. */
export const teamsExchangeInterop: Registration = {
  ...evaluation,
  bind: exchangeOrganizationSources,
  files: [interopCollectorFiles, messageHeaderFiles],
  grants: [
    'exchange-manage-as-app',
    'global-reader',
    'organization-read-all',
    'user-read-all',
    'application-read-all',
    'synchronization-read-all',
  ],
  starts(subject) {
    const { domains, hosts, sampleUsers } = exchangeOrganization.parse(subject);
    return [
      { what: 'hosts', count: hosts.length, mostInAll: 50 },
      { what: 'domains', count: domains.length, mostInAll: 50 },
      { what: 'sample users', count: sampleUsers.length, mostInAll: 50 },
    ];
  },
  inShell: {
    options: [],
    nothing:
      'There is nothing to look at: give --organization FILE with evaluations.teams-exchange-interop, or --facts FILE.',
  },
};
