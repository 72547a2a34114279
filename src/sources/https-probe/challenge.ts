import type { EwsBearer } from '../../facts/exchange-organization/published.ts';

export interface Challenge {
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const tokenCharacter = /[!#$%&'*+\-.^_`|~0-9A-Za-z/]/;

/**
 * Reads one `WWW-Authenticate` value, which may hold several challenges (RFC 9110 section 11.6.1).
 *
 * @returns undefined when it cannot be read
 */
export function parseChallenges(value: string): readonly Challenge[] | undefined {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  let afterScheme = false;
  const skip = (pattern: RegExp) => {
    while (at < value.length && pattern.test(value.charAt(at))) at += 1;
  };
  const token = (): string => {
    const from = at;
    skip(tokenCharacter);
    return value.slice(from, at);
  };
  for (;;) {
    const before = at;
    skip(/[\s,]/);
    if (at >= value.length) return challenges.length === 0 ? undefined : challenges;
    const separated = value.slice(before, at).includes(',');
    const word = token();
    if (word === '') return undefined;
    const wordEnd = at;
    skip(/[ \t]/);
    if (value.charAt(at) === '=') {
      const from = at + 1;
      at = from;
      skip(/[ \t]/);
      const quoted = value.charAt(at) === '"';
      const text = quoted ? quotedString() : token();
      if (text === undefined) return undefined;
      const current = challenges.at(-1);
      if (current === undefined) return undefined;
      if (!quoted && text === '') {
        // Padding: the end of a token68 such as `Negotiate oYG2==`.
        at = from;
        skip(/=/);
        continue;
      }
      current.parameters.set(word.toLowerCase(), text);
      afterScheme = false;
      continue;
    }
    at = wordEnd;
    if (afterScheme && !separated) {
      // A token68 without padding.
      afterScheme = false;
      continue;
    }
    challenges.push({ scheme: word, parameters: new Map() });
    afterScheme = true;
  }

  function quotedString(): string | undefined {
    let text = '';
    for (at += 1; at < value.length; at += 1) {
      const character = value.charAt(at);
      if (character === '"') {
        at += 1;
        return text;
      }
      if (character === '\\') at += 1;
      text += value.charAt(at);
    }
    return undefined;
  }
}

/** The schemes of all challenges, in order, each once; of a value that cannot be read its first word. */
export function schemesOf(values: readonly string[]): string[] {
  const schemes = values.flatMap(
    (value) => parseChallenges(value)?.map(({ scheme }) => scheme) ?? [value.trim().split(/[\s,]/)[0] ?? ''],
  );
  return [...new Set(schemes.filter((scheme) => scheme !== ''))];
}

/**
 * Decodes what Exchange answers to an empty Bearer token: `trusted_issuers="<issuer>@<realm>,…"` and
 * `authorization_uri` ([MS-XOAUTH] section 3.2.5.1 and recordings of Exchange 2013 to SE).
 */
export function decodeBearer(
  values: readonly string[],
): Pick<EwsBearer, 'challenge' | 'trustedIssuers' | 'authorizationUri' | 'clientId' | 'raw'> {
  const nothing = { trustedIssuers: [] };
  const read = values.map((value) => ({ value, challenges: parseChallenges(value) }));
  const bearer = read
    .flatMap(({ challenges }) => challenges ?? [])
    .find(({ scheme }) => scheme.toLowerCase() === 'bearer');
  if (bearer === undefined) {
    const broken = read.find(({ value, challenges }) => challenges === undefined && /\bbearer\b/i.test(value));
    return broken === undefined
      ? { challenge: 'none', ...nothing }
      : { challenge: 'malformed', ...nothing, raw: broken.value.slice(0, 200) };
  }
  const authorizationUri = bearer.parameters.get('authorization_uri');
  const clientId = bearer.parameters.get('client_id');
  return {
    challenge: 'bearer',
    trustedIssuers: (bearer.parameters.get('trusted_issuers') ?? '')
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry) => {
        const at = entry.lastIndexOf('@');
        return at < 0 ? { issuer: entry, realm: '' } : { issuer: entry.slice(0, at), realm: entry.slice(at + 1) };
      }),
    ...(authorizationUri === undefined ? {} : { authorizationUri }),
    ...(clientId === undefined ? {} : { clientId }),
  };
}
