// `evaluate smtp-source-ip` from a shell on a client's machine, against SMTP servers behind a load balancer: what the
// network does to real packets decides.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../../src/domain/finding.ts';
import type { SmtpService } from '../../../src/facts/smtp-service/subject.ts';
import { builtPackage } from '../../tools/built-package.ts';
import {
  balancer,
  canBuildNetwork,
  clients,
  loadBalancedNetwork,
  type NetworkOptions,
  nodeAddresses,
  vip,
} from './load-balanced-network.ts';

const cli = pathToFileURL(join((await builtPackage()).folder, 'dist/cli.js'));
const nodeProcess = new URL('node-process.ts', import.meta.url);
const mailClients = new URL('mail-clients.ts', import.meta.url);

interface Scene extends NetworkOptions {
  readonly mode: SmtpService['mode'];
  /** Mail sessions before the evaluation, which then reads the receive logs of the nodes, too. */
  readonly mailSessions?: number;
}

interface Outcome {
  readonly answers: Run['answers'];
  /** What a person reads of a rule, one line for each target: `verdict: sentence`. */
  readonly says: (rule: string) => string[];
  readonly repliesThroughBalancer: number;
}

async function evaluate({ mode, mailSessions = 0, ...options }: Scene): Promise<Outcome> {
  const network = await loadBalancedNetwork(options);
  const folder = mkdtempSync(join(tmpdir(), 'fieldcheck-packets-'));
  try {
    for (const [name, machine] of network.nodes) {
      mkdirSync(join(folder, name));
      await machine.serve(nodeProcess, [name, join(folder, name)]);
    }
    if (mailSessions > 0) {
      expect(await network.client.run(mailClients, [vip, String(mailSessions), ...clients])).toMatchObject({
        exitCode: 0,
      });
    }
    const service = {
      id: 'smtp-in',
      mode,
      vips: [`${vip}:25`],
      loadBalancerAddresses: [balancer],
      nodes: Object.entries(nodeAddresses).map(([name, address]) => ({ name, address })),
    };
    const serviceFile = join(folder, 'service.json');
    writeFileSync(serviceFile, JSON.stringify(service));
    const log = mailSessions > 0 ? ['--log', folder] : [];
    const { output } = await network.client.run(cli, [
      'evaluate',
      'smtp-source-ip',
      '--service',
      serviceFile,
      '--probe',
      ...log,
      '--json',
    ]);
    const [run] = JSON.parse(output) as [Run];
    return {
      answers: run.answers,
      says: (rule) =>
        run.findings
          .filter((finding) => finding.rule === `smtp-source-ip/${rule}`)
          .map(({ verdict, message }) => `${verdict}: ${message}`),
      repliesThroughBalancer: network.repliesThroughBalancer(),
    };
  } finally {
    await network.close();
    rmSync(folder, { recursive: true });
  }
}

const controlsShowUs = [
  'pass: EX1: greeted directly it sees our address 203.0.113.10.',
  'pass: EX2: greeted directly it sees our address 203.0.113.10.',
];
const bothNodesAnswer = ['pass: EX1 answered through the VIP.', 'pass: EX2 answered through the VIP.'];

const possible = canBuildNetwork('the evaluation of a load balancer on real packets');

