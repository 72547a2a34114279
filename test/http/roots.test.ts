import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { createRoots } from '../../src/http/roots.ts';
import { startLoopback } from '../notifiers/loopback.ts';
import { createAuthority } from '../sources/https-probe/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-roots-'));
afterAll(() => rmSync(folder, { recursive: true }));

const mine = createAuthority('Own');
const machines = createAuthority('Machine');
const strangers = createAuthority('Strange');

describe('whom we trust', () => {
  it('is whom Node trusts, NODE_EXTRA_CA_CERTS with it, and the roots that were given', async () => {
    const extra = join(folder, 'machine.pem');
    writeFileSync(extra, machines.root);
    const answer = (_request: unknown, response: { end(): void }) => response.end();
    const servers = await Promise.all(
      [mine, machines, strangers].map((authority) => startLoopback(answer, authority.issue(['localhost']))),
    );
    // Node reads NODE_EXTRA_CA_CERTS when it starts.
    const program = `
      const { createHttp } = await import(${JSON.stringify(new URL('../../src/http/client.ts', import.meta.url).href)});
      const ask = async (http, port) => {
        const to = new URL('https://localhost:' + port + '/');
        const signal = AbortSignal.timeout(20_000);
        return http.send({ to, method: 'GET', signal, bodyLimit: 0 }).then(({ status }) => status, ({ code }) => code);
      };
      const seen = [];
      for (const http of [createHttp({ ca: [process.env.MINE] }), createHttp()]) {
        for (const port of process.argv.slice(1)) seen.push(await ask(http, port));
        http.close();
      }
      console.log(JSON.stringify(seen));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program, ...servers.map(({ port }) => String(port))],
      { env: { ...process.env, MINE: mine.root, NODE_EXTRA_CA_CERTS: extra } },
    );
    await Promise.all(servers.map((server) => server.close()));
    const untrusted = 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
    expect(JSON.parse(stdout)).toEqual([200, 200, untrusted, untrusted, 200, untrusted]);
  });

  it('is made once', () => {
    const roots = createRoots([mine.root]);
    expect(roots.ours).toBe(roots.ours);
    expect(roots.published).toBe(roots.published);
  });

  it('is for others the public roots and those that were given, one certificate each', () => {
    const { published } = createRoots([`${mine.root}${strangers.root}`, `Subject: CN=x\n${machines.root}`]);
    expect(published.pem.slice(0, rootCertificates.length)).toEqual(rootCertificates);
    expect(published.pem.slice(rootCertificates.length).map((pem) => `${pem}\n`)).toEqual([
      mine.root,
      strangers.root,
      machines.root,
    ]);
  });

  it('are no files without a certificate', () => {
    expect(() => createRoots([mine.root, '-----BEGIN PRIVATE KEY-----'])).toThrow(
      'A file of roots to trust (--ca) holds no certificate as PEM.',
    );
  });
});
