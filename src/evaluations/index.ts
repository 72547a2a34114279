import { dkim } from './dkim/index.ts';
import { createRegistry } from './registry.ts';
import { smtpSourceIp } from './smtp-source-ip/index.ts';
import { teamsExchangeInterop } from './teams-exchange-interop/index.ts';

/** THE list of evaluations. */
export const evaluations = createRegistry([dkim, teamsExchangeInterop, smtpSourceIp]);
