// `evaluate dkim` from a shell against name servers of another make: what is broken on the way is never "missing".
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../src/domain/finding.ts';
import type { Daemon } from '../dns-server/daemon.ts';
import { dkimKey, txtData } from '../dns-server/dkim-zone.ts';
import { findProgram } from '../dns-server/installed.ts';
import { startNsd, zoneHead } from '../dns-server/nsd.ts';
import { startUnbound } from '../dns-server/unbound.ts';

const nsdProgram = findProgram('nsd', 'evaluate dkim is not run against NSD');
const unboundProgram = findProgram('unbound', 'evaluate dkim is not run against Unbound');

const domains = ['good', 'long', 'gone', 'lame', 'silent'].map((name) => `${name}.contoso.com`);
const keys = new Map(domains.map((domain) => [domain, dkimKey(domain.startsWith('long') ? 4096 : 2048)]));

/** Where the key of a domain stands: in a zone that answers, in one whose server does not have it, or in a silent one. */
const zoneOf = (domain: string) => `${/^(lame|silent)/.exec(domain)?.[0] ?? 'keys'}.example`;
const target = (domain: string, selector: string) =>
  `${selector}-${domain.replaceAll('.', '-')}._domainkey.${zoneOf(domain)}`;

const zones = {
  'contoso.com': `${zoneHead('contoso.com')}
${domains.flatMap((domain) => ['selector1', 'selector2'].map((selector) => `${selector}._domainkey.${domain}. IN CNAME ${target(domain, selector)}.`)).join('\n')}
`,
  'keys.example': `${zoneHead('keys.example')}
${['good.contoso.com', 'long.contoso.com'].map((domain) => `${target(domain, 'selector1')}. IN TXT ${txtData(keys.get(domain) ?? '')}`).join('\n')}
`,
};

const rows = domains.map((domain) => ({
  Domain: domain,
  Enabled: true,
  Status: 'Valid',
  Selector1CNAME: target(domain, 'selector1'),
  Selector2CNAME: target(domain, 'selector2'),
  Selector1PublicKey: keys.get(domain),
  KeyCreationTime: '2026-10-01T06:00:00.1234567Z',
  RotateOnDate: '2026-10-01T06:00:00.1234567Z',
  SelectorBeforeRotateOnDate: 'selector2',
  SelectorAfterRotateOnDate: 'selector1',
}));

describe.runIf(nsdProgram && unboundProgram)('evaluate dkim through Unbound in front of NSD', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-'));
  let nsd: Daemon;
  let unbound: Daemon;
  let silent: Socket;
  let runs: ReadonlyMap<string, Run>;
  let exitCode: number | null;

  beforeAll(async () => {
    silent = createSocket('udp4');
    silent.bind(0, '127.0.0.1');
    await once(silent, 'listening');
    nsd = await startNsd(nsdProgram ?? '', zones);
    unbound = await startUnbound(unboundProgram ?? '', {
      zones: {
        'contoso.com': nsd.address,
        'keys.example': nsd.address,
        'lame.example': nsd.address,
        'silent.example': `127.0.0.1:${silent.address().port}`,
      },
    });
    const file = join(folder, 'dkim.json');
    writeFileSync(file, JSON.stringify(rows));
    const cli = fileURLToPath(new URL('../../src/local/cli.ts', import.meta.url));
    const options = [
      '--signing-config',
      file,
      '--resolver',
      unbound.address,
      '--now',
      '2026-11-24T06:00:00Z',
      '--json',
    ];
    const child = spawn(process.execPath, [cli, 'evaluate', 'dkim', ...options]);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    [exitCode] = (await once(child, 'close')) as [number | null];
    runs = new Map((JSON.parse(output) as Run[]).map((run) => [run.subject, run]));
  }, 120_000);

  afterAll(async () => {
    silent?.close();
    await unbound?.close();
    await nsd?.close();
    rmSync(folder, { recursive: true });
  });

  const says = (name: string, rule: string) =>
    runs.get(`${name}.contoso.com`)?.findings.find((finding) => finding.rule === rule);

  it.each(['good', 'long'])('%s: verifies, also with a key that comes truncated', (name) => {
    expect(runs.get(`${name}.contoso.com`)?.answers).toEqual({
      'verifiable-now': 'yes',
      'verifiable-after-rotation': 'yes',
    });
  });

  it('a key that is not there is a fault of Microsoft, with the text for its support', () => {
    const finding = says('gone', 'dkim/active-key-published');
    expect(finding).toMatchObject({ verdict: 'fail', severity: 'critical', owner: 'microsoft', target: 'selector1' });
    expect(finding?.evidence[0]?.observed).toBe(`NXDOMAIN from ${unbound.address}, asked twice`);
    expect(finding?.supportCase).toContain('selector1-gone-contoso-com._domainkey.keys.example');
  });

  it.each(['lame', 'silent'])(
    '%s: the CNAME is known, the key could not be looked at, and that is no fault',
    (name) => {
      expect(runs.get(`${name}.contoso.com`)?.answers['verifiable-now']).toBe('undetermined');
      expect(says(name, 'dkim/active-cname-correct')?.verdict).toBe('pass');
      const key = says(name, 'dkim/active-key-published');
      expect(key?.verdict).toBe('unknown');
      expect(key?.message).toMatch(
        /^Could not look: key record of the selector: (not reachable \(SERVFAIL from|no answer in time \(No answer from)/,
      );
    },
  );

  it('one no among them is exit code 1', () => {
    expect(exitCode).toBe(1);
  });
});
