import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { canUnshare } from '../../network-namespace.ts';

describe.runIf(canUnshare)('probes aimed at forbidden addresses, with a trap at each', () => {
  let seen: { trapped: string[]; results: Record<string, string> };

  beforeAll(() => {
    const script = fileURLToPath(new URL('forbidden-addresses.ts', import.meta.url));
    const child = spawnSync('unshare', ['-n', process.execPath, script], { encoding: 'utf8', timeout: 60_000 });
    expect(child.stderr).toBe('');
    seen = JSON.parse(child.stdout);
  });

  it('never connect to one', () => {
    expect(seen.trapped).toEqual([]);
  });

  const refused = 'unknown: Could not look: TLS of the host: refused by the address guard';

  it.each([
    [
      'a name with a private address',
      `${refused} (autodiscover.contoso.com is not connected to: 10.0.0.5 is a private address, and such addresses are probed only where private addresses are allowed).`,
    ],
    [
      'a name with the metadata address, private ones allowed',
      `${refused} (autodiscover.contoso.com is not connected to: 169.254.169.254 is an address of the platform (instance metadata or the Azure host), and those are never probed).`,
    ],
    [
      'a name with the address of the Azure host, written as IPv6',
      `${refused} (autodiscover.contoso.com is not connected to: 64:ff9b::a83f:8110 is an address of the platform (instance metadata or the Azure host), and those are never probed).`,
    ],
    [
      'a name with a shared address (CGNAT)',
      `${refused} (autodiscover.contoso.com is not connected to: 100.64.0.1 is a reserved address, and those are never probed).`,
    ],
    [
      'a declared host at loopback',
      `${refused} (mail.contoso.com is not connected to: 127.0.0.1 is a loopback address, and such addresses are probed only where private addresses are allowed).`,
    ],
    [
      'an EWS URL with the metadata address',
      'fail: autodiscover.contoso.com names https://169.254.169.254/EWS/Exchange.asmx, which leads to an address that is not on the internet.',
    ],
    [
      'an EWS URL with a decimal loopback address',
      'fail: autodiscover.contoso.com names https://2130706433/EWS/Exchange.asmx, which leads to an address that is not on the internet.',
    ],
    [
      'an EWS URL whose name leads inside',
      'fail: autodiscover.contoso.com names https://inside.contoso.com/EWS/Exchange.asmx, which leads to an address that is not on the internet.',
    ],
    [
      'a redirect to the metadata address',
      'fail: autodiscover.contoso.com redirects autodiscover.json to https://169.254.169.254/latest/meta-data in place of an answer.',
    ],
    [
      'a redirect to plain http on the metadata address',
      'fail: autodiscover.contoso.com redirects autodiscover.json to http://169.254.169.254/metadata/instance in place of an answer.',
    ],
    // The address of the first look-up stays for the whole run.
    [
      'a name that changes its address after the check',
      'pass: https://mail.contoso.com/EWS/Exchange.asmx itself asks for credentials (401 Negotiate and NTLM).',
    ],
  ])('%s', (scene, sentence) => {
    expect(seen.results[scene]).toBe(sentence);
  });
});
