import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseDocument } from '../../src/domain/organization.ts';
import { evaluations } from '../../src/evaluations/index.ts';
import { canUnshare } from '../network-namespace.ts';

interface Seen {
  readonly trapped: readonly string[];
  readonly heard: readonly string[];
  readonly tried: Readonly<Record<string, number>>;
  readonly open: readonly string[];
  readonly redirected: readonly string[];
  readonly rebound: readonly string[];
  readonly spellings: number;
}

describe.runIf(canUnshare)('every way out, aimed at every spelling of forbidden addresses with a trap at each', () => {
  let seen: Seen;

  beforeAll(() => {
    const script = fileURLToPath(new URL('forbidden-spellings.ts', import.meta.url));
    const child = spawnSync('unshare', ['-nm', process.execPath, script], { encoding: 'utf8', timeout: 110_000 });
    expect(child.stderr).toBe('');
    seen = JSON.parse(child.stdout);
    const all = Object.values(seen.tried).reduce((sum, count) => sum + count, 0);
    console.log(
      `Addresses: ${seen.spellings} spellings, ${all} tries by ${Object.keys(seen.tried).length} ways out, ${seen.redirected.length} redirects, ${seen.rebound.length} names that change: ${seen.trapped.length} reached a trap.`,
    );
  }, 120_000);

  test('is refused, and no trap hears of it', () => {
    expect(seen.open).toEqual([]);
    expect(seen.trapped).toEqual([]);
    expect(seen.heard).toEqual(['10.0.0.5 443']);
  });

  test('every channel and every probe was tried with all of them', () => {
    expect(Object.keys(seen.tried)).toHaveLength(11);
    for (const count of Object.values(seen.tried)) expect(count).toBeGreaterThan(300);
  });

  test('a redirect is followed nowhere, and says so', () => {
    expect(new Set(seen.redirected.map((text) => text.replace(/\d{3}/, 'STATUS')))).toEqual(
      new Set([
        'rejected: answered STATUS: a redirect, which is not followed. Store the address that it leads to, if that is where notices should go.',
      ]),
    );
  });

  test('a name that changes after it was looked at is judged when it is connected to', () => {
    expect(new Set(seen.rebound)).toEqual(new Set(['forbidden']));
  });
});

// Whoever watches organizations names no resolver: the deployment's settings alone do.
test.each(['resolvers', 'resolver', 'nameServers', 'FIELDCHECK_RESOLVERS'])(
  'a document that names %s is refused, on every level',
  (key) => {
    const address = ['169.254.169.254', 'https://10.0.0.5/dns-query'];
    const dkim = { domains: ['contoso.com'] };
    for (const document of [
      { id: 'contoso', [key]: address },
      { id: 'contoso', evaluations: { dkim: { ...dkim, [key]: address } } },
      { id: 'contoso', tenant: { id: '11111111-2222-3333-4444-555555555555', [key]: address } },
      { id: 'contoso', channels: { team: { kind: 'console', [key]: address } } },
    ])
      expect(() => parseDocument('organization document', evaluations.document, document)).toThrow(
        `Unrecognized key: "${key}"`,
      );
  },
);
