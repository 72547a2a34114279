import { beforeEach, describe, expect, test } from 'vitest';
import { evaluations } from '../../src/evaluations/index.ts';
import { createMemoryStore } from '../../src/store/memory-store.ts';
import { type FactFile, healthy } from '../evaluations/smtp-source-ip/service.ts';
import { createMachine, type Machine } from './machine.ts';

const { kind: _, ...service } = healthy().service;
const snat = { ...service, id: 'smtp-out', mode: 'snat-accepted', vips: ['192.0.2.26:25'] };
const configuration = `add ns ip 192.0.2.5 255.255.255.0 -vServer DISABLED
add service svc_ex1 192.0.2.11 TCP 25 -usip NO
add lb vserver lb_smtp TCP 192.0.2.25 25
bind lb vserver lb_smtp svc_ex1
`;

let made: Machine;

beforeEach(async () => {
  // Nothing here asks a resolver.
  made = createMachine({ store: createMemoryStore(), resolvers: ['192.0.2.53'] });
  await made.app.putOrganization('contoso', {
    id: 'contoso',
    evaluations: { 'smtp-source-ip': { services: [service, snat] } },
  });
});

const accept = (text: string) => made.app.acceptFacts('contoso', new TextEncoder().encode(text), false);

async function supply(change: (ex2: FactFile) => void = () => {}): Promise<void> {
  const { files } = healthy();
  change(files.EX2);
  const collectedAt = made.clock.now().toISOString();
  await accept(JSON.stringify([files.EX1, files.EX2].map((file) => ({ ...file, collectedAt }))));
}

async function look(): Promise<void> {
  await made.app.startRun('contoso', 'smtp-source-ip', 'request');
  expect(await made.work()).toEqual([]);
}

describe('the runbook of a watched service', () => {
  test('tells what its nodes miss and how its load balancer is switched, of what is supplied', async () => {
    await supply((ex2) => {
      for (const row of ex2.ipInterfaces.filter(({ alias }: FactFile) => alias === 'LAN')) row.weakHostReceive = 0;
    });
    expect(await accept(configuration)).toMatchObject({
      subjects: ['smtp-in'],
      notes: [expect.stringMatching(/NetScaler; virtual services read: 1; directives passed over .*: 0\.$/)],
    });
    await look();
    const told = await made.app.runbook('contoso', 'smtp-source-ip', 'smtp-in');
    expect(told).toMatchObject({
      subject: 'smtp-in',
      answer: 'no',
      nodes: [
        { name: 'EX1', steps: [], open: [] },
        { name: 'EX2', steps: [{ what: 'WeakHostReceive on LAN (IPv4)', before: 'off' }] },
      ],
      switch: [{ run: 'enable ns mode MBF' }, { what: 'Let lb_smtp pass connections on as they came' }],
    });
    const door = evaluations.of('smtp-source-ip').doors?.find(({ id }) => id === 'runbook');
    expect(door?.answers[200]?.content?.schema.parse(told)).toEqual(told);

    const { body } = await made.app.report('contoso', 'smtp-source-ip', 'html');
    const report = String(body);
    expect(report).toContain('<summary class="pad">Runbook: Direct Server Return for smtp-in</summary>');
    expect(report).toContain(
      '>Set-NetIPInterface -InterfaceAlias &#39;LAN&#39; -AddressFamily IPv4 -WeakHostReceive Enabled</pre>',
    );
    expect(report).not.toContain('Direct Server Return for smtp-out');
  });

  test('is refused where there is none: not looked at yet, another mode, nobody watches it', async () => {
    const of = (subject: string) => made.app.runbook('contoso', 'smtp-source-ip', subject);
    await expect(of('smtp-in')).rejects.toMatchObject({ status: 404 });
    await supply();
    await look();
    await expect(of('smtp-out')).rejects.toMatchObject({
      status: 422,
      message:
        'smtp-out is declared as snat-accepted, and the runbook leads to Direct Server Return; declare mode "dsr" to plan that.',
    });
    await expect(of('smtp')).rejects.toMatchObject({ status: 404, message: /The subject "smtp" of "contoso"/ });
  });

  test('a configuration of another load balancer is not believed', async () => {
    await expect(accept(configuration.replace('192.0.2.25', '203.0.113.25'))).rejects.toMatchObject({
      status: 422,
      message: /has no way from 192\.0\.2\.25:25 to a server/,
    });
  });
});
