import { enumerateFirst } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

/** See writeback-permissions-granted.md. */
export const writebackPermissionsGranted = rule({
  id: 'teams-exchange-interop/writeback-permissions-granted',
  title: 'The connector account may write the hybrid attributes back',
  severity: 'medium',
  blocks: [],
  needs: ['writeback'],
  after: () => [{ rule: 'teams-exchange-interop/exchange-hybrid-option-enabled' }],
  judge({ writeback: { permissions, effect, staging } }) {
    const remedy =
      'Set-ADSyncExchangeHybridPermissions on the Entra Connect server; Get-ADSyncObjectsWithInheritanceDisabled shows where inheritance is cut.';
    const evidence = effect.map(
      ({ forest, populated, sampled }) =>
        ({
          fact: 'writeback',
          observed: `${forest}: written back in ${populated} of ${sampled} mailbox users`,
        }) as const,
    );
    const empty = effect.filter(({ sampled, populated }) => sampled > 0 && populated === 0).map(({ forest }) => forest);
    if (empty.length > 0) {
      return {
        verdict: 'fail',
        owner: 'on-premises',
        message: `Nothing was ever written back in ${enumerateFirst(empty)}: no mailbox user has msDS-ExternalDirectoryObjectID.`,
        remedy,
        evidence,
      };
    }
    if (staging === true) {
      return {
        verdict: 'manual',
        message:
          'The permissions were read on an Entra Connect server in staging mode; the account that writes may be another.',
        remedy: 'Run Collect-TeamsInteropFacts.ps1 on the active Entra Connect server.',
        evidence,
      };
    }
    const missing = permissions.flatMap(({ forest, classes }) =>
      classes
        .filter((one) => one.missing.length > 0)
        .map((one) => `${forest}, ${one.class}: ${one.missing.join(', ')}`),
    );
    if (missing.length > 0) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner: 'on-premises',
        message: `The connector account may not write some attributes (${enumerateFirst(missing, 3)}).`,
        remedy,
        evidence: [
          ...evidence,
          ...missing.map((observed) => ({ fact: 'writeback', observed: `missing: ${observed}` }) as const),
        ],
      };
    }
    if (permissions.length === 0) {
      return {
        verdict: 'manual',
        message: 'The permissions of the connector account could not be read in any forest.',
        remedy: 'Run the collector with an account that may read the permissions of the domain root.',
        evidence,
      };
    }
    return {
      verdict: 'pass',
      message: 'The connector account may write every attribute of the Exchange hybrid option.',
      evidence,
    };
  },
});
