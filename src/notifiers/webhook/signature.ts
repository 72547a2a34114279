// Signed as Standard Webhooks describes it (https://www.standardwebhooks.com, specification 1.0), so that receivers verify
// with a library: HMAC-SHA-256 over id, time and body.
import { createHmac } from 'node:crypto';

/** Shorter secrets can be guessed. */
const shortestSecret = 24;

/** Why a shared secret cannot be used, without showing it; undefined when it can. */
export function secretFault(secret: string): string | undefined {
  if (secret.startsWith('@Microsoft.KeyVault('))
    return 'The setting holds the text of a Key Vault reference, so Azure could not resolve it: check the name of the secret and the role of the app on that vault, then restart the app.';
  if (keyOf(secret).length < shortestSecret)
    return `The shared secret is shorter than ${shortestSecret} bytes: make one with "openssl rand -base64 32" and store it on both sides.`;
  return undefined;
}

/**
 * The headers that prove who posts a body, and when.
 *
 * @param id no full stop in it: one stands between the three parts that are signed
 * @param secret `whsec_` and base64, or any text, which is taken as UTF-8
 */
export function signatureHeaders(
  id: string,
  body: string,
  secret: string,
  now: Date,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret, 'utf8');
}
