// A door of the demo only: lets somebody mend what is broken, or break it again.
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { type Demo, type FactFile, factFiles } from './contoso.ts';

export interface Mending {
  readonly url: string;
  close(): Promise<void>;
}

export interface MendingOptions {
  readonly demo: Demo;
  /** What earlier starts have mended. */
  readonly mended: readonly string[];
  /** Keeps what is mended now for the next start. */
  readonly save: (mended: readonly string[]) => Promise<void>;
  /** Where posted files are kept, to be read, changed and posted again by hand. */
  readonly folder: string;
  /** The host's door for facts. */
  readonly factsUrl: string;
  /** Say who posts, where somebody has to. */
  readonly headers?: () => Promise<Record<string, string>>;
}

/** `POST /mend/NAME` and `/break/NAME`, NAME being a domain, `interop` or `smtp`; on a free port of loopback. */
export async function startMending({
  demo,
  save,
  folder,
  factsUrl,
  headers = async () => ({}),
  ...before
}: MendingOptions): Promise<Mending> {
  const mended = new Set(before.mended);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, action = '', name = ''] = (request.url ?? '').split('/');
    const isKnown = request.method === 'POST' && (action === 'mend' || action === 'break');
    const done = isKnown ? await change(name, action === 'mend') : undefined;
    if (done === undefined) {
      const names = [...Object.keys(factFiles), ...demo.failing];
      response.writeHead(404).end(`POST /mend/NAME or /break/NAME; the broken ones are ${names.join(', ')}\n`);
      return;
    }
    if (action === 'mend') mended.add(name);
    else mended.delete(name);
    await save([...mended]);
    response.end(`${name}: ${done}\n`);
  }

  /** @returns what was done, for a person; undefined when the demo has nothing of that name */
  async function change(name: string, mend: boolean): Promise<string | undefined> {
    const file = factFiles[name];
    if (file !== undefined) return post(file, mend);
    if (mend) return demo.mend(name) ? 'the key is published now' : undefined;
    return demo.break(name) ? 'the key is gone' : undefined;
  }

  async function post(file: FactFile, mend: boolean): Promise<string> {
    const text = JSON.stringify(file.content(mend, new Date()), undefined, 2);
    const path = resolve(folder, `${file.name}.json`);
    await writeFile(path, text);
    const answered = await fetch(factsUrl, {
      method: 'POST',
      body: text,
      headers: { ...(await headers()), 'content-type': 'application/json' },
    });
    if (!answered.ok) throw new Error(`${factsUrl}: ${answered.status} ${await answered.text()}`);
    return `the ${mend ? 'mended' : 'broken'} facts are posted, and a run judges them. By hand: curl --json @${path} ${factsUrl}`;
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(`${String(error)}\n`));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
