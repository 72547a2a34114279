import { enumerateFirst } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

/** See exchange-hybrid-option-enabled.md. */
export const exchangeHybridOptionEnabled = rule({
  id: 'teams-exchange-interop/exchange-hybrid-option-enabled',
  title: 'The Exchange hybrid option of the synchronisation is on',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['hybrid-option'],
  judge({ 'hybrid-option': { proofs, unknownUsers = [], staging } }) {
    const evidence = [
      ...proofs.map(({ observed }) => observed),
      ...unknownUsers.map((user) => `${user}: no such recipient in Exchange Online`),
    ].map((observed) => ({ fact: 'hybrid-option', observed }) as const);
    const strong = proofs.filter(({ from }) => from !== 'exchange-guid');
    const proof = strong.find(({ on }) => on);
    if (proof !== undefined) return { verdict: 'pass', message: `The option is on: ${proof.observed}.`, evidence };
    const remedy =
      'Entra Connect: Configure > Customize synchronization options > Optional features > Exchange hybrid deployment. Cloud Sync: switch on Exchange hybrid writeback.';
    if (strong.some(({ from }) => from === 'entra-connect')) {
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `The option "Exchange hybrid deployment" is off in Entra Connect${
          strong.some(({ from }) => from === 'cloud-sync') ? ', and no Cloud Sync job writes back' : ''
        }.`,
        remedy,
        evidence,
      };
    }
    if (proofs.some(({ from, on }) => from === 'exchange-guid' && on)) {
      return {
        verdict: 'fail',
        severity: 'low',
        owner: 'tenant',
        message:
          'The option seems to be on (mail users in Exchange Online have an ExchangeGuid), but nothing proves it: run the collector on the Entra Connect server.',
        remedy,
        evidence,
      };
    }
    if (unknownUsers.length > 0) {
      return {
        verdict: 'manual',
        message: `Nothing shows that the option is on, and Exchange Online does not know ${enumerateFirst(unknownUsers)}: not synchronised, or the sample is wrong.`,
        remedy:
          'Get-MailUser in Exchange Online for these addresses; correct sampleUsers or the synchronisation. Run Collect-TeamsInteropFacts.ps1 on the Entra Connect server.',
        evidence,
      };
    }
    if (staging === true) {
      return {
        verdict: 'manual',
        message:
          'Nothing shows that the option is on: the Entra Connect server that was looked at is in staging mode and exports nothing.',
        remedy:
          'Run Collect-TeamsInteropFacts.ps1 on the active Entra Connect server (Get-ADSyncScheduler: StagingModeEnabled False).',
        evidence,
      };
    }
    const bySync = strong.find(({ from }) => from === 'cloud-sync');
    return {
      verdict: 'manual',
      message: `Nothing shows that the option is on${bySync === undefined ? '' : ` (${bySync.observed})`}, and Entra Connect was not looked at.`,
      remedy: 'Run Collect-TeamsInteropFacts.ps1 on the Entra Connect server.',
      evidence,
    };
  },
});
