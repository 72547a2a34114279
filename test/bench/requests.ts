// The heaviest requests that the bounds allow, and the heaviest that they refuse, each alone and eight at once: against
// the built functions in the local host, on Azurite, each in a host of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startAzurite } from '../../src/local/azurite.ts';
import { createZone, startDnsServer } from '../../src/local/dns-server.ts';
import { build, deployed } from '../../tools/build.ts';
import { signingRow } from '../app/tenant.ts';
import { factFile } from '../evaluations/smtp-source-ip/service.ts';
import { asOnInstance } from './child.ts';
import { figure, printGoal, printTable } from './report.ts';
import type { HostJob, HostReport } from './requests-host.ts';

interface HeavyRequest {
  readonly what: string;
  readonly status: number;
  /** The organization's document, where it is about one; its id is filled in. */
  readonly evaluations?: object;
  path(organization: string): string;
  body(organization: string): Buffer;
}

interface Measured {
  readonly what: string;
  readonly sent: number;
  readonly statuses: string;
  readonly right: boolean;
  readonly seconds: number;
  readonly aboveIdle: number;
  readonly silenceMs: number;
  readonly computedMs: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const megabyte = 1_000_000;

const facts = (organization: string) => `organizations/${organization}/facts`;

/** A service of 50 nodes. */
const service = {
  'smtp-source-ip': {
    services: [
      {
        id: 'smtp-in',
        mode: 'dsr',
        vips: ['192.0.2.25:25'],
        loadBalancerAddresses: ['192.0.2.5'],
        nodes: Array.from({ length: 50 }, (_, index) => ({
          name: `EX${index}`,
          address: `192.0.2.${index + 100}`,
        })),
      },
    ],
  },
};

const heavy: readonly HeavyRequest[] = [
  {
    what: 'an export of 30 MB, every domain watched',
    status: 202,
    evaluations: { dkim: {} },
    path: facts,
    body: () => listOf(30 * megabyte, (index) => signingRow(`d${index}.contoso.com`)),
  },
  {
    what: '100,000 rows, 100 domains watched',
    status: 202,
    evaluations: { dkim: { domains: Array.from({ length: 100 }, (_, index) => `d${index}.contoso.com`) } },
    path: facts,
    body: () =>
      json(Array.from({ length: 100_000 }, (_, index) => ({ DomainName: `d${index}.contoso.com`, DomainType: 0 }))),
  },
  {
    what: '32 MB of tiny rows',
    status: 413,
    evaluations: { dkim: {} },
    path: facts,
    body: () => Buffer.from(`[${'{"a":1},'.repeat(3_900_000)}{}]`),
  },
  {
    what: '32 MB of nesting',
    status: 400,
    evaluations: { dkim: {} },
    path: facts,
    body: () => Buffer.from('['.repeat(15_900_000) + ']'.repeat(15_900_000)),
  },
  {
    what: '50 hosts’ files of collectors, 5 MB',
    status: 202,
    evaluations: service,
    path: facts,
    body: () => json(Array.from({ length: 50 }, (_, index) => nodeFile(index, 900))),
  },
  {
    what: '50 hosts’ files of collectors, 30 MB',
    status: 413,
    evaluations: service,
    path: facts,
    body: () => json(Array.from({ length: 50 }, (_, index) => nodeFile(index, 5_800))),
  },
  {
    what: '20 domains with 20 selectors each, ad hoc',
    status: 200,
    path: () => 'evaluations/dkim',
    body: () =>
      json({
        domains: Array.from({ length: 20 }, (_, index) => `d${index}.contoso.com`),
        selectors: Array.from({ length: 20 }, (_, index) => `s${index}`),
      }),
  },
  {
    what: '100 domains of saved facts, 1 MB, ad hoc',
    status: 200,
    path: () => 'evaluations/dkim',
    body: () => json({ facts: Array.from({ length: 100 }, (_, index) => savedFacts(index)) }),
  },
  {
    what: 'a message of 32 MB',
    status: 200,
    path: () => 'explanations',
    body: () => message(31 * megabyte),
  },
  {
    what: 'an import of 32 MB',
    status: 200,
    path: (organization) => `organizations/${organization}/import`,
    body: (organization) => exported(organization, 31 * megabyte),
  },
];

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { only: { type: 'string', default: '' }, 'at-once': { type: 'string', default: '1,8' } },
  });
  const counts = values['at-once'].split(',').map(Number);
  const wanted = heavy.filter(({ what }) => what.includes(values.only));
  const folder = await mkdtemp(join(tmpdir(), 'fieldcheck-bench-'));
  const dns = await startDnsServer({ zone: createZone() });
  const measured: Measured[] = [];
  try {
    const entry = await builtFunctions(folder);
    console.log(
      'The built functions in the local host, on Azurite; each row is a host of its own. Requests that keep facts start a run.\n' +
        'Silent: the longest time in which the event loop did nothing else; of that, computed: the thread’s own processor time.\n',
    );
    for (const request of wanted) {
      for (const count of counts) {
        const one = await measure(request, count, entry, dns.address);
        measured.push(one);
        const figures = [
          `${figure(one.seconds)} s`,
          `${figure(one.aboveIdle)} MB`,
          `${figure(one.silenceMs)} ms silent`,
        ];
        console.error(`… ${one.what}, ${count} at once: ${one.statuses}, ${figures.join(', ')}`);
      }
    }
  } finally {
    await dns.close();
    await rm(folder, { recursive: true, force: true });
  }
  printTable(
    measured.map((one) => ({
      request: one.what,
      'at once': figure(one.sent),
      status: one.statuses,
      seconds: figure(one.seconds),
      'MB above idle': figure(one.aboveIdle),
      'silent ms': figure(one.silenceMs),
      'computed ms': figure(one.computedMs),
    })),
  );
  console.log('\nGoals:');
  const most = (figures: readonly number[]) => Math.max(...figures);
  const silences = measured.map(({ silenceMs }) => silenceMs);
  const computed = measured.map(({ computedMs }) => computedMs);
  const memory = measured.map(({ aboveIdle }) => aboveIdle);
  const alone = measured.filter(({ sent }) => sent === 1).map(({ seconds }) => seconds);
  printGoal('answers other than expected', measured.filter(({ right }) => !right).length, '≤', 0);
  printGoal('longest silence of the loop, ms', most(silences), '≤', 100);
  printGoal('of a silence, computed, ms', most(computed), '≤', 100);
  printGoal('MB above idle', most(memory), '≤', 512);
  if (alone.length > 0) printGoal('seconds of a request alone', most(alone), '≤', 5);
}

