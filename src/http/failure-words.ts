import { AddressRefused } from './address-guard.ts';

/**
 * Why there is no answer. `stopped`: nobody waits for it any longer. `timeout`: not in time. `untrusted`: the certificate
 * is not trusted, or is for another name. `forbidden`: the address guard says no, and nothing was sent. `too-large`: longer than it may be. `unreachable`: what else the network did.
 *
 * The message says it of whoever was asked ("cannot be reached (ECONNREFUSED)"), the code is Node's, OpenSSL's or undici's.
 * Neither holds anything of the request: addresses of channels are secrets.
 */
export class HttpFailure extends Error {
  readonly kind: 'stopped' | 'timeout' | 'untrusted' | 'forbidden' | 'too-large' | 'unreachable';
  readonly code: string;
  constructor(kind: HttpFailure['kind'], says: string, code: string = kind) {
    super(says);
    this.name = 'HttpFailure';
    this.kind = kind;
    this.code = code;
  }
}

/**
 * What `error`, thrown by whatever sent, means.
 *
 * @param ended whether nobody waits any longer, and the signal that aborted when the time was over
 */
export function failureOf(
  error: unknown,
  ended: { readonly stopped: boolean; readonly limit?: AbortSignal | undefined; readonly limitMs?: number | undefined },
): HttpFailure {
  if (error instanceof HttpFailure) return error;
  if (ended.stopped) return new HttpFailure('stopped', 'was not waited for any longer');
  if (ended.limit?.aborted) return new HttpFailure('timeout', `did not answer within ${(ended.limitMs ?? 0) / 1000} s`);
  if (error instanceof AddressRefused) return new HttpFailure('forbidden', `is not connected to: ${error.message}`);
  const code = errorCode(error);
  // OpenSSL's verdict on the chain, or Node's on the name in it: trying again changes neither.
  const kind = /CERT|ISSUER|ALTNAME/.test(code) ? 'untrusted' : 'unreachable';
  return new HttpFailure(kind, `cannot be reached (${code})`, code);
}

/** Only the code: messages of network errors may name more than a person should read. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'network error';
}
