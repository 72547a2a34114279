import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { SubjectState } from '../../src/domain/compare.ts';
import { createZone, type DnsServer, startDnsServer } from '../../src/local/dns-server.ts';
import { startTeamsSink, type TeamsSink } from '../../src/local/teams-sink.ts';
import type { Element, Payload } from '../../src/notifiers/teams-workflow/payload.ts';
import { createResolver } from '../../src/sources/dns/resolver.ts';
import { dkimKey, txtStrings } from '../dns-server/dkim-zone.ts';
import { builtPackage } from '../tools/built-package.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const root = fileURLToPath(new URL('../..', import.meta.url));
const start = join(root, 'src/local/start.ts');
/** What `npm start` runs, and what it is called where the package is installed. */
const [npmStart, installed] = [[start], [join((await builtPackage()).folder, 'dist/cli.js'), 'demo']];
const data = mkdtempSync(join(tmpdir(), 'fieldcheck-start-'));

/** Whoever asks more often keeps the demo from its work. */
const patience = { timeout: 60_000, interval: 200 };

/** The demo as a process, with what it has printed so far. */
interface Started {
  readonly process: ChildProcess;
  readonly said: () => string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves when the text was printed; rejects when the process ended without it. */
  until(text: string): Promise<void>;
}

const running = new Set<ChildProcess>();

/** What the network of this machine resolves, and every name that it was asked for. */
const zone = createZone();
let network: DnsServer;
const askedOfNetwork: string[] = [];

function startDemo(program: readonly string[], args: readonly string[], resolvers = network.address): Started {
  // Storage of somebody else in the shell's environment: the demo must leave it alone.
  const env = { ...process.env, AzureWebJobsStorage: 'UseDevelopmentStorage=true', FIELDCHECK_RESOLVERS: resolvers };
  const child = spawn(process.execPath, [...program, '--data', data, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let said = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<number | null>((resolve) =>
    child.once('exit', (code) => {
      running.delete(child);
      resolve(code);
    }),
  );
  return {
    process: child,
    said: () => said,
    ended,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (said.includes(text)) resolve();
        };
        listeners.add(look);
        look();
        void ended.then((code) => reject(new Error(`It ended with ${code} and had said:\n${said}`)));
      }),
  };
}

const ready = 'Ctrl-C stops everything';

function addressAfter(label: string, { said }: Started): string {
  const [, address] = new RegExp(`${label} +(?:curl )?(?:-X POST )?(http\\S+)`).exec(said()) ?? [];
  if (address === undefined) throw new Error(`"${label}" has no address in:\n${said()}`);
  return address;
}

const json = async <T>(url: string, method = 'GET', body?: object) =>
  (await (await fetch(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })).json()) as T;

