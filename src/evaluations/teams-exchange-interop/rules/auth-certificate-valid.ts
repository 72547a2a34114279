import { dayOf, daysUntil } from '../../../domain/time.ts';
import { enumerateFirst } from '../../../domain/words.ts';
import { rule } from '../rule.ts';

const soonDays = 30;

/** Exchange could not ask the list of revoked certificates, which a certificate that the servers signed themselves has none of. */
const uncheckedStatuses = ['RevocationCheckFailure', 'Unknown'];

const isSame = (thumbprint: string, wanted: string | undefined) => thumbprint.toUpperCase() === wanted?.toUpperCase();

/** See auth-certificate-valid.md. */
export const authCertificateValid = rule({
  id: 'teams-exchange-interop/auth-certificate-valid',
  title: 'The Auth certificate is valid on every server',
  severity: 'high',
  blocks: ['calendar'],
  needs: ['auth-certificate'],
  judge({ 'auth-certificate': { current, next, nextEffective, servers, unreadable } }, { now }) {
    const remedy =
      'Run MonitorExchangeAuthCertificate.ps1 (CSS-Exchange), which renews it and distributes it; then upload the new public key to the service principals.';
    const copies = servers.filter(({ thumbprint }) => isSame(thumbprint, current));
    const evidence = [
      {
        fact: 'auth-certificate',
        observed: `current ${current ?? 'none'}, on ${copies.filter(({ present }) => present).length} of ${copies.length + unreadable.length} servers`,
      },
    ] as const;
    const fail = (message: string) => ({ verdict: 'fail', owner: 'on-premises', message, remedy, evidence }) as const;
    if (current === undefined) return fail('Get-AuthConfig names no current Auth certificate.');
    const missing = copies.filter(({ present }) => !present).map(({ server }) => server);
    if (missing.length > 0) return fail(`The Auth certificate ${current} is missing on ${enumerateFirst(missing)}.`);
    const keyless = copies.filter(({ hasPrivateKey }) => hasPrivateKey === false).map(({ server }) => server);
    if (keyless.length > 0)
      return fail(`The Auth certificate ${current} has no private key on ${enumerateFirst(keyless)}.`);
    const notAfter = copies.flatMap((copy) => (copy.notAfter === undefined ? [] : [copy.notAfter])).sort()[0];
    const days = notAfter === undefined ? undefined : daysUntil(notAfter, now);
    if (days !== undefined && days <= 0)
      return fail(`The Auth certificate ${current} expired on ${dayOf(notAfter ?? '')}.`);
    const invalid = copies.filter(
      ({ status }) => status !== undefined && status !== 'Valid' && !uncheckedStatuses.includes(status),
    );
    if (invalid.length > 0) {
      return fail(
        `The Auth certificate ${current} is not valid on ${enumerateFirst(invalid.map(({ server, status }) => `${server} (${status})`))}.`,
      );
    }
    if (unreadable.length > 0 || notAfter === undefined || days === undefined) {
      return {
        verdict: 'manual',
        message:
          unreadable.length > 0
            ? `The certificates of ${enumerateFirst(unreadable)} could not be read.`
            : `No server told until when the Auth certificate ${current} is valid.`,
        remedy:
          'Get-ExchangeCertificate -Server SERVER: the thumbprint has to be there, valid and with its private key.',
        evidence,
      };
    }
    const due = nextEffective === undefined ? undefined : daysUntil(nextEffective, now);
    const without = servers
      .filter(({ thumbprint, present }) => isSame(thumbprint, next) && !present)
      .map(({ server }) => server);
    if (next !== undefined && without.length > 0) {
      return {
        ...fail(
          `The next Auth certificate ${next} is missing on ${enumerateFirst(without)}${
            nextEffective === undefined
              ? ''
              : due !== undefined && due > 0
                ? `; it counts in ${due} days (${dayOf(nextEffective)})`
                : `, and it counts since ${dayOf(nextEffective)}`
          }.`,
        ),
        ...(due !== undefined && due <= 0 ? {} : { severity: 'low' as const }),
        remedy:
          'MonitorExchangeAuthCertificate.ps1 (CSS-Exchange) on one of the servers that hold it; or Set-AuthConfig -PublishCertificate after importing it there.',
      };
    }
    const successor =
      next === undefined ? '' : `; ${next} follows${nextEffective === undefined ? '' : ` on ${dayOf(nextEffective)}`}`;
    const comes = { at: notAfter, what: `the Auth certificate ${current} ends` };
    if (days <= soonDays) {
      return {
        ...fail(`The Auth certificate ${current} expires in ${days} days (${dayOf(notAfter)})${successor}.`),
        severity: 'low',
        comes,
      };
    }
    return {
      verdict: 'pass',
      comes,
      message: `The Auth certificate ${current} is valid until ${dayOf(notAfter)} on ${copies.length === 1 ? 'the one server' : `all ${copies.length} servers`}${successor}.`,
      evidence,
    };
  },
});
