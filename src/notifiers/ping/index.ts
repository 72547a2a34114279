import { createHash } from 'node:crypto';
import type { Cycle, Delivery, Notifier } from '../../domain/notice.ts';
import { InvalidChannel, readAddress } from '../address.ts';
import { type PostOptions, post } from '../post.ts';
import { summarize } from '../summary.ts';
import { plainText } from '../text.ts';

/** Healthchecks keeps the first 100 kB of a body; a sentence is enough. */
const wordsLength = 1_000;

/** A ping must not hold up the run that it tells of. */
const pingLimitMs = 5_000;

/** By address: what is under way. The next ping waits for it, so that a success never overtakes its own start. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Calls a dead man's switch: a service that raises an alarm when it is *not* called. The conventions are those of Healthchecks
 * (healthchecks.io/docs/http_api): `POST URL/start`, `POST URL`, `POST URL/fail`, with a `rid` (a UUID) that belongs to one
 * run, and words for a person in the body.
 *
 * A notice is no cycle: one that is sent all the same, as a sample is, counts as a success.
 *
 * @throws InvalidChannel when the address cannot be used
 */
export function createPing({
  url,
  allowLocal = false,
  ...options
}: { readonly url: string | undefined } & PostOptions): Notifier {
  const address = readAddress(url, { allowLocal });
  if ('problem' in address) throw new InvalidChannel(address.problem);
  const [path = '', query] = address.target.split('?');

  const call = async ({ phase, runId, words }: Cycle, signal: AbortSignal): Promise<Delivery> => {
    const suffix = phase === 'success' ? '' : `/${phase}`;
    const parameters = [...(query === undefined ? [] : [query]), `rid=${uuidOf(runId)}`].join('&');
    const to = { ...address, target: `${path.replace(/\/+$/, '')}${suffix}?${parameters}` };
    const headers = { 'content-type': 'text/plain; charset=utf-8' };
    const limited = { timeLimitMs: pingLimitMs, ...options, allowLocal };
    return post(to, plainText(words, wordsLength), signal, headers, adviceOn, limited);
  };
  const key = `${address.authority}${path}`;
  const cycle = (one: Cycle, signal: AbortSignal): Promise<Delivery> => {
    const before = underWay.get(key) ?? Promise.resolve();
    const mine = before.then(
      () => call(one, signal),
      () => call(one, signal),
    );
    underWay.set(key, mine);
    const forget = () => {
      if (underWay.get(key) === mine) underWay.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  };

  return {
    id: 'ping',
    send: (notice, signal) =>
      cycle({ phase: 'success', runId: notice.runId, words: summarize(notice).heading }, signal),
    cycle,
  };
}

function adviceOn(status: number): string | undefined {
  return status === 404 || status === 410
    ? 'there is no check at this address. Create one on the receiving side and store its address.'
    : undefined;
}

/** A UUID that is the same for the same run (RFC 9562 section 5.8: version 8, of a hash). */
function uuidOf(runId: string): string {
  const hex = createHash('sha256').update(runId).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
