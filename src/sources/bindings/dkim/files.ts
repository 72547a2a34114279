import { type FactSet, known } from '../../../domain/fact-set.ts';
import { InvalidDocument } from '../../../domain/organization.ts';
import type { AcceptedDomain } from '../../../facts/mail-domain/accepted-domain.ts';
import type { SigningConfigurationRow } from '../../../facts/mail-domain/signing-configuration.ts';
import { type MailDomain, usualSelectors } from '../../../facts/mail-domain/subject.ts';
import type { OpenedFile, SuppliedFormat } from '../../supplied/format.ts';
import { acceptedDomains, kindOfExport, signingConfigurations } from '../../supplied/tenant-exports.ts';

/** Rows of an export by domain, and the file that had them last. */
interface Export<T> {
  readonly rows: ReadonlyMap<string, T>;
  readonly file: OpenedFile;
}

interface TenantExports {
  signing?: Export<SigningConfigurationRow>;
  accepted?: Export<AcceptedDomain>;
}

/** Raw exports of `Get-DkimSigningConfig` and `Get-AcceptedDomain`. */
export const tenantExports: SuppliedFormat = {
  wanted: 'an export of Get-DkimSigningConfig or Get-AcceptedDomain',
  recognises: ({ kind, rows }) => kind !== undefined || kindOfExport(rows) !== undefined,
  read(files) {
    const exports: TenantExports = {};
    for (const file of files) addExport(exports, file);
    return {
      name: exports.signing === undefined ? 'export/accepted-domain' : 'export/signing-configuration',
      subjects: subjectsOf(exports),
      factsFor: ({ id }) => factsOf(exports, id),
    };
  },
};

function addExport(exports: TenantExports, file: OpenedFile): void {
  const { name, kind: wanted, rows } = file;
  const kind = kindOfExport(rows);
  if (kind === undefined || (wanted !== undefined && wanted !== kind)) {
    const cmdlet = wanted === 'accepted-domain' ? 'Get-AcceptedDomain' : 'Get-DkimSigningConfig';
    const columns = Object.keys(rows[0] ?? {}).slice(0, 6);
    throw new InvalidDocument(name, [
      `is no export of ${cmdlet}; its first row has the properties ${columns.length === 0 ? 'none' : columns.join(', ')}`,
    ]);
  }
  if (kind === 'signing-configuration') {
    exports.signing = { rows: joined(exports.signing, signingConfigurations(name, rows)), file };
  } else {
    exports.accepted = { rows: joined(exports.accepted, acceptedDomains(name, rows)), file };
  }
}

function joined<T>(first: Export<T> | undefined, second: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return first === undefined ? second : new Map([...first.rows, ...second]);
}

/** Accepted domains joined with signing configurations: a domain without a row is a state of its own. */
function subjectsOf({ signing, accepted }: TenantExports): MailDomain[] {
  const names = new Set([...(accepted?.rows.keys() ?? []), ...(signing?.rows.keys() ?? [])]);
  return [...names].sort().map((id) => ({ kind: 'mail-domain', id, selectors: usualSelectors }));
}

function factsOf({ signing, accepted }: TenantExports, domain: string): FactSet {
  const from = <T>(cmdlet: string, { file }: Export<unknown>, value: T) =>
    known(value, `${cmdlet} in ${file.name}`, file.writtenAt);
  const row = signing?.rows.get(domain);
  return {
    facts: {
      ...(signing === undefined
        ? {}
        : {
            'signing-configuration': from(
              'Get-DkimSigningConfig',
              signing,
              row === undefined ? { state: 'no-row' as const } : { state: 'configured' as const, row },
            ),
          }),
      ...(accepted === undefined
        ? {}
        : { 'accepted-domain': from('Get-AcceptedDomain', accepted, accepted.rows.get(domain) ?? { listed: false }) }),
    },
    parts: {},
  };
}
