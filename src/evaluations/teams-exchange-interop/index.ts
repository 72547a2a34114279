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
  inShell: {
    options: [],
    nothing:
      'There is nothing to look at: give --organization FILE with evaluations.teams-exchange-interop, or --facts FILE.',
  },
};
