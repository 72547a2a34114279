import { type FactSet, known, mergeFactSets, noFacts } from '../../../domain/fact-set.ts';
import type { OpenedFile, SuppliedFormat } from '../../supplied/format.ts';
import { looksLikeMessageHeaders, mailBuildsOf } from './message-headers.ts';

/** Headers of messages, saved as text: their `Received` lines tell about the servers they passed. */
export const messageHeaderFiles: SuppliedFormat = {
  wanted: 'the headers of a message',
  isText: isMessageHeaders,
  recognises: ({ text }) => text !== undefined && isMessageHeaders(text),
  read(files) {
    const facts = files.map(factsOf).reduce((all, one) => mergeFactSets(one, all), noFacts);
    return {
      name: 'mail-headers',
      subjects: [],
      factsFor: ({ kind }) => (kind === 'exchange-organization' ? facts : noFacts),
    };
  },
};

function isMessageHeaders(text: string): boolean {
  return !/^[{[]/.test(text) && looksLikeMessageHeaders(text);
}

function factsOf({ name, text = '', writtenAt }: OpenedFile): FactSet {
  const builds = known(mailBuildsOf(text), `message headers in ${name}`, writtenAt);
  return { facts: { 'mail-builds': builds }, parts: {} };
}