/** As deployed, with node_modules at hand for what stays outside the bundle. */
async function builtFunctions(folder: string): Promise<string> {
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const outdir = join(folder, 'dist');
  await build({ entry: deployed, outdir });
  return join(outdir, 'functions.js');
}

async function measure(request: HeavyRequest, count: number, entry: string, resolver: string): Promise<Measured> {
  const azurite = await startAzurite();
  const job: HostJob = {
    entry,
    root,
    hostJson: JSON.parse(await readFile(join(root, 'host.json'), 'utf8')),
    storageConnection: azurite.connectionString,
    resolver,
  };
  const program = fileURLToPath(new URL('requests-host.ts', import.meta.url));
  const child = fork(program, [JSON.stringify(job)], {
    execArgv: ['--disable-warning=ExperimentalWarning', ...asOnInstance],
  });
  try {
    const [{ url }] = (await once(child, 'message')) as [HostReport];
    const ids = Array.from({ length: count }, (_, index) => `organization-${index}`);
    // First: a connection that stands idle meanwhile would be closed.
    const bodies = ids.map((id) => request.body(id));
    for (const id of ids) await setUp(url, id, request.evaluations);
    const idle = await report(child);
    const answers = await Promise.all(ids.map((id, index) => post(`${url}/api/${request.path(id)}`, bodies[index])));
    const { silenceMs, computedMs, peakMegabytes } = await report(child);
    const kinds = Map.groupBy(answers, ({ status }) => status);
    for (const { status, text } of answers.slice(0, 1))
      if (status !== request.status) console.error(`${status}: ${text.slice(0, 400)}`);
    return {
      what: request.what,
      sent: count,
      statuses: [...kinds].map(([status, { length }]) => (length === 1 ? status : `${length} × ${status}`)).join(', '),
      right: answers.every(({ status }) => status === request.status),
      seconds: Math.max(...answers.map(({ seconds }) => seconds)),
      aboveIdle: peakMegabytes - idle.megabytes,
      silenceMs,
      computedMs,
    };
  } finally {
    child.disconnect();
    await azurite.stop();
  }
}

