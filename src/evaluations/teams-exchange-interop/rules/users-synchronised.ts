import { hoursUntil } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

const lateHours = 3;
const overdueHours = 24;

/** See users-synchronised.md. */
export const usersSynchronised = rule({
  id: 'teams-exchange-interop/users-synchronised',
  title: 'Users are synchronised to Entra ID',
  severity: 'high',
  blocks: ['calendar', 'delegates'],
  needs: ['directory-synchronisation', 'users-in-scope'],
  judge({ 'directory-synchronisation': sync, 'users-in-scope': { scope, users, counted } }, { now }) {
    const remedy =
      'Start-ADSyncSyncCycle -PolicyType Delta on the Entra Connect server; then check the scoping filter in Entra Connect or Cloud Sync.';
    const evidence = [
      {
        fact: 'directory-synchronisation',
        observed: `enabled: ${sync.enabled}, last cycle ${sync.lastSync ?? 'never'}`,
      },
    ] as const;
    const fail = (message: string) => ({ verdict: 'fail', owner: 'tenant', message, remedy, evidence }) as const;
    if (!sync.enabled)
      return fail('The tenant is not synchronised with a directory on premises (onPremisesSyncEnabled).');
    if (sync.lastSync === undefined) return fail('Synchronisation is on, but no cycle has ever ended.');
    const hours = -hoursUntil(sync.lastSync, now);
    if (hours > overdueHours) {
      return fail(`The last synchronisation ended ${Math.floor(hours)} hours ago (${sync.lastSync}).`);
    }
    const missing = users.filter(({ found }) => !found).map(({ user }) => user);
    if (missing.length > 0) return fail(`Entra ID does not know ${enumerateFirst(missing)}.`);
    const cloudOnly = users.filter(({ synchronised }) => !synchronised).map(({ user }) => user);
    if (cloudOnly.length > 0)
      return fail(`Not synchronised from the directory on premises: ${enumerateFirst(cloudOnly)}.`);
    const total = counted?.users ?? users.length;
    if (total === 0) {
      return {
        verdict: 'manual',
        message: 'Synchronisation runs, but nobody is in scope: no user has an address in the domains.',
        remedy: 'Name people whose mailbox is on premises as sampleUsers in the organization document.',
        evidence,
      };
    }
    if (hours > lateHours) {
      return {
        ...fail(`The last synchronisation ended ${Math.floor(hours)} hours ago; a cycle takes 30 minutes.`),
        severity: 'low',
      };
    }
    return {
      verdict: 'pass',
      message: `Synchronisation runs (last cycle ${sync.lastSync}) and ${
        scope === 'sample' ? 'the sample users are' : `all ${total} users in the domains are`
      } synchronised.`,
      evidence,
    };
  },
});
