import { enumerateFirst } from '../../../domain/words.ts';
import { productOf } from '../../../facts/exchange-organization/builds.ts';
import { rule } from '../rule.ts';

/** See no-legacy-servers.md. */
export const noLegacyServers = rule({
  id: 'teams-exchange-interop/no-legacy-servers',
  title: 'No Exchange 2010 or older is left',
  severity: 'low',
  blocks: [],
  needs: ['known-builds'],
  judge({ 'known-builds': { builds } }) {
    const old = builds.filter(({ build }) => {
      const product = productOf(build);
      return product === 'Exchange 2010' || product === 'Exchange 2007 or older';
    });
    const evidence = old.map(
      ({ where, build }) => ({ fact: 'known-builds', observed: `${where}: ${build.text}` }) as const,
    );
    if (old.length > 0) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `${enumerateFirst(old.map(({ where }) => where))} ${old.length === 1 ? 'is' : 'are'} Exchange 2010 or older: the wizard configures no OAuth in such an organization.`,
        remedy:
          'Configure OAuth by hand (AuthServer, PartnerApplication, Auth certificate, service principal names, connectors both ways), or remove the old servers and run the wizard again.',
        evidence,
      };
    }
    if (!builds.some(({ from }) => from === 'collector')) {
      return {
        verdict: 'manual',
        message: 'What is seen from outside is newer than Exchange 2010; servers behind it were not looked at.',
        remedy: 'Get-ExchangeServer, or run the collector: is a server of version 14 or 8 left?',
      };
    }
    return { verdict: 'pass', message: 'Every server is Exchange 2013 or later.' };
  },
});
