import { type FactSet, type Gathered, known, notKnown } from '../../../domain/fact-set.ts';
import { InvalidDocument } from '../../../domain/organization.ts';
import type { AcceptedDomain } from '../../../facts/mail-domain/accepted-domain.ts';
import type {
  SigningConfiguration,
  SigningConfigurationRow,
} from '../../../facts/mail-domain/signing-configuration.ts';
import { type MailDomain, usualSelectors } from '../../../facts/mail-domain/subject.ts';
import type { OpenedFile, SuppliedFormat } from '../../supplied/format.ts';
import {
  acceptedDomainOf,
  exportCommand,
  kindOfExport,
  kindOfText,
  readTenantRows,
  signingConfigurationOf,
  type TenantExport,
  type TenantRows,
  tenantCmdlets,
} from '../../supplied/tenant-exports.ts';

/** Rows of an export by domain, and the file that had them last. */
interface Export<T> extends TenantRows<T> {
  readonly file: Pick<OpenedFile, 'name' | 'writtenAt'>;
}

interface TenantExports {
  signing?: Export<SigningConfigurationRow>;
  accepted?: Export<AcceptedDomain>;
}

/** Raw exports of `Get-DkimSigningConfig` and `Get-AcceptedDomain`. */
export const tenantExports: SuppliedFormat = {
  wanted: 'an export of Get-DkimSigningConfig or Get-AcceptedDomain',
  recognises: ({ kind, rows }) => kind !== undefined || kindOfExport(rows) !== undefined,
  commandFor(kind, text) {
    const wanted = isTenantExport(kind) ? kind : kindOfText(text);
    return wanted === undefined ? undefined : exportCommand(wanted);
  },
  read(files) {
    const exports: TenantExports = {};
    for (const file of files) addExport(exports, file);
    return {
      name: exports.signing === undefined ? 'export/accepted-domain' : 'export/signing-configuration',
      subjects: subjectsOf(exports),
      notes: [...(exports.signing?.notes ?? []), ...(exports.accepted?.notes ?? [])],
      list: exports.signing?.gap === undefined && exports.accepted?.gap === undefined ? 'whole' : 'with-gaps',
      factsFor: ({ id }) => factsOf(exports, id),
    };
  },
};

function isTenantExport(kind: string | undefined): kind is TenantExport {
  return kind !== undefined && kind in tenantCmdlets;
}

function addExport(exports: TenantExports, file: OpenedFile): void {
  if (kindOf(file) === 'signing-configuration') {
    const read = readTenantRows(file, 'signing-configuration', signingConfigurationOf, (row, note) => ({
      ...row,
      note,
    }));
    exports.signing = joined(exports.signing, read, file);
  } else {
    exports.accepted = joined(exports.accepted, readTenantRows(file, 'accepted-domain', acceptedDomainOf), file);
  }
}

/** @throws InvalidDocument when it is not what it should be */
function kindOf({ name, kind, rows }: OpenedFile): TenantExport {
  const found = kindOfExport(rows);
  const wanted = isTenantExport(kind) ? kind : found;
  // Nothing configured is a state; an organization without any domain is none.
  if (rows.length === 0 && wanted === 'signing-configuration') return wanted;
  if (wanted !== undefined && found === wanted) return wanted;
  const columns = Object.keys(rows.find((row) => Object.keys(row).length > 0) ?? {}).slice(0, 6);
  const cmdlet = tenantCmdlets[wanted ?? 'signing-configuration'];
  throw new InvalidDocument(name, [
    `is no export of ${cmdlet}; ${columns.length === 0 ? 'it holds no rows' : `its first row has the properties ${columns.join(', ')}`}; run this line and supply its file: ${exportCommand(wanted ?? 'signing-configuration')}`,
  ]);
}

function joined<T>(first: Export<T> | undefined, second: TenantRows<T>, file: OpenedFile): Export<T> {
  return {
    rows: new Map([...(first?.rows ?? []), ...second.rows]),
    gap: first?.gap ?? second.gap,
    notes: [...(first?.notes ?? []), ...second.notes],
    // Not the file itself: its rows are several times what was read of them.
    file: { name: file.name, writtenAt: file.writtenAt },
  };
}

/** Accepted domains joined with signing configurations: a domain without a row is a state of its own. */
function subjectsOf({ signing, accepted }: TenantExports): MailDomain[] {
  const names = new Set([...(accepted?.rows.keys() ?? []), ...(signing?.rows.keys() ?? [])]);
  return [...names].sort().map((id) => ({ kind: 'mail-domain', id, selectors: usualSelectors }));
}

function factsOf({ signing, accepted }: TenantExports, domain: string): FactSet {
  return {
    facts: {
      ...(signing === undefined
        ? {}
        : {
            'signing-configuration': factOf<SigningConfigurationRow, SigningConfiguration>(
              'signing-configuration',
              signing,
              domain,
              (row) => ({ state: 'configured', row }),
              { state: 'no-row' },
            ),
          }),
      ...(accepted === undefined
        ? {}
        : { 'accepted-domain': factOf('accepted-domain', accepted, domain, (row) => row, { listed: false }) }),
    },
    parts: {},
  };
}

/** @param absent the value for a domain that the whole export does not have */
function factOf<T, F>(
  kind: TenantExport,
  { rows, gap, file }: Export<T>,
  domain: string,
  found: (value: T) => F,
  absent: F,
): Gathered<F> {
  const row = rows.get(domain);
  if (row !== undefined) return row.status === 'known' ? { ...row, value: found(row.value) } : row;
  const source = `${tenantCmdlets[kind]} in ${file.name}`;
  if (gap === undefined) return known(absent, source, file.writtenAt);
  const detail = `${gap}, and ${domain} is not among the others, which proves nothing`;
  return notKnown('insufficient', detail, source, file.writtenAt);
}
