import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeIssue } from '../domain/organization.ts';
import { payloadSchema } from '../notifiers/teams-workflow/payload.ts';
import { cardLibrary } from './place.ts';

/** Above this Teams drops a card, after the webhook said 202. */
const maxCardBytes = 28 * 1024;

/** What the flow hands to Teams is longer than what it was sent (msteams-docs issue 11274: 24,453 bytes became 28,897). */
const flowFactor = 28_897 / 24_453;

/** What is read of a request at most; more is answered with 413. */
const maxRequestBytes = 1024 * 1024;

/** The newest of this many posts are kept. */
const postsKept = 500;

/** The shape of a Workflows address, so that the way to the sink is the way to Teams. */
const webhookTarget =
  '/powerautomate/automations/direct/workflows/local/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=local';

/** One post that the sink took with 202, as Teams would. */
interface SunkCard {
  /** ISO 8601, UTC. */
  readonly receivedAt: string;
  readonly bytes: number;
  /** The JSON as it came; the text itself when it is none. */
  readonly payload: unknown;
  /** Why Teams would show nothing of it, one sentence each; empty when the card is right. */
  readonly problems: readonly string[];
}

interface OtherAnswer {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For this many posts; until told otherwise when left out. */
  readonly times?: number;
}

export interface TeamsSink {
  /** Where to post to: what a channel has as its address. */
  readonly url: string;
  /** Where a person looks at the cards. */
  readonly page: string;
  /** Oldest first. */
  readonly cards: readonly SunkCard[];
  /** Answers posts with another status; what is posted is then not kept. 202 goes back to normal. */
  respondWith(status: number, answer?: OtherAnswer): void;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/**
 * A local stand-in for a Teams channel: takes what a Workflows webhook takes and, like it, says 202 to whatever comes;
 * then checks it against the payload's schema and Teams' 28 KB, and shows the cards rendered on a page. Reaches no network.
 *
 * @throws when the port is taken or the `adaptivecards` package is not installed
 */
export async function startTeamsSink({
  port = 0,
  host = '127.0.0.1',
}: {
  readonly port?: number;
  readonly host?: string;
} = {}): Promise<TeamsSink> {
  const page = await readFile(new URL('teams-sink.html', import.meta.url));
  const library = await readFile(cardLibrary());
  const cards: SunkCard[] = [];
  let other: { status: number; answer: OtherAnswer; left: number } | undefined;

  async function takePost(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === undefined) {
      // The rest of the request is not read, so the connection is of no further use.
      response.writeHead(413, { connection: 'close' }).end();
      return;
    }
    if (other !== undefined && other.left > 0) {
      const { status, answer } = other;
      other = { ...other, left: other.left - 1 };
      response.writeHead(status, answer.headers).end(answer.body);
      return;
    }
    cards.push(examine(body));
    if (cards.length > postsKept) cards.shift();
    response.writeHead(202).end();
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://sink');
    const door = `${request.method} ${pathname}`;
    if (request.method === 'POST' && request.url === webhookTarget) {
      takePost(request, response).catch(() => response.destroy());
    } else if (door === 'GET /') send(response, 200, 'text/html; charset=utf-8', page);
    else if (door === 'GET /adaptivecards.js') send(response, 200, 'text/javascript; charset=utf-8', library);
    else if (door === 'GET /cards.json') send(response, 200, 'application/json', JSON.stringify(cards));
    else {
      send(
        response,
        404,
        'text/plain; charset=utf-8',
        'Nothing here. Cards are shown at /, and posted to the address of the channel.\n',
      );
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const origin = originOf(server.address() as AddressInfo);
  return {
    url: `${origin}${webhookTarget}`,
    page: `${origin}/`,
    cards,
    respondWith(status, answer = {}) {
      other = status === 202 ? undefined : { status, answer, left: answer.times ?? Number.POSITIVE_INFINITY };
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

function originOf({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}

function send(response: ServerResponse, status: number, contentType: string, body: string | Buffer): void {
  response
    .writeHead(status, {
      'content-type': contentType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy':
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:",
    })
    .end(body);
}

/** @returns undefined when there is more than the sink reads */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maxRequestBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What Teams would make of a post. */
function examine(body: Buffer): SunkCard {
  const text = body.toString('utf8');
  const receivedAt = new Date().toISOString();
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return { receivedAt, bytes: body.length, payload: text, problems: ['It is no JSON.'] };
  }
  const checked = payloadSchema.safeParse(payload);
  const handedOn = Math.ceil(body.length * flowFactor);
  const problems = [
    ...(handedOn > maxCardBytes
      ? [
          `Its ${body.length} bytes become ${handedOn} in the flow; Teams shows nothing of a card above ${maxCardBytes}.`,
        ]
      : []),
    ...(checked.success ? [] : checked.error.issues.map(describeIssue)),
  ];
  return { receivedAt, bytes: body.length, payload, problems };
}