// Most of the time these wait, for connections and for those that never come about, so they wait side by side.
describe.runIf(possible)('a load balancer that forwards real packets', { concurrent: true, timeout: 60_000 }, () => {
  it('hides the client with source NAT', async () => {
    const { answers, says, repliesThroughBalancer } = await evaluate({
      forwarding: 'source-nat',
      mode: 'dsr',
      mailSessions: 48,
    });
    expect(answers['source-ip-visible']).toBe('no');
    expect(says('probe-shows-client-address')).toEqual([
      'fail: EX1: the load balancer hides the client: through the VIP it sees 192.0.2.5, not us.',
      'fail: EX2: the load balancer hides the client: through the VIP it sees 192.0.2.5, not us.',
    ]);
    expect(says('log-shows-client-addresses')).toEqual([
      'fail: EX1: the load balancer hides the clients: 24 of 24 mail sessions (100 %) come from its address.',
      'fail: EX2: the load balancer hides the clients: 24 of 24 mail sessions (100 %) come from its address.',
    ]);
    expect(says('log-shows-vip-as-local')[0]).toMatch(/^fail: 0 of 48 mail sessions have the VIP as local address/);
    expect(says('evidence-agrees')).toEqual(['pass: The evidence agrees: that clients are hidden.']);
    expect(says('control-shows-client-address')).toEqual(controlsShowUs);
    expect(says('every-node-answered')).toEqual(bothNodesAnswer);
    expect(repliesThroughBalancer).toBeGreaterThan(0);
  });

  it('preserves the client when it is transparent and the gateway of the nodes', async () => {
    const { answers, says, repliesThroughBalancer } = await evaluate({
      forwarding: 'transparent',
      mode: 'transparent',
      mailSessions: 48,
    });
    expect(answers['source-ip-visible']).toBe('yes');
    expect(says('probe-shows-client-address')).toEqual([
      'pass: EX1: through the VIP it sees our own address 203.0.113.10, none of the 1 declared load-balancer addresses.',
      'pass: EX2: through the VIP it sees our own address 203.0.113.10, none of the 1 declared load-balancer addresses.',
    ]);
    expect(says('log-shows-client-addresses')).toEqual([
      'pass: EX1: client addresses are preserved: none of 24 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses.',
      'pass: EX2: client addresses are preserved: none of 24 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses.',
    ]);
    expect(says('evidence-agrees')).toEqual(['pass: The evidence agrees: that client addresses are preserved.']);
    expect(says('control-shows-client-address')).toEqual(controlsShowUs);
    expect(says('every-node-answered')).toEqual(bothNodesAnswer);
    expect(repliesThroughBalancer).toBeGreaterThan(0);
  });

  it('preserves the client with Direct Server Return, and no reply crosses it', async () => {
    const { answers, says, repliesThroughBalancer } = await evaluate({
      forwarding: 'direct-server-return',
      vipOnLoopback: ['EX1', 'EX2'],
      mode: 'dsr',
      mailSessions: 48,
    });
    expect(answers['source-ip-visible']).toBe('yes');
    expect(says('probe-shows-client-address')).toEqual([
      'pass: EX1: through the VIP it sees our own address 203.0.113.10, none of the 1 declared load-balancer addresses.',
      'pass: EX2: through the VIP it sees our own address 203.0.113.10, none of the 1 declared load-balancer addresses.',
    ]);
    expect(says('log-shows-client-addresses')).toEqual([
      'pass: EX1: client addresses are preserved: none of 24 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses.',
      'pass: EX2: client addresses are preserved: none of 24 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses.',
    ]);
    expect(says('log-shows-vip-as-local')).toEqual([
      'pass: 48 of 48 mail sessions have the VIP as local address, as with Direct Server Return.',
    ]);
    expect(says('evidence-agrees')).toEqual(['pass: The evidence agrees: that client addresses are preserved.']);
    expect(says('vip-path-answers')).toEqual(['pass: 192.0.2.25:25 answers.']);
    expect(says('control-shows-client-address')).toEqual(controlsShowUs);
    expect(says('every-node-answered')).toEqual(bothNodesAnswer);
    expect(repliesThroughBalancer).toBe(0);
  });

  it('is no when one of two nodes hides its clients, whatever the other shows', async () => {
    const { answers, says } = await evaluate({
      forwarding: 'source-nat-to-EX2',
      mode: 'transparent',
      mailSessions: 48,
    });
    expect(answers['source-ip-visible']).toBe('no');
    expect(says('probe-shows-client-address')).toEqual([
      'pass: EX1: through the VIP it sees our own address 203.0.113.10, none of the 1 declared load-balancer addresses.',
      'fail: EX2: the load balancer hides the client: through the VIP it sees 192.0.2.5, not us.',
    ]);
    expect(says('log-shows-client-addresses')).toEqual([
      'pass: EX1: client addresses are preserved: none of 24 mail sessions from 2 addresses comes from any of the 1 declared load-balancer addresses.',
      'fail: EX2: the load balancer hides the clients: 24 of 24 mail sessions (100 %) come from its address.',
    ]);
  });

  it('is undetermined when the probe reaches one of two nodes only', async () => {
    const { answers, says } = await evaluate({ forwarding: 'transparent-to-EX1', mode: 'transparent' });
    expect(answers['source-ip-visible']).toBe('undetermined');
    expect(says('probe-shows-client-address')).toEqual([
      'pass: EX1: through the VIP it sees our own address 203.0.113.10, none of the 1 declared load-balancer addresses.',
      'unknown: Could not look: proof by the live probe of the node: not enough to go by (the probe did not reach EX2 through 192.0.2.25:25, only EX1: what one node shows says nothing about another).',
    ]);
  });

  it('proves nothing with Direct Server Return when no node has the VIP', async () => {
    const { answers, says } = await evaluate({ forwarding: 'direct-server-return', mode: 'dsr' });
    expect(answers).toMatchObject({ 'source-ip-visible': 'undetermined', 'dsr-ready': 'no' });
    expect(says('probe-shows-client-address')).toEqual([
      'unknown: Could not look: proof by the live probe of the node: no answer in time (192.0.2.25:25: no connection within 8 s).',
      'unknown: Could not look: proof by the live probe of the node: no answer in time (192.0.2.25:25: no connection within 8 s).',
    ]);
    expect(says('vip-path-answers')).toEqual([
      'fail: 192.0.2.25:25 does not answer, while the nodes answer directly: Direct Server Return is half set up (the VIP is not accepted, or replies are dropped on the way back).',
    ]);
    expect(says('control-shows-client-address')).toEqual(controlsShowUs);
  });

  it('is found out when one of the nodes has no VIP', async () => {
    const { answers, says } = await evaluate({
      forwarding: 'direct-server-return',
      vipOnLoopback: ['EX1'],
      mode: 'dsr',
    });
    expect(answers['dsr-ready']).toBe('no');
    expect(says('vip-path-answers')).toEqual([
      'fail: 192.0.2.25:25 answers some connections only, while the nodes answer directly: Direct Server Return is half set up (the VIP is not accepted, or replies are dropped on the way back).',
    ]);
    expect(says('every-node-answered')).toEqual([
      'pass: EX1 answered through the VIP.',
      expect.stringMatching(/^fail: EX2 did not answer through the VIP in \d tr/),
    ]);
    expect(says('control-shows-client-address')).toEqual(controlsShowUs);
  });

  it('is not judged where port 25 is blocked on the way', async () => {
    const { answers, says } = await evaluate({
      forwarding: 'direct-server-return',
      vipOnLoopback: ['EX1', 'EX2'],
      smtpBlocked: true,
      mode: 'dsr',
    });
    expect(answers).toMatchObject({ 'source-ip-visible': 'undetermined', 'dsr-ready': 'undetermined' });
    expect(says('probe-shows-client-address')).toEqual([
      'unknown: Could not look: proof by the live probe of the node: no answer in time (192.0.2.25:25: no connection within 8 s).',
      'unknown: Could not look: proof by the live probe of the node: no answer in time (192.0.2.25:25: no connection within 8 s).',
    ]);
    expect(says('vip-path-answers')).toEqual([
      'unknown: Could not look: path through the VIP: not reachable (neither a VIP nor a node answered on its port from here; port 25 may be blocked).',
    ]);
    expect(says('control-shows-client-address')).toEqual([
      'unknown: Could not look: direct connection to the node: no answer in time (192.0.2.11:25: no connection within 8 s).',
      'unknown: Could not look: direct connection to the node: no answer in time (192.0.2.12:25: no connection within 8 s).',
    ]);
  });
});
