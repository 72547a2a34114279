import { Unobtainable } from '../../domain/fact-set.ts';
import type { CloudTenant } from '../../domain/tenant.ts';
import { type ExchangeOnline, onlyPart } from './client.ts';
import type { CmdletParameters } from './cmdlets.ts';
import { CmdletFailed } from './failure.ts';

/** Exchange Online of one tenant. */
export interface ExchangeOnlineReader {
  /** All rows; none for an object that does not exist. @throws Unobtainable, also when only some rows were sent */
  rows(cmdlet: string, parameters: CmdletParameters, signal: AbortSignal): Promise<readonly unknown[]>;
}

/** Narrows Exchange Online to one tenant, for whoever knows no other. */
export function exchangeOnlineReader(exchangeOnline: ExchangeOnline, tenant: CloudTenant): ExchangeOnlineReader {
  return {
    async rows(cmdlet, parameters, signal) {
      try {
        const answer = await exchangeOnline.invoke(tenant, cmdlet, parameters, signal);
        if (answer.cutShort === undefined) return answer.rows;
        throw new Unobtainable('insufficient', onlyPart(cmdlet, answer));
      } catch (error) {
        if (error instanceof CmdletFailed && error.notFound) return [];
        throw error;
      }
    },
  };
}
