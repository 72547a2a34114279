import type { HostedApp } from '../app/index.ts';
import { notFound, Problem } from '../app/problem.ts';
import type { Identity, Need } from '../domain/access.ts';
import { watchOfRun } from '../store/keys.ts';
import type { Incoming } from './answer.ts';
import type { Door, DoorAnswer } from './door.ts';

/** Whoever stands at an open door unknown: nothing that changes anything is behind those. */
export const nobody: Identity = { kind: 'person', id: 'nobody', name: 'nobody', via: 'browser', roles: [], groups: [] };

interface Admitted {
  readonly identity: Identity | undefined;
  /** Sends a browser to sign in. */
  readonly refusal?: DoorAnswer;
}

/**
 * Lets a caller through a door, or not. Of organizations that are none of the caller's nobody learns whether they exist.
 *
 * @throws Problem 401, 403, 404, 429, 503
 */
export async function admit(app: HostedApp, door: Door, incoming: Incoming): Promise<Admitted> {
  const { params, headers } = incoming;
  const identity = await identityAt(app, door, incoming);
  const organization = organizationIn(params);
  switch (await app.decide(door.needs, identity, organization)) {
    case 'allowed':
      return { identity };
    case 'unknown':
      if (isPageOf(door, headers)) return { identity, refusal: toSignIn(door, incoming) };
      throw new Problem(
        401,
        'Say who you are: a key of the organization or an access token, as "Authorization: Bearer …"; in a browser, sign in at /api/sign-in.',
      );
    case 'hidden':
      throw notFound(params.runId === undefined ? `The organization "${organization}"` : `The run "${params.runId}"`);
    case 'refused':
      throw new Problem(403, `${identity?.name ?? 'Nobody'} may not do this: ${wanted[door.needs]}.`);
  }
}

/** At an open door a caller who is not believed is one that nobody knows: monitors must not break over an old cookie. */
async function identityAt(app: HostedApp, door: Door, { headers }: Incoming): Promise<Identity | undefined> {
  const changes = door.method !== 'GET';
  try {
    return await app.identify({ changes, header: (name) => headers.get(name) ?? undefined });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (door.needs === 'open') return undefined;
    // A session that is over is renewed by signing in again, mostly without a question.
    if (error.status === 401 && isPageOf(door, headers)) return undefined;
    throw error;
  }
}

/** A run id that is none is of nobody's organization. */
function organizationIn({ organization, runId }: Incoming['params']): string | undefined {
  return organization ?? (runId === undefined ? undefined : (watchOfRun(runId)?.organization ?? ''));
}

const wanted: Readonly<Record<Need, string>> = {
  open: 'it is open',
  send: 'it needs a collector key or an operator',
  read: 'it needs a reader',
  operate: 'it needs an operator',
  keys: 'it needs an operator who is no key',
  administer: 'it needs an administrator',
};

/** What a browser opens for a person. */
function isPageOf({ method }: Door, headers: Incoming['headers']): boolean {
  const isPage = headers.get('accept')?.includes('text/html') === true;
  return method === 'GET' && isPage && headers.get('authorization') === null;
}

function toSignIn({ path }: Door, { params, url }: Incoming): DoorAnswer {
  const query = url === undefined ? '' : new URL(url).search;
  const here = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  return { status: 302, headers: { location: `/api/sign-in?to=${encodeURIComponent(`/api/${here}${query}`)}` } };
}
