import { canonicalName } from '../../../domain/domain-name.ts';
import { noFacts } from '../../../domain/fact-set.ts';
import { InvalidDocument } from '../../../domain/organization.ts';
import { enumerate } from '../../../domain/words.ts';
import { exchangeOrganization } from '../../../facts/exchange-organization/subject.ts';
import type { SuppliedFormat } from '../../supplied/format.ts';
import { interopFactsOf, isInteropCollectorFile, parseInteropCollectorFile } from './collector.ts';

/** Files of `Collect-TeamsInteropFacts.ps1`, from Exchange servers and from the Entra Connect server. */
export const interopCollectorFiles: SuppliedFormat = {
  wanted: 'a file of Collect-TeamsInteropFacts.ps1',
  recognises: ({ rows }) => rows.length > 0 && rows.every(isInteropCollectorFile),
  read(files) {
    const parsed = files.flatMap(({ name, rows }) => rows.map((row) => parse(name, row)));
    const facts = interopFactsOf(parsed);
    return {
      name: `collector/${parsed.map(({ host }) => host.name).join('+')}`,
      subjects: [],
      foreignTo: (subject) => {
        const organization = exchangeOrganization.safeParse(subject);
        const hybrid = parsed.flatMap(({ exchange }) => exchange?.hybridConfiguration?.domains ?? []);
        const theirs = [...new Set(hybrid.map(({ domain }) => canonicalName(domain)))];
        const own = organization.data?.domains ?? [];
        if (own.length === 0 || theirs.length === 0 || theirs.some((domain) => own.includes(domain))) return undefined;
        return `their hybrid configuration is for ${enumerate(theirs)}, and ${subject.id} has ${enumerate(own)}`;
      },
      factsFor: ({ kind }) => (kind === 'exchange-organization' ? facts : noFacts),
    };
  },
};

function parse(name: string, row: unknown): ReturnType<typeof parseInteropCollectorFile> {
  try {
    return parseInteropCollectorFile(row);
  } catch (error) {
    if (error instanceof InvalidDocument)
      throw new InvalidDocument(name, [...error.issues, 'collect it again with Collect-TeamsInteropFacts.ps1']);
    throw error;
  }
}
