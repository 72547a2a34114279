// Shows the demo organization: does over HTTP what a user would do, then waits for the cards of that organization. What
// other organizations do or leave undone beside it plays no part.

import { setTimeout as sleep } from 'node:timers/promises';
import { called } from '../../cli/shell.ts';
import type { Payload } from '../../notifiers/teams-workflow/payload.ts';
import type { RunRecord, Store } from '../../store/store.ts';
import { freshDemo } from '../place.ts';
import type { TeamsSink } from '../teams-sink.ts';
import type { Demo } from './contoso.ts';

/** The id in the demo's document. */
export const demoId = 'contoso';

export interface Applied {
  /** What is in the organization's document now; nothing when a person deleted it. */
  readonly evaluations: readonly string[];
  readonly runs: readonly RunRecord[];
  /** Of the document, if it was written; one that a person changed stays as it is. */
  readonly etag?: string;
  /** One sentence for each thing that is not as the demo made it. */
  readonly remarks: readonly string[];
}

/**
 * Writes the document, sends exports and fact files, asks for a run of each evaluation.
 *
 * @param host address of the host
 * @param etag of the document that an earlier start wrote
 * @param headersOf say who asks, where somebody has to
 * @throws Error when the document can be neither written nor read
 */
export async function applyDemo(
  host: string,
  demo: Demo,
  etag: string | undefined,
  headersOf: () => Promise<Record<string, string>> = async () => ({}),
): Promise<Applied> {
  const caller = await headersOf();
  const address = `${host}/api/organizations/${demoId}`;
  const ifMatch: Record<string, string> = etag === undefined ? caller : { ...caller, 'if-match': etag };
  const remarks: string[] = [];
  let response = await send('PUT', address, demo.document, ifMatch);
  const isKept = response.status === 412;
  if (isKept) {
    response = await send('GET', address, undefined, caller);
    if (response.status === 404) {
      return { evaluations: [], runs: [], remarks: [`Contoso was deleted; ${freshDemo} brings it back.`] };
    }
    remarks.push(`Contoso's document was changed by hand, and stays so; ${freshDemo} brings the demo's back.`);
  }
  if (!response.ok) throw new Error(`its document: ${await problemOf(response)}`);
  const { evaluations: declared } = (await response.json()) as { evaluations: object };
  const evaluations = Object.keys(demo.facts).filter((evaluation) => evaluation in declared);

  const runs: RunRecord[] = [];
  for (const evaluation of evaluations) {
    for (const file of demo.facts[evaluation] ?? []) {
      const posted = await send('POST', `${address}/facts?run=false`, file, caller);
      if (!posted.ok) remarks.push(`Contoso, ${evaluation}: ${await problemOf(posted)}`);
    }
    const started = await send('POST', `${address}/evaluations/${evaluation}/runs`, undefined, caller);
    if (started.ok) runs.push((await started.json()) as RunRecord);
    else remarks.push(`Contoso, ${evaluation}: ${await problemOf(started)}`);
  }
  const written = isKept ? undefined : response.headers.get('etag');
  return { evaluations, runs, remarks, ...(written ? { etag: written } : {}) };
}

/**
 * Waits until the runs are over and their cards have reached the channel.
 *
 * @param since when the demo was applied (ISO 8601, UTC): notices that waited before are no part of it
 * @returns what came of it, without a full stop; undefined when there is no run
 * @throws Error when that takes longer than `limitMs`
 */
export async function waitForCards(
  store: Store,
  runs: readonly RunRecord[],
  channel: TeamsSink,
  since: string,
  limitMs = 60_000,
): Promise<string | undefined> {
  if (runs.length === 0) return undefined;
  const document = (await store.organization(demoId))?.value;
  const names = Object.entries(document?.channels ?? {}).flatMap(([name, { url }]) =>
    url === channel.url ? [name] : [],
  );
  const left = [...runs];
  for (const limit = performance.now() + limitMs; performance.now() < limit; await sleep(100)) {
    while (left[0] !== undefined && (await isTold(store, left[0], names, since))) left.shift();
    if (left.length > 0) continue;
    // Somebody may have given other organizations this channel, too.
    const start = `${document?.name ?? demoId}: `;
    const cards = channel.cards.filter(({ payload }) => (payload as Payload | null)?.summary?.startsWith(start));
    if (cards.length > 0) return `The first cards were posted: ${cards.length}`;
    if (names.length === 0) return 'Contoso has no channel on this machine, so no card was posted here';
    return 'The runs found nothing that had not been told before, so no card was posted';
  }
  throw new Error(`its runs and their cards were not done within ${limitMs / 1000} s, but may still come`);
}

