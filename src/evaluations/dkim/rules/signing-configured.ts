import { rule } from '../rule.ts';

/** See signing-configured.md. */
export const signingConfigured = rule({
  id: 'dkim/signing-configured',
  title: 'Exchange Online has a DKIM signing configuration with keys for the domain',
  severity: 'high',
  blocks: ['verifiable-now', 'verifiable-after-rotation'],
  needs: ['signing-configuration'],
  judge({ 'signing-configuration': configuration }, { subject }) {
    if (configuration.state === 'no-row') {
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `${subject.id} has no DKIM signing configuration: Exchange Online signs nothing for it.`,
        remedy: `Create the keys:\nNew-DkimSigningConfig -DomainName ${subject.id} -KeySize 2048 -Enabled $false\nPublish both CNAMEs it names, then:\nSet-DkimSigningConfig -Identity ${subject.id} -Enabled $true`,
        evidence: [{ fact: 'signing-configuration', observed: 'no row for the domain' }],
      };
    }
    const { row } = configuration;
    if (row.status === 'NoDKIMKeys') {
      return {
        verdict: 'fail',
        owner: 'tenant',
        message: `${subject.id} has a DKIM signing configuration without keys (status NoDKIMKeys): nothing is signed.`,
        remedy: `Create the keys in the Defender portal (Email authentication settings, DKIM), or with:\nNew-DkimSigningConfig -DomainName ${subject.id} -KeySize 2048 -Enabled $false`,
        evidence: [{ fact: 'signing-configuration', observed: 'Status NoDKIMKeys' }],
      };
    }
    return {
      verdict: 'pass',
      message: `${subject.id} has a DKIM signing configuration.${row.note === undefined ? '' : ` ${row.note}`}`,
      evidence: [{ fact: 'signing-configuration', observed: `Status ${row.status ?? 'not given'}` }],
    };
  },
});
