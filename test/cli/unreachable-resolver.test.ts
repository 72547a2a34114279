// One resolver that cannot be connected to costs nothing while another answers, in the shell as in the functions.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../src/domain/finding.ts';
import { canUnshare } from '../network-namespace.ts';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const firsts = ['[2001:db8::1]', '192.0.2.53', 'nowhere.invalid', 'https://[2001:db8::1]/dns-query'];

describe.runIf(canUnshare)('a resolver that cannot be connected to, before one that answers', () => {
  let seen: { first: string; second: string; evaluated: Said; examined: Said; zoned: Said }[];

  beforeAll(() => {
    const script = fileURLToPath(new URL('unreachable-resolver.ts', import.meta.url));
    const child = spawnSync('unshare', ['-n', process.execPath, script, ...firsts], { encoding: 'utf8' });
    expect(child.stderr).toBe('');
    seen = JSON.parse(child.stdout);
  }, 120_000);

  const with_ = (first: string) => {
    const found = seen.find((one) => one.first === first);
    return found ?? expect.fail(`${first} was not tried`);
  };

  it.each(firsts)('evaluate dkim with %s is answered by the second', (first) => {
    const { evaluated, second } = with_(first);
    expect(evaluated.stderr).toBe('');
    expect(evaluated.code).toBe(0);
    const [run] = JSON.parse(evaluated.stdout) as Run[];
    expect(run?.answers['verifiable-now']).toBe('yes');
    const evidence = run?.findings.find(({ rule }) => rule === 'dkim/active-key-published')?.evidence ?? [];
    expect(evidence.map(({ source }) => source)).toEqual([second]);
  });

  it.each(firsts)('doctor says that it could not look at %s', (first) => {
    const { examined, second } = with_(first);
    expect(examined.stderr).toBe('');
    const lines = examined.stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^could not look {2}resolver {2}.* cannot be reached \((ENETUNREACH|ENOTFOUND|EAI_AGAIN)\)$/,
      ),
    );
    expect(lines.find((line) => line.startsWith('could not look  resolver'))).toContain(`  ${first}: `);
    expect(lines).toContain(`ok  resolver  ${second}: answers`);
  });

  it.each(firsts)('doctor says the same of %s where it is asked for one zone alone', (first) => {
    const { zoned, second } = with_(first);
    expect(zoned.stderr).toBe('');
    const lines = zoned.stdout.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, '  '));
    const at = lines.findIndex((line) => line.startsWith('could not look  resolver'));
    expect(lines[at]).toContain(`  ${first}: cannot be reached (`);
    expect(lines[at + 1]).toMatch(/or name another resolver in FIELDCHECK_ZONE_RESOLVERS\.$/);
    expect(lines).toContain(`ok  resolver  ${second}: answers`);
  });
});
