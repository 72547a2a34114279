import { type Identity, isGood, localIdentity, mayEnter } from '../../domain/access.ts';
import { Unobtainable } from '../../domain/fact-set.ts';
import { dayMs } from '../../domain/time.ts';
import type { TokenSubject } from '../../sources/entra.ts';
import { TokenRefused } from '../../sources/token-refused.ts';
import type { StoredKey, Versioned } from '../../store/store.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';
import { hashOfKey, idOfKey, isMeantAsKey, isSameHash } from './key-text.ts';

/** Whatever of a request says who sends it. */
export interface Credentials {
  /** Changes something: then a cookie counts only where the request comes from a page of ours. */
  readonly changes: boolean;
  /** The header of that name. */
  header(name: string): string | undefined;
}

/** The cookie that holds the ID token of a browser. */
export const sessionCookie = '__Host-fieldcheck';

/** How long a key that was ended, or a role that was taken back, may count where it was used lately. */
export const rememberedMs = 60_000;

/** Refusals of an address in a minute; from then on nothing is looked up for it. */
const refusalsAMinute = 20;

type IdentifyPorts = Pick<Ports, 'store' | 'clock' | 'log' | 'signIn' | 'localAccess' | 'publicUrl'>;

/**
 * Finds out who calls: by a key or an access token in the header `Authorization`, else by the cookie of a browser, else by
 * being on this machine. A bearer that is wrong is refused, whatever else there is; headers that a proxy may have set
 * (`x-ms-client-principal`, `x-functions-key`) say nothing.
 *
 * @returns undefined when nothing says who calls
 * @throws Problem 401 when it is not believed, 429 when too much was not, 503 when it cannot be found out
 */
export function createIdentify(ports: IdentifyPorts, openStorage: () => Promise<void>) {
  const { store, clock, signIn, log } = ports;
  const refusals = createRefusals(clock);
  const seen = new Map<string, { readonly until: number; readonly found: Versioned<StoredKey> | undefined }>();

  return { identify, forget: () => seen.clear() };

  async function identify({ header, changes }: Credentials): Promise<Identity | undefined> {
    const address = addressOf(header('x-forwarded-for'));
    const believe = async (work: () => Promise<Identity>): Promise<Identity> => {
      refusals.admit(address);
      try {
        return await work();
      } catch (error) {
        if (error instanceof Unobtainable) {
          throw new Problem(503, `Who you are cannot be found out now: ${error.message}. Keys are not affected.`);
        }
        if (!(error instanceof TokenRefused)) throw error;
        refusals.count(address);
        // To the log only: strangers must not fill a table.
        log.warn('caller refused', { reason: error.message });
        throw new Problem(401, error.message);
      }
    };

    const authorization = header('authorization');
    if (authorization !== undefined) {
      const token = /^Bearer +(\S+)$/i.exec(authorization.trim())?.[1];
      return believe(async () => {
        if (token === undefined)
          throw new TokenRefused('The header Authorization must be "Bearer" and a key or an access token.');
        if (isMeantAsKey(token)) return ofKey(token);
        if (signIn === undefined) throw nobodySignsIn();
        return identityOf(await signIn.ofAccessToken(token), 'token');
      });
    }
    const session = cookieOf(header('cookie'), sessionCookie);
    if (session !== undefined && (!changes || isOwnPage(header, ports.publicUrl))) {
      return believe(async () => {
        if (signIn === undefined) throw nobodySignsIn();
        return identityOf(await signIn.ofIdToken(session), 'browser');
      });
    }
    return ports.localAccess === true && isLoopback(header('host')) ? localIdentity('this machine') : undefined;
  }

  async function lookUp(id: string): Promise<Versioned<StoredKey> | undefined> {
    const now = clock().getTime();
    const remembered = seen.get(id);
    if (remembered !== undefined && remembered.until > now) return remembered.found;
    const found = await store.key(id);
    if (seen.size > 10_000) seen.clear();
    seen.set(id, { until: now + rememberedMs, found });
    return found;
  }

  async function ofKey(text: string): Promise<Identity> {
    const id = idOfKey(text);
    if (id === undefined) throw new TokenRefused('The key is not complete or was mistyped: its checksum is wrong.');
    await openStorage();
    const found = await lookUp(id);
    if (found === undefined || !isSameHash(found.value.hash, hashOfKey(text)))
      throw new TokenRefused('There is no such key.');
    const now = clock();
    const { organization, role, name, endedAt, expiresAt } = found.value;
    if (!isGood(found.value, now)) {
      throw new TokenRefused(
        endedAt === undefined ? `The key has expired ${expiresAt}; make a new one.` : `The key was ended ${endedAt}.`,
      );
    }
    await noteUse(found, now);
    return { kind: 'key', id, name, via: 'key', roles: [], groups: [], key: { organization, role } };
  }

  /** Once a day at most; that it could not be noted keeps nobody out. */
  async function noteUse({ value, etag }: Versioned<StoredKey>, now: Date): Promise<void> {
    if (value.lastUsedAt !== undefined && now.getTime() - Date.parse(value.lastUsedAt) < dayMs) return;
    await store.putKey({ ...value, lastUsedAt: now.toISOString() }, etag).catch((error: unknown) => {
      log.warn('use of a key not noted', { key: value.id, detail: String(error) });
    });
    seen.delete(value.id);
  }
}

function identityOf(subject: TokenSubject, via: 'browser' | 'token'): Identity {
  if (!mayEnter(subject.roles)) {
    throw new Problem(
      403,
      `${subject.name} is signed in, but has no role in fieldcheck; an administrator assigns one to the application "fieldcheck sign-in" in Entra ID.`,
    );
  }
  return { ...subject, via };
}

export function nobodySignsIn(): Problem {
  return new Problem(
    503,
    'Nobody can sign in yet: run infra/access/grant-access.sh sign-in, set FIELDCHECK_SIGN_IN_CLIENT_ID to the client id it prints, and provision again. Keys count all the same.',
  );
}

/** A page of ours sends its own origin; a browser says of a page elsewhere that it is one. */
function isOwnPage(header: Credentials['header'], publicUrl: string | undefined): boolean {
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return false;
  return publicUrl !== undefined && header('origin') === new URL(publicUrl).origin;
}

/** A name that somebody made resolve to this machine is none of it. */
function isLoopback(host: string | undefined): boolean {
  return host === undefined || /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host);
}

/** Whoever came to the platform's front end, which writes itself last, with the port of the connection. */
function addressOf(forwarded: string | undefined): string {
  const last = forwarded?.split(',').at(-1)?.trim() ?? 'unknown';
  return last.replace(/^(\d+\.\d+\.\d+\.\d+|\[.*\]):\d+$/, '$1');
}

/** RFC 6265 section 4.2. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const found = header?.split(';').find((one) => one.trim().startsWith(`${name}=`));
  const value = found?.trim().slice(name.length + 1);
  return value === '' ? undefined : value;
}

function createRefusals(clock: () => Date) {
  let minute = 0;
  let counts = new Map<string, number>();
  const current = () => {
    const now = Math.floor(clock().getTime() / 60_000);
    if (now !== minute) counts = new Map();
    minute = now;
    return counts;
  };
  return {
    admit(address: string): void {
      if ((current().get(address) ?? 0) >= refusalsAMinute)
        throw new Problem(429, 'Too many keys or tokens that are none came from your address; try again in a minute.');
    },
    count(address: string): void {
      current().set(address, (current().get(address) ?? 0) + 1);
    },
  };
}
