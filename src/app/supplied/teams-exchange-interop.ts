import { type FactSet, known, mergeFactSets, noFacts } from '../../domain/fact-set.ts';
import { InvalidDocument } from '../../domain/organization.ts';
import { interopFactsOf, isInteropCollectorFile, parseInteropCollectorFile } from '../../sources/interop-collector.ts';
import { looksLikeMessageHeaders, mailBuildsOf } from '../../sources/interop-mail.ts';
import { decodeText } from '../../sources/supplied/powershell-json.ts';
import type { Family, SuppliedFile, Supply } from './family.ts';

/** Files of `Collect-TeamsInteropFacts.ps1`, from Exchange servers and from the Entra Connect server. */
export const interopFiles: Family = {
  wanted: 'a file of Collect-TeamsInteropFacts.ps1 or the headers of a message',
  recognises: ({ rows }) => rows.every(isInteropCollectorFile),
  read(files) {
    const parsed = files.flatMap(({ name, rows }) => rows.map((row) => parse(name, row)));
    const facts = interopFactsOf(parsed);
    return {
      name: `collector/${parsed.map(({ host }) => host.name).join('+')}`,
      subjects: [],
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

/** Is this file the header of a message, saved as text? */
export function isMessageHeaders({ content }: SuppliedFile): boolean {
  return content[0] !== 0x7b && content[0] !== 0x5b && looksLikeMessageHeaders(decodeText(content));
}

/** What the `Received` lines of messages tell about the servers they passed. */
export function readMessageHeaders(files: readonly SuppliedFile[]): Supply {
  const facts = files
    .map(
      ({ name, content, writtenAt }): FactSet => ({
        facts: { 'mail-builds': known(mailBuildsOf(decodeText(content)), `message headers in ${name}`, writtenAt) },
        parts: {},
      }),
    )
    .reduce((all, one) => mergeFactSets(one, all), noFacts);
  return {
    name: 'mail-headers',
    subjects: [],
    factsFor: ({ kind }) => (kind === 'exchange-organization' ? facts : noFacts),
  };
}
