import { z } from 'zod';
import { Problem } from '../app/problem.ts';
import { imported } from '../app/transfer/transfer.ts';
import { answer, type Door, door, json, media, query } from './door.ts';

const ndjson = 'application/x-ndjson';

/**
 * A longer one is handed over by the shell, line by line. The Functions library copies a body whole, twice: with 60 MB that
 * alone keeps others waiting for over 100 ms.
 */
const longestFile = 32_000_000;
const instead = 'use "fieldcheck export" and "fieldcheck import", which read line by line';

/** An organization from one deployment to another. */
export const transferDoors: readonly Door[] = [
  door('exportOrganization', 'GET', 'organizations/{organization}/export', {
    title: 'An organization as a file: document, states, history, supplied facts, names of keys, audit',
    needs: 'operate',
    answers: { 200: answer('A JSON document on each line; no secret.', media(ndjson)) },
    problems: [413],
    async handle(app, { params }) {
      const lines: string[] = [];
      let length = 0;
      await app.exportOrganization(params.organization, async (line) => {
        length += line.length;
        if (length > longestFile) throw new Problem(413, `The file is longer than 32 MB; ${instead}.`);
        lines.push(line);
      });
      return { body: lines.join('') };
    },
  }),
  door('importOrganization', 'POST', 'organizations/{organization}/import', {
    title: 'Take in such a file: all of it, or nothing',
    needs: 'administer',
    parameters: [
      query('replace', 'Put it in the place of the organization that is there.', z.boolean().default(false)),
    ],
    body: { content: media(ndjson), limit: longestFile, instead },
    answers: { 200: answer('How much it was. Keys and audit are not taken in.', json('Imported', imported)) },
    problems: [400, 409, 413],
    async handle(app, { params: { organization }, query: asked, bytes }) {
      const body = await bytes();
      const file = { name: 'body', lines: () => linesOf(body) };
      return { jsonBody: await app.importOrganization(file, asked.get('replace') === 'true', organization) };
    },
  }),
];

/** One after the other, without a second copy of all of them. */
async function* linesOf(body: Uint8Array): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf(lineFeed, start);
    yield decoder.decode(body.subarray(start, end === -1 ? undefined : end)).replace(/\r$/, '');
    start = end === -1 ? body.length : end + 1;
  }
}

const lineFeed = 0x0a;
