// What cannot be connected to costs its own facts, never the process.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { canUnshare } from '../network-namespace.ts';

describe.runIf(canUnshare)('everything that opens a socket, where the socket fails', () => {
  let seen: { results: Record<string, Record<string, string>>; alone: Record<string, string> };

  beforeAll(() => {
    const script = fileURLToPath(new URL('failing-sockets.ts', import.meta.url));
    // Few descriptors, so that using them up takes no time.
    const command = ['-n', 'sh', '-c', 'ulimit -n 256; exec "$0" "$@"', process.execPath, script];
    const child = spawnSync('unshare', command, { encoding: 'utf8', timeout: 100_000 });
    expect(child.stderr).toBe('');
    expect(child.status).toBe(0);
    seen = JSON.parse(child.stdout);
  }, 120_000);

  const cannotBeReached = (host: string, code: string, smtp: string, probe = `cannot be reached (${code})`) => ({
    resolver: `${host} cannot be reached (${code}) (TXT contoso.com).`,
    'resolver over HTTPS': `https://${host}/dns-query cannot be reached (${code}) (TXT contoso.com).`,
    'cloud service': `The service cannot be reached at ${host.replace(/:443$/, '')} (${code}), 2 times in a row; it is asked again at the next run`,
    channel: `retry: https://${host}/…# cannot be reached (${code}); it is tried again.`,
    'https probe': `${host.replace(/:443$/, '')} ${probe}`,
    'smtp probe': smtp,
  });
  // Over UDP nobody answers at the port that these servers have over TCP.
  const overUdp = '127.0.0.1:… cannot be reached (ECONNREFUSED) (TXT contoso.com).';
  const notWaitedFor = {
    resolver: 'nobody waits any longer',
    'resolver over HTTPS': 'nobody waits any longer',
    'cloud service': 'The service was not waited for any longer',
    channel: 'retry: Stopped before https://127.0.0.1:…/…# answered; it is tried again.',
    'https probe': '127.0.0.1:… was not waited for any longer',
    'smtp probe': 'unreachable: it was not waited for any longer',
  };

  it.each([
    [
      'no route (IPv6)',
      cannotBeReached('[2001:db8::1]:443', 'ENETUNREACH', 'unreachable: connect ENETUNREACH 2001:db8::1:443'),
    ],
    [
      'no route (IPv4)',
      cannotBeReached('192.0.2.1:443', 'ENETUNREACH', 'unreachable: connect ENETUNREACH 192.0.2.1:443'),
    ],
    [
      'nobody listens',
      cannotBeReached(
        '127.0.0.1:…',
        'ECONNREFUSED',
        'refused: connect ECONNREFUSED 127.0.0.1:…',
        'refused the connection',
      ),
    ],
    [
      'every connection is cut',
      {
        ...cannotBeReached('127.0.0.1:…', 'ECONNRESET', '', 'cut the connection before it answered'),
        resolver: overUdp,
        'smtp probe': expect.stringMatching(/^unreachable: (connect|read) ECONNRESET/),
      },
    ],
    [
      'something else speaks there',
      {
        ...cannotBeReached('127.0.0.1:…', 'ERR_SSL_WRONG_VERSION_NUMBER', 'answered: greeted with SSH-2.0-OpenSSH_9.6'),
        resolver: overUdp,
        'https probe': '127.0.0.1:… cannot be reached (EPROTO)',
      },
    ],
    [
      'the handshake ends, then it is cut',
      {
        resolver: 'localhost:… cannot be reached (ECONNREFUSED) (TXT contoso.com).',
        'resolver over HTTPS': 'https://localhost:…/dns-query cannot be reached (UND_ERR_SOCKET) (TXT contoso.com).',
        'cloud service':
          'The service cannot be reached at localhost:… (UND_ERR_SOCKET), 2 times in a row; it is asked again at the next run',
        channel: 'retry: https://localhost:…/…# cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT); it is tried again.',
        'https probe': 'localhost:… cut the connection before it answered',
      },
    ],
    ['nobody waits any longer while it connects', notWaitedFor],
    ['nobody waits from the start', notWaitedFor],
    ['no descriptor is left', cannotBeReached('127.0.0.1:…', 'EMFILE', 'unreachable: connect EMFILE 127.0.0.1:…')],
  ])('%s', (scene, sentences) => {
    expect(seen.results[scene]).toEqual(sentences);
  });

  it('a handshake with a published host', () => {
    expect(seen.alone).toMatchObject({
      'a handshake with a host that no route leads to': 'mail.contoso.com cannot be reached (ENETUNREACH)',
      'a handshake that nobody waits for': 'mail.contoso.com was not waited for any longer',
    });
  });

  it.each(['nowhere.invalid:53', 'https://nowhere.invalid/dns-query', '[fe80::1%nosuch]:53'])(
    'a resolver that is no host: %s',
    (address) => {
      const said = seen.alone[`a resolver that is no host: ${address}`] ?? '';
      // Which of them depends on where the machine looks names up.
      expect(said.replace(/ENOTFOUND|EAI_AGAIN|EINVAL/, 'CODE')).toBe(
        `${address} cannot be reached (CODE) (TXT contoso.com).`,
      );
    },
  );

  it('a resolver whose way ends, or that has none over TCP', () => {
    expect(seen.alone).toMatchObject({
      'a resolver without TCP':
        '127.0.0.1:… cannot be reached (ECONNREFUSED) over TCP, after a truncated answer over UDP: let TCP through to its port, or ask another resolver (TXT contoso.com).',
      'a way that ends while the sockets are open': '192.0.2.10 cannot be reached (ENETUNREACH) (TXT contoso.com).',
    });
  });

  it.each(['192.0.2.1', '[2001:db8::1]:53', 'nowhere.invalid:53', 'https://nowhere.invalid/dns-query'])(
    'a resolver that is closed while it connects: %s',
    (address) => {
      expect(seen.alone[`closed while it connects: ${address}`]).toBe(
        `The resolver ${address} was closed before it answered (TXT contoso.com).`,
      );
    },
  );
});
