import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { canUnshare } from '../network-namespace.ts';

describe.runIf(canUnshare)('channels aimed at forbidden addresses, with a trap at each', () => {
  let seen: { trapped: string[]; results: Record<string, string> };

  beforeAll(() => {
    const script = fileURLToPath(new URL('forbidden-addresses.ts', import.meta.url));
    const child = spawnSync('unshare', ['-n', process.execPath, script], { encoding: 'utf8', timeout: 60_000 });
    expect(child.stderr).toBe('');
    seen = JSON.parse(child.stdout);
  });

  it('reach none, unless the deployment allows private ones; then no other', () => {
    const open = Object.entries(seen.results).filter(([, result]) => !result.startsWith('rejected: '));
    expect(open.map(([scene]) => scene)).toEqual(
      expect.arrayContaining(['10.0.0.5, private ones allowed', 'localhost, private ones allowed']),
    );
    for (const [scene] of open) expect(scene).toMatch(/, private ones allowed$/);
    expect(seen.trapped).toHaveLength(open.length);
    for (const address of seen.trapped)
      expect(address).toMatch(/^(10\.0\.0\.5|192\.168\.7\.5|fd00::5|127\.0\.0\.1|::1)$/);
  });

  it.each([
    '169.254.169.254',
    '168.63.129.16',
    '100.64.0.1',
    '0.0.0.0',
    '[fe80::5]',
    '[4000::5]',
    '[fd00:ec2::254]',
    '[64:ff9b::a83f:8110]',
    '[2002:a9fe:a9fe::1]',
  ])('never %s, whatever is allowed', (host) => {
    expect(seen.results[`${host}, private ones allowed`]).toContain('those are never posted to');
  });

  it.each([
    ['2130706433', '127.0.0.1 is a loopback address'],
    ['0177.0.0.1', '127.0.0.1 is a loopback address'],
    ['[::ffff:10.0.0.5]', '::ffff:a00:5 is a private address'],
    ['localhost', 'localhost is not connected to: 127.0.0.1 is a loopback address'],
  ])('%s is read as the connection reads it', (host, why) => {
    expect(seen.results[host]).toContain(`is not connected to: ${why}`);
    expect(seen.results[host]).toMatch(
      /^rejected: .* such addresses are posted to only where private addresses are allowed.*Store an address on the internet; private ones need FIELDCHECK_ALLOW_PRIVATE\.$/,
    );
    expect(seen.results[host]).not.toContain('SECRET');
  });
});