async function setUp(url: string, id: string, evaluations: object | undefined): Promise<void> {
  if (evaluations === undefined) return void (await fetch(`${url}/api/organizations`));
  const body = JSON.stringify({ id, evaluations });
  const { status } = await fetch(`${url}/api/organizations/${id}`, { method: 'PUT', body });
  if (status !== 200) throw new Error(`The organization was answered with ${status}.`);
}

async function report(child: ChildProcess): Promise<HostReport> {
  const told = once(child, 'message');
  child.send('report');
  const [said] = (await told) as [HostReport];
  return said;
}

async function post(url: string, body: Buffer | undefined): Promise<{ status: number; seconds: number; text: string }> {
  const startedAt = performance.now();
  const answer = await fetch(url, { method: 'POST', body: body as Uint8Array<ArrayBuffer> });
  const text = await answer.text();
  return { status: answer.status, seconds: (performance.now() - startedAt) / 1000, text };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** A JSON list of about so many bytes. */
function listOf(bytes: number, item: (index: number) => object): Buffer {
  const items: string[] = [];
  for (let length = 0; length < bytes; length += (items.at(-1)?.length ?? 0) + 1) {
    items.push(JSON.stringify(item(items.length)));
  }
  return Buffer.from(`[${items.join(',')}]`);
}

function nodeFile(index: number, routes: number): object {
  const file = factFile(`EX${index}`, `192.0.2.${index + 100}`);
  const route = { prefix: '198.51.100.0/24', nextHop: '192.0.2.1', alias: 'LAN', routeMetric: 1, interfaceMetric: 15 };
  return { ...file, routes: [...file.routes, ...Array.from({ length: routes }, () => route)] };
}

function savedFacts(index: number): object {
  const observedAt = '2026-11-24T06:00:00Z';
  const names = Array.from({ length: 60 }, (_, name) => `s${name}`);
  const unseen = { status: 'unobtainable', reason: 'timeout', detail: 'no answer', observedAt };
  return {
    fieldcheck: 'facts/1',
    evaluation: 'dkim',
    subject: { kind: 'mail-domain', id: `d${index}.contoso.com`, selectors: ['selector1', 'selector2'] },
    facts: {},
    parts: { selector: Object.fromEntries(names.map((name) => [name, { 'selector-cname': unseen }])) },
  };
}

function message(bytes: number): Buffer {
  const head = [
    'From: Megan <megan@contoso.com>',
    'To: you@fabrikam.com',
    'Subject: a long one',
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=contoso.com; s=selector1; h=From:To:Subject; bh=${'A'.repeat(43)}=; b=${'A'.repeat(342)}==`,
  ];
  const line = `${'a word '.repeat(10)}\r\n`;
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${line.repeat(Math.floor(bytes / line.length))}`);
}

/** What an export of an organization holds: supplied facts of many domains. */
function exported(organization: string, bytes: number): Buffer {
  const of = { organization, evaluation: 'dkim', name: 'export/signing-configuration' };
  const at = { observedAt: '2026-11-24T06:00:00.000Z', expiresAt: '2026-12-24T06:00:00.000Z' };
  const lines: string[] = [];
  let count = 0;
  for (let length = 0; length < bytes; count += 1) {
    const value = { state: 'configured', row: signingRow(`d${count}.contoso.com`) };
    const known = { status: 'known', value, source: 'Get-DkimSigningConfig', observedAt: at.observedAt };
    const content = { facts: { 'signing-configuration': known }, parts: {} };
    const line = JSON.stringify({ kind: 'facts', facts: { ...of, ...at, subject: `d${count}.contoso.com`, content } });
    lines.push(line);
    length += line.length;
  }
  const head = { kind: 'fieldcheck organization', version: 1, organization, exportedAt: at.observedAt };
  const document = { kind: 'document', document: { id: organization, evaluations: { dkim: {} } } };
  const end = { kind: 'end', counts: { states: 0, history: 0, facts: count, statements: 0 } };
  return Buffer.from([JSON.stringify(head), JSON.stringify(document), ...lines, JSON.stringify(end), ''].join('\n'));
}