/** A door of the host, below `/api/`. */
const door = (started: Started, path: string) =>
  new URL(`/api/${path}`, started.said().match(/http\S+\/api\//)?.[0]).href;

/** The subjects as a run over the organization finds them. */
async function judged(started: Started, organization: string, ...subjects: string[]): Promise<SubjectState['run'][]> {
  const evaluation = door(started, `organizations/${organization}/evaluations/dkim`);
  const { runId } = await json<{ runId: string }>(`${evaluation}/runs`, 'POST');
  await finished(started, runId);
  return Promise.all(
    subjects.map(async (subject) => (await json<SubjectState>(`${evaluation}/subjects/${subject}`)).run),
  );
}

/** The cards, oldest first; every one has to be one that Teams would show. */
async function payloadsOf(started: Started): Promise<Payload[]> {
  const cards = await json<{ payload: Payload; problems: string[] }[]>(
    new URL('/cards.json', addressAfter('the Teams cards', started)).href,
  );
  expect(cards.flatMap(({ problems }) => problems)).toEqual([]);
  return cards.map(({ payload }) => payload);
}

/** What the cards about DKIM say. */
async function cardsOf(started: Started): Promise<string[]> {
  return (await payloadsOf(started)).map(({ summary }) => summary).filter((summary) => summary.includes(' in DKIM'));
}

/** The cards about the SMTP service: what each is called, and the rules that it shows node by node. */
async function smtpCardsOf(started: Started): Promise<{ summary: string; nodes: string[] }[]> {
  const cells = (element: Element) =>
    element.type === 'ColumnSet' && element.columns[0]?.width === 3
      ? [element.columns.map(({ items }) => items.flatMap(({ inlines }) => inlines.map(({ text }) => text)).join(''))]
      : [];
  return (await payloadsOf(started))
    .filter(({ summary }) => summary.includes(' in SMTP source IP'))
    .map(({ summary, attachments: [{ content }] }) => ({
      summary,
      nodes: content.body.flatMap(cells).map((texts) => texts.join(' | ')),
    }));
}

async function finished(started: Started, runId: string): Promise<void> {
  await expect
    .poll(async () => (await json<{ state: string }>(door(started, `runs/${runId}`))).state, patience)
    .toBe('finished');
}

async function runAgain(started: Started): Promise<void> {
  const { runId } = await json<{ runId: string }>(addressAfter('run again \\(no news\\)', started), 'POST');
  await finished(started, runId);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  for (const selector of ['selector1', 'selector2'])
    zone.set(`${selector}._domainkey.fabrikam.com`, { type: 'TXT', data: txtStrings(dkimKey(2048)) });
  zone.set('mail.fabrikam.com');
  zone.misbehave('selector1._domainkey.slow.fabrikam.com', 'timeout');
  network = await startDnsServer({
    zone: {
      lookup(name) {
        askedOfNetwork.push(name);
        return zone.lookup(name);
      },
    },
  });
});
afterAll(async () => {
  await network.close();
  for (const child of running) child.kill('SIGKILL');
  rmSync(data, { recursive: true, force: true });
});

describe('npm start', () => {
  let occupier: Server;
  let first: Started;
  let states: SubjectState[];

  beforeAll(async () => {
    occupier = createServer();
    await new Promise<void>((resolve) => occupier.listen(0, '127.0.0.1', resolve));
    first = startDemo(npmStart, ['--port', String((occupier.address() as AddressInfo).port)]);
    await first.until(ready);
    const subjects = addressAfter('one domain', first).replace(/\/[^/]+$/, '?limit=1000');
    states = (await json<{ items: SubjectState[] }>(subjects)).items;
  });
  afterAll(() => new Promise((resolve) => occupier.close(resolve)));

  test('says that its port is taken and which one it uses, and when the first card was there', () => {
    const { port } = occupier.address() as AddressInfo;
    expect(first.said()).toMatch(new RegExp(`^Port ${port} is taken; using \\d+\\.$`, 'm'));
    expect(first.said()).toMatch(/^fieldcheck is ready after \d+\.\d s: http:\/\/127\.0\.0\.1:\d+\/api\/pages$/m);
    expect(first.said()).toMatch(/^The first cards were posted: [1-9], \d+\.\d s after the start\.$/m);
  });

  test('watches 74 domains, of which 20 have a failing active selector that Microsoft has to mend', () => {
    expect(states).toHaveLength(74);
    const failing = states.filter(({ run }) => run.answers['verifiable-now'] === 'no');
    expect(failing).toHaveLength(20);
    for (const { run } of failing) {
      const serious = run.findings.filter(({ verdict, severity }) => verdict === 'fail' && severity === 'critical');
      expect(serious).toMatchObject([{ rule: 'dkim/active-key-published', owner: 'microsoft' }]);
      expect(serious[0]?.message).toMatch(
        new RegExp(
          `^The active selector selector[12] of ${run.subject} has no key: the CNAME is right, but in Microsoft's DNS `,
        ),
      );
    }
  });

  test('raises no alarm about a passive selector', () => {
    for (const { run } of states) {
      const active = run.findings.find(({ rule }) => rule === 'dkim/active-key-published')?.target;
      const alarms = run.findings.filter(
        ({ verdict, target, blockedBy }) =>
          (verdict === 'fail' || verdict === 'manual' || (verdict === 'unknown' && blockedBy === undefined)) &&
          target !== undefined &&
          target !== active,
      );
      expect([run.subject, alarms]).toEqual([run.subject, []]);
    }
  });

  test('leaves domains alone that cannot publish or do not send, and says why', () => {
    const said = states
      .filter(({ run }) => run.answers['verifiable-now'] === 'not_applicable')
      .map(({ run }) => run.findings[0]?.message);
    expect(said).toEqual([
      'Sending from archive.fabrikam.com is switched off (SendingFromDomainDisabled).',
      'contoso.mail.onmicrosoft.com is a coexistence domain: nobody can publish DNS records in it.',
      'contoso.onmicrosoft.com is an initial domain without a DKIM configuration of its own: Microsoft signs for it by default.',
    ]);
  });

  test('has the log for ticketing: one line for each failing selector', async () => {
    const csv = await (await fetch(addressAfter('the log for ticketing', first))).text();
    const [header, ...lines] = csv.trim().split(/\r?\n/);
    expect(header).toMatch(/^Domain,Selector,/);
    expect(lines).toHaveLength(20);
    expect(lines.every((line) => /^[a-z.-]+,selector[12],/.test(line))).toBe(true);
  });

  test('prints a line to try: a bounce of one of the 20, explained with its history', async () => {
    const [, line = ''] = /explain a bounce +npm run fieldcheck -- (.*)/.exec(first.said()) ?? [];
    const settings = JSON.parse(readFileSync(join(data, 'settings.json'), 'utf8')) as Record<string, string>;
    const env = { PATH: process.env.PATH, ...settings };
    const cli = join(root, 'src/local/cli.ts');
    const { status, stdout } = spawnSync(process.execPath, [cli, ...line.split(' ')], { env, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stdout).toContain('The active selector selector2 of amsterdam.contoso.com has no key');
    expect(stdout).toMatch(/selector2 of amsterdam\.contoso\.com was missing at Microsoft since \d+ \w+ \d\d:\d\d UTC/);
    expect(stdout).toContain('no key; header verifies; body verifies');
    expect(stdout).toContain('Owner: Microsoft');
    expect(stdout).toMatch(/Message-ID: <\w+@amsterdam\.contoso\.com>/);
  });

  test('posts one card; another run posts none; mending one record posts one resolved', async () => {
    expect(await cardsOf(first)).toEqual(['Contoso: 20 new problems in DKIM']);
    await runAgain(first);
    expect(await cardsOf(first)).toHaveLength(1);
    const mend = addressAfter('mend one record', first);
    const mended = mend.split('/').at(-1);
    expect(await (await fetch(mend, { method: 'POST' })).text()).toBe(`${mended}: the key is published now\n`);
    await runAgain(first);
    await expect.poll(() => cardsOf(first), patience).toHaveLength(2);
    expect((await cardsOf(first))[1]).toBe(`Contoso: 1 resolved in DKIM for ${mended}`);
  });

  test('shows both nodes of the SMTP service side by side on its card, and again when the half configured one is mended', async () => {
    expect(await smtpCardsOf(first)).toEqual([
      {
        summary: 'Contoso: 6 new problems in SMTP source IP for smtp-in',
        nodes: [
          'Rule | EX1 | EX2',
          'lan-weak-host-receive | ✓ pass | ✗ fail (critical)',
          'loopback-weak-host-send | ✓ pass | ✗ fail (critical)',
          'loopback-weak-host-receive | ✓ pass | ✗ fail (critical)',
          'nodes-alike | ✗ fail (high) | ✗ fail (high)',
          'netbios-disabled | ✓ pass | ✗ fail (medium)',
          'loopback-metric-high | ✓ pass | ✗ fail (low)',
          'log-shows-client-addresses | ✓ pass | ? unknown',
          'probe-shows-client-address | ? unknown | ? unknown',
          'control-shows-client-address | ? unknown | ? unknown',
        ],
      },
    ]);
    await fetch(addressAfter('mend node EX2 \\(ready\\)', first), { method: 'POST' });
    await expect.poll(() => smtpCardsOf(first), patience).toHaveLength(2);
    expect((await smtpCardsOf(first))[1]).toEqual({
      summary: 'Contoso: 6 resolved in SMTP source IP for smtp-in',
      nodes: [
        'Rule | EX1 | EX2',
        'probe-shows-client-address | ? unknown | ? unknown',
        'control-shows-client-address | ? unknown | ? unknown',
      ],
    });
  });

  test.each([
    ['a second time', []],
    ['with --fresh', ['--fresh']],
  ])('is refused on a folder that is in use, %s', async (_, args) => {
    const second = startDemo(npmStart, ['--port', '0', ...args]);
    expect(await second.ended).toBe(3);
    expect(second.said()).toMatch(/^fieldcheck could not start: .*storage is in use by process \d+\. Stop that first/m);
    expect(await json(door(first, 'health'))).toMatchObject({ status: 'ok', storage: 'ok' });
  });

  describe('beside the demo', () => {
    let channel: TeamsSink;
    beforeAll(async () => {
      channel = await startTeamsSink();
      const documents: { id: string; channels?: object; evaluations: object }[] = [
        {
          id: 'fabrikam',
          channels: { own: { url: channel.url }, dead: { kind: 'webhook', url: 'http://127.0.0.1:1/closed' } },
          evaluations: { dkim: { domains: ['fabrikam.com', 'mail.fabrikam.com'], channels: ['own', 'dead'] } },
        },
        { id: 'fabrikam-slow', evaluations: { dkim: { domains: ['slow.fabrikam.com'] } } },
        { id: 'fabrikam-never', evaluations: { dkim: { domains: ['fabrikam.com'], schedule: '0 0 0 29 2 *' } } },
        { id: 'fabrikam-idle', evaluations: {} },
      ];
      for (const { id, ...rest } of documents)
        expect(await json(door(first, `organizations/${id}`), 'PUT', { id, ...rest })).toMatchObject({ id });
    });
    afterAll(() => channel.close());

    test("an own organization is judged by the resolvers of the shell's environment", async () => {
      const [missing, found] = await judged(first, 'fabrikam', 'mail.fabrikam.com', 'fabrikam.com');
      expect(found?.answers['verifiable-now']).toBe('yes');
      expect(missing?.answers['verifiable-now']).toBe('no');
      const finding = missing?.findings.find(({ rule }) => rule === 'dkim/active-key-published');
      expect(finding?.message).toBe(
        'No key for selector1 of mail.fabrikam.com: the name does not exist (selector1._domainkey.mail.fabrikam.com).',
      );
      expect(JSON.stringify(finding?.evidence)).toContain(network.address);
    });

    test('and the demo by its own name server, which tells nothing of other names', async () => {
      expect(askedOfNetwork.filter((name) => !`.${name}`.endsWith('.fabrikam.com'))).toEqual([]);
      const watched = states.map(({ run }) => run.subject);
      expect(watched.filter((domain) => askedOfNetwork.some((name) => name.endsWith(domain)))).toEqual([]);
      const [, address = ''] = /--resolver (\S+)/.exec(first.said()) ?? [];
      const demo = createResolver({ address });
      for (const name of ['selector1._domainkey.fabrikam.com', 'example.org'])
        await expect(demo.query(name, 'TXT')).rejects.toThrow(`REFUSED from ${address} (TXT ${name}).`);
      await expect(demo.query('nowhere.contoso.com', 'TXT')).resolves.toMatchObject({ rcode: 'NXDOMAIN' });
      demo.close();
    });

    test('its cards go to its own channel, and what a dead one does not take waits', async () => {
      await expect
        .poll(() => channel.cards.map(({ payload }) => (payload as Payload).summary), patience)
        .toEqual(['fabrikam: 2 new problems in DKIM for mail.fabrikam.com']);
      expect((await payloadsOf(first)).filter(({ summary }) => !summary.startsWith('Contoso: '))).toEqual([]);
      await expect.poll(() => json(door(first, 'health')), patience).toHaveProperty('oldestUndelivered');
    });

    test('the shell learns where the storage is, and nothing that would judge others', () => {
      const settings: object = JSON.parse(readFileSync(join(data, 'settings.json'), 'utf8'));
      expect(Object.keys(settings)).toEqual(['AzureWebJobsStorage', 'FIELDCHECK_LOCAL_CHANNELS']);
    });

    test('a run is at work when all is stopped', async () => {
      const run = await json(door(first, 'organizations/fabrikam-slow/evaluations/dkim/runs'), 'POST');
      expect(run).toMatchObject({ state: 'running' });
      await expect.poll(() => askedOfNetwork, patience).toContain('selector1._domainkey.slow.fabrikam.com');
    });
  });

  test('leaves nothing running after Ctrl-C', async () => {
    const azurite = Number.parseInt(readFileSync(join(data, 'storage', 'in-use-by.pid'), 'utf8'), 10);
    expect(isAlive(azurite)).toBe(true);
    expect(existsSync(join(data, 'settings.json'))).toBe(true);
    first.process.kill('SIGINT');
    expect(await first.ended).toBe(0);
    expect(first.said()).toMatch(/Stopping …\n$/);
    expect(isAlive(azurite)).toBe(false);
    expect(existsSync(join(data, 'settings.json'))).toBe(false);
  });

  test('goes on from there the next time, as it is installed, whatever stands beside the demo: nothing new, no card', async () => {
    const second = startDemo(installed, ['--port', '0']);
    await second.until(ready);
    expect(second.said()).toMatch(
      /^The runs found nothing that had not been told before, so no card was posted, \d+\.\d s after the start\.$/m,
    );
    expect(await cardsOf(second)).toEqual([]);
    const health = await json<{ lastRuns: { organization: string }[] }>(door(second, 'health'));
    expect(health).toHaveProperty('oldestUndelivered');
    expect(new Set(health.lastRuns.map(({ organization }) => organization))).toEqual(
      new Set(['contoso', 'fabrikam', 'fabrikam-slow', 'fabrikam-never']),
    );
    const contoso = door(second, 'organizations/contoso');
    const { evaluations, ...document } = await json<{ evaluations: Record<string, object> }>(contoso);
    const { 'smtp-source-ip': _, ...kept } = evaluations;
    await json(contoso, 'PUT', { ...document, evaluations: kept });
    // What was silent until now answers: nothing is at work any more when all is stopped.
    zone.set('selector1._domainkey.slow.fabrikam.com', { type: 'TXT', data: txtStrings(dkimKey(2048)) });
    second.process.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  test("leaves the demo's document as a person changed it, and its cards still come", async () => {
    const third = startDemo(installed, ['--port', '0']);
    await third.until(ready);
    expect(third.said()).toMatch(
      /^Contoso's document was changed by hand, and stays so; fieldcheck demo --fresh brings the demo's back\.$/m,
    );
    expect(third.said()).not.toContain('smtp-source-ip');
    expect(third.said()).toMatch(/^The runs found nothing that had not been told before/m);
    const mend = addressAfter('mend one record', third);
    await fetch(mend.replace('/mend/', '/break/'), { method: 'POST' });
    await runAgain(third);
    await expect.poll(() => cardsOf(third), patience).toHaveLength(1);
    third.process.kill('SIGTERM');
    expect(await third.ended).toBe(0);
  });

  test('starts over with --fresh, also without a network: the card comes again', async () => {
    const fresh = startDemo(installed, ['--port', '0', '--fresh'], '127.0.0.1:1');
    await fresh.until(ready);
    expect(fresh.said()).not.toContain('changed by hand');
    expect(await cardsOf(fresh)).toEqual(['Contoso: 20 new problems in DKIM']);
    const document = { id: 'fabrikam', evaluations: { dkim: { domains: ['fabrikam.com'] } } };
    await json(door(fresh, 'organizations/fabrikam'), 'PUT', document);
    const [offline] = await judged(fresh, 'fabrikam', 'fabrikam.com');
    expect(offline?.answers).toEqual({ 'verifiable-now': 'undetermined', 'verifiable-after-rotation': 'undetermined' });
    expect(offline?.findings.filter(({ verdict }) => verdict === 'fail')).toEqual([]);
    expect(offline?.findings.find(({ rule }) => rule === 'dkim/active-key-published')?.message).toContain(
      '127.0.0.1:1 cannot be reached (ECONNREFUSED)',
    );
    fresh.process.kill('SIGINT');
    expect(await fresh.ended).toBe(0);
  });
});

describe('a bad call', () => {
  test.each([
    [['--port', 'http'], '--port http is no port; give a number from 0 (any) to 65535.'],
    [['--port', '70000'], '--port 70000 is no port; give a number from 0 (any) to 65535.'],
    [['--quick'], "Unknown option '--quick'"],
  ])('%s is explained with the usage', (args, sentence) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [start, ...args], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([3, '']);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('npm start [-- --fresh] [--port 7071] [--data FOLDER] [--verbose] [--sign-in]');
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  test('--help is no error and starts nothing', () => {
    const { status, stdout } = spawnSync(process.execPath, [start, '--help'], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain('npm start [-- --fresh]');
  });
});
