import type { DoorAnswer } from './door.ts';

/**
 * For browsers, on every answer: nothing in it runs, loads, is framed, kept, or taken for another media type, and no link in
 * it tells where it stood (OWASP Secure Headers). What a door says of one of them itself stands.
 */
const forBrowsers = {
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'private, no-store',
  // Of plain http, as on this machine, browsers leave it out.
  'strict-transport-security': 'max-age=31536000',
};

export function forBrowser(answer: DoorAnswer): DoorAnswer {
  return { ...answer, headers: { ...forBrowsers, ...answer.headers } };
}