/** Is the run over, and does nothing wait for the channels? */
async function isTold(
  store: Store,
  { runId, organization, evaluation }: RunRecord,
  channels: readonly string[],
  since: string,
): Promise<boolean> {
  if ((await store.run(runId))?.run.state === 'running') return false;
  // Another run, a scheduled one say, may have found what is new before this one did, and tells it then.
  const waiting = await store.pending({ organization, evaluation }, 2_000);
  return !waiting.some(({ notice }) => channels.includes(notice.channel) && notice.at >= since);
}

function send(method: string, url: string, body?: object, headers: Record<string, string> = {}): Promise<Response> {
  if (body === undefined) return fetch(url, { method, headers });
  return fetch(url, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** The sentence of a refusal (RFC 9457). */
async function problemOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { detail: string }).detail;
  } catch {
    return `${response.status} ${text}`;
  }
}

/** Where the parts of the demo answer. */
export interface DemoAddresses {
  readonly host: string;
  /** The page with the Teams cards. */
  readonly cards: string;
  /** `address:port` of the name server. */
  readonly dns: string;
  readonly mending: string;
  /** What explains a bounce of the demo, for a shell; undefined when there is none. */
  readonly explain?: string | undefined;
}

/** What a person may look at and try. @param watched what the demo's document watches now */
export function whatToTry(at: DemoAddresses, demo: Demo, watched: readonly string[]): string {
  const evaluation = `${at.host}/api/organizations/contoso/evaluations`;
  const page = `${at.host}/api/pages/organizations/contoso`;
  const [first = ''] = demo.failing;
  const lines = (list: readonly (readonly [string, string, string])[]) =>
    list.filter(([of]) => watched.includes(of)).map(([, label, text]) => `  ${label.padEnd(25)}${text}`);
  const look = lines([
    ['dkim', 'DKIM', `${page}/dkim`],
    ['teams-exchange-interop', 'Teams with Exchange', `${page}/teams-exchange-interop`],
    ['smtp-source-ip', 'SMTP source IP', `${page}/smtp-source-ip`],
  ]);
  const attempts = lines([
    ['dkim', 'a report to hand on', `curl -o contoso.html ${at.host}/api/organizations/contoso/report`],
    ['dkim', 'the log for ticketing', `curl ${evaluation}/dkim/failed-selectors.csv`],
    ['dkim', 'one domain', `curl ${evaluation}/dkim/subjects/${first}`],
    ['dkim', 'its history', `curl ${evaluation}/dkim/subjects/${first}/runs`],
    ['dkim', 'run again (no news)', `curl -X POST ${evaluation}/dkim/runs`],
    ['dkim', 'mend one record', `curl -X POST ${at.mending}/mend/${first}`],
    ['dkim', '… and run again', 'one card: resolved'],
    ['teams-exchange-interop', 'mend Exchange (GO)', `curl -X POST ${at.mending}/mend/interop`],
    ['smtp-source-ip', 'mend node EX2 (ready)', `curl -X POST ${at.mending}/mend/smtp`],
    ...(at.explain === undefined ? [] : [['dkim', 'explain a bounce', at.explain] as const]),
    ['dkim', 'from the shell', `${called} evaluate dkim ${first} --resolver ${at.dns}`],
  ]);
  return [
    '\nLook at',
    `  every organization       ${at.host}/api/pages`,
    `  the Teams cards          ${at.cards}`,
    ...look,
    ...(attempts.length > 0 ? ['\nTry', ...attempts] : []),
    `\nCtrl-C stops everything; the next start goes on from here. ${freshDemo} starts over.`,
  ].join('\n');
}
