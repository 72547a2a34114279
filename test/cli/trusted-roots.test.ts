// `--ca` holds for DNS over HTTPS as for everything that speaks TLS.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../src/domain/finding.ts';
import { dkimKey, txtStrings } from '../dns-server/dkim-zone.ts';
import { type Loopback, selfSigned, startLoopback } from '../notifiers/loopback.ts';
import { fieldcheck as callOf } from './shell.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-ca-'));
const certificate = selfSigned('localhost');
const key = txtStrings(dkimKey(2048));
const ca = join(folder, 'root.pem');
const noCa = join(folder, 'readme.txt');
let server: Loopback;
let resolver: string;

beforeAll(async () => {
  writeFileSync(ca, certificate.cert);
  writeFileSync(noCa, 'The root of Contoso is in the other folder.');
  server = await startLoopback(async (_request, response) => {
    const query = Buffer.from(server.arrived.at(-1)?.body ?? '', 'latin1');
    const { id, questions = [] } = decode(query);
    const [question] = questions;
    const data = question?.type === 'TXT' ? key : [];
    response.writeHead(200, { 'content-type': 'application/dns-message' }).end(
      encode({
        type: 'response',
        id,
        flags: 0x180,
        questions,
        answers: data.length === 0 ? [] : [{ type: 'TXT', name: question?.name ?? '', ttl: 60, data }],
      }),
    );
  }, certificate);
  resolver = `https://localhost:${server.port}/dns-query`;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const fieldcheck = (args: readonly string[], settings: Readonly<Record<string, string>> = {}) =>
  callOf(args, { settings: { AzureWebJobsStorage: '', ...settings } });

const evaluate = (...more: string[]) =>
  fieldcheck(['evaluate', 'dkim', 'contoso.com', '--resolver', resolver, '--json', ...more]);

describe('a resolver over HTTPS with a root of one’s own', () => {
  it('is asked when the root is named', async () => {
    const { code, stdout, stderr } = await evaluate('--ca', ca);
    expect(stderr).toBe('');
    expect((JSON.parse(stdout) as Run[])[0]?.answers['verifiable-now']).toBe('yes');
    expect(code).toBe(0);
  });

  it('is not asked when it is not, which is nobody’s fault', async () => {
    const before = server.arrived.length;
    const { code, stdout } = await evaluate();
    const [run] = JSON.parse(stdout) as Run[];
    expect(run?.findings.find(({ rule }) => rule === 'dkim/active-key-published')).toMatchObject({
      verdict: 'unknown',
      message: expect.stringContaining(`${resolver} cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT)`),
    });
    expect(code).toBe(2);
    expect(server.arrived).toHaveLength(before);
  });

  it('is looked at by doctor with the same root', async () => {
    const settings = { FIELDCHECK_RESOLVERS: resolver };
    const lineOf = ({ stdout }: { stdout: string }) => stdout.split('\n').find((line) => line.includes(resolver));
    expect(lineOf(await fieldcheck(['doctor', '--ca', ca], settings))).toMatch(/^ok .*: answers$/);
    expect(lineOf(await fieldcheck(['doctor'], settings))).toMatch(
      /^could not look .*: cannot be reached \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
    );
  });

  it('is not asked with a file that holds no root: that is a bad call', async () => {
    const { code, stdout, stderr } = await evaluate('--ca', noCa);
    expect(stderr).toBe('fieldcheck: A file of roots to trust (--ca) holds no certificate as PEM.\n');
    expect(stdout).toBe('');
    expect(code).toBe(3);
  });
});
