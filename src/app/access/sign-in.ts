import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { Unobtainable } from '../../domain/fact-set.ts';
import { TokenRefused } from '../../sources/token-refused.ts';
import type { Ports } from '../ports.ts';
import { Problem } from '../problem.ts';
import { cookieOf, nobodySignsIn, sessionCookie } from './identify.ts';

/** A cookie that only this host gets back, over TLS or from this machine, and no script reads (RFC 6265bis, `__Host-`). */
export interface HostCookie {
  readonly name: string;
  /** Empty: it goes away. */
  readonly value: string;
  readonly maxAgeSeconds: number;
}

/** Where a browser is sent, and what it is to remember. */
export interface Sent {
  readonly to: string;
  readonly cookies: readonly HostCookie[];
}

/** What a browser remembers while its person signs in. It is nobody's secret but its own. */
const signingInCookie = '__Host-fieldcheck-sign-in';
const signingInSeconds = 600;

const signingIn = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), to: z.string() });

/** What a browser keeps of one cookie, its name and attributes included (RFC 6265 section 6.1: 4,096 bytes). */
const longestToken = 3_800;

const startPage = '/api/organizations';

type SignInPorts = Pick<Ports, 'signIn' | 'publicUrl' | 'clock' | 'log'>;

/**
 * Sends a browser to Entra ID.
 *
 * @param to where it comes back to in the end; only addresses of this app count
 * @throws Problem (503) when nobody can sign in
 */
export function startSignIn(ports: SignInPorts, to: string | undefined): Sent {
  const { signIn, redirectUri } = configured(ports);
  const [state, nonce, verifier] = [0, 1, 2].map(() => randomBytes(32).toString('base64url')) as [
    string,
    string,
    string,
  ];
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const remembered = { state, nonce, verifier, to: isOwnAddress(to) ? to : startPage };
  return {
    to: signIn.authorizeUrl({ redirectUri, state, nonce, challenge }),
    cookies: [
      {
        name: signingInCookie,
        value: Buffer.from(JSON.stringify(remembered)).toString('base64url'),
        maxAgeSeconds: signingInSeconds,
      },
    ],
  };
}

/**
 * Takes a browser back from Entra ID: the ID token is its session, so there is nothing to store and it ends with the token.
 *
 * @throws Problem 400 when this browser did not ask for it, or Entra ID says no; 503 when Entra ID cannot be asked
 */
export async function finishSignIn(
  ports: SignInPorts,
  came: Readonly<Record<'code' | 'state' | 'error' | 'cookie', string | undefined>>,
): Promise<Sent> {
  const { signIn, redirectUri } = configured(ports);
  const asked = rememberedIn(cookieOf(came.cookie, signingInCookie));
  if (asked === undefined || came.state === undefined || asked.state !== came.state) {
    throw new Problem(
      400,
      'This sign-in was not begun by this browser, or more than ten minutes ago. Open the page again.',
    );
  }
  if (came.error !== undefined || came.code === undefined) {
    const code = /^[a-z_]{1,40}$/.test(came.error ?? '') ? came.error : 'no code';
    throw new Problem(400, `Entra ID did not sign you in (${code}). Ask an administrator for access, or try again.`);
  }
  try {
    const token = await signIn.redeem(came.code, asked.verifier, redirectUri);
    const { expiresAt } = await signIn.ofIdToken(token, asked.nonce);
    if (token.length > longestToken) {
      throw new Problem(
        400,
        `Your ID token has ${token.length} characters, and a cookie holds ${longestToken}: assign fewer groups to the application "fieldcheck sign-in", or people in place of groups.`,
      );
    }
    const maxAgeSeconds = Math.max(0, Math.floor((expiresAt.getTime() - ports.clock().getTime()) / 1_000));
    return { to: asked.to, cookies: [{ name: sessionCookie, value: token, maxAgeSeconds }, gone(signingInCookie)] };
  } catch (error) {
    if (error instanceof TokenRefused) {
      ports.log.warn('sign-in refused', { reason: error.message });
      throw new Problem(400, error.message);
    }
    if (error instanceof Unobtainable)
      throw new Problem(503, `Signing in is not possible now: ${error.message}. Try again in a moment.`);
    throw error;
  }
}

/** Takes the session from this browser; Entra ID goes on knowing the person. */
export function signOut(): readonly HostCookie[] {
  return [gone(sessionCookie), gone(signingInCookie)];
}

function gone(name: string): HostCookie {
  return { name, value: '', maxAgeSeconds: 0 };
}

/** An address below `/api/`, as it stands: neither another host nor a way around. */
function isOwnAddress(to: string | undefined): to is string {
  return to !== undefined && /^\/api\/[\x21-\x5b\x5d-\x7e]*$/.test(to) && !to.includes('//') && to.length <= 2_000;
}

function rememberedIn(cookie: string | undefined): z.infer<typeof signingIn> | undefined {
  if (cookie === undefined) return undefined;
  try {
    const read = signingIn.safeParse(JSON.parse(Buffer.from(cookie, 'base64url').toString('utf8')));
    return read.data === undefined || isOwnAddress(read.data.to) ? read.data : undefined;
  } catch {
    return undefined;
  }
}

function configured({ signIn, publicUrl }: SignInPorts) {
  if (signIn === undefined) throw nobodySignsIn();
  if (publicUrl === undefined)
    throw new Problem(
      503,
      'Nobody can sign in yet: FIELDCHECK_PUBLIC_URL says where people reach this app, and is not set.',
    );
  return { signIn, redirectUri: `${publicUrl}/api/sign-in/callback` };
}
