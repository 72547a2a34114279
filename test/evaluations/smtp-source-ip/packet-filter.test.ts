import { expect, it } from 'vitest';
import { filterAt, redirectingChain } from '../../../src/evaluations/smtp-source-ip/packet-filter.ts';
import { linuxPacketFilter, linuxRedirects } from '../../../src/sources/bindings/smtp-source-ip/linux-section.ts';

// Rulesets as `nft -j list ruleset` prints them (libnftables-json(5)), by what tools of distributions write.

const [accept, drop] = [{ accept: null }, { drop: null }];
const is = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const port = (right: unknown) => is({ payload: { protocol: 'tcp', field: 'dport' } }, right);
const meta = (key: string, right: unknown, op?: string) => is({ meta: { key } }, right, op);
const state = (...states: string[]) => is({ ct: { key: 'state' } }, { set: states }, 'in');
const jump = (target: string) => ({ jump: { target } });

type Rule = readonly object[];

/** A ruleset with an input chain, and chains that it leads to. */
function outcome(policy: string, input: readonly Rule[], others: Record<string, readonly Rule[]> = {}, at = 25) {
  const chains = { input, ...others };
  const nftables = Object.entries(chains).flatMap(([name, rules]) => [
    {
      chain: {
        family: 'inet',
        table: 'filter',
        name,
        ...(name === 'input' ? { type: 'filter', hook: 'input', prio: 0, policy } : {}),
      },
    },
    ...rules.map((expr) => ({ rule: { family: 'inet', table: 'filter', chain: name, expr } })),
  ]);
  return filterAt(linuxPacketFilter({ nftables }), 'ipv4', at, 'eth0').outcome;
}

it.each<[string, string, readonly Rule[], Record<string, readonly Rule[]>, string]>([
  ['nothing but a policy', 'drop', [], {}, 'closed'],
  ['no rule that concerns it', 'accept', [[port(22), drop]], {}, 'open'],
  ['the port among others', 'drop', [[port({ set: [22, { range: [24, 26] }] }), accept]], {}, 'open'],
  ['a rule for answers only', 'drop', [[state('established', 'related'), accept]], {}, 'closed'],
  ['a rule for new connections, too', 'drop', [[state('established', 'new'), accept]], {}, 'open'],
  ['a rule for another interface', 'drop', [[meta('iifname', 'eth1'), port(25), accept]], {}, 'closed'],
  ['a rule for its own interface', 'drop', [[meta('iifname', 'eth0'), port(25), accept]], {}, 'open'],
  ['a rule for another protocol', 'accept', [[meta('l4proto', 'udp'), drop]], {}, 'open'],
  ['a rule that counts and logs', 'accept', [[{ counter: { packets: 0, bytes: 0 } }, { log: null }]], {}, 'open'],
  ['a jump that lets in', 'drop', [[jump('services')]], { services: [[port(25), accept]] }, 'open'],
  [
    'a jump that comes back',
    'drop',
    [[jump('services')], [port(25), accept]],
    { services: [[port(22), accept]] },
    'open',
  ],
  ['a jump that returns early', 'drop', [[jump('zone')]], { zone: [[{ return: null }], [port(25), accept]] }, 'closed'],
  [
    'a goto, behind which the policy decides',
    'drop',
    [[{ goto: { target: 'zone' } }], [accept]],
    { zone: [] },
    'closed',
  ],
  [
    'a jump for some that lets in',
    'drop',
    [[is({ payload: { protocol: 'ip', field: 'saddr' } }, '203.0.113.9'), jump('ok')]],
    { ok: [[accept]] },
    'some',
  ],
  [
    'a list of attackers',
    'accept',
    [[is({ payload: { protocol: 'ip', field: 'saddr' } }, '@bad'), { reject: null }]],
    {},
    'open',
  ],
  ['a map of verdicts', 'drop', [[{ vmap: { key: {}, data: {} } }]], {}, 'some'],
  ['an extension of iptables', 'drop', [[{ xt: { type: 'match', name: 'limit' } }, accept]], {}, 'some'],
  ['chains that lead to each other', 'drop', [[jump('a')]], { a: [[jump('a')]] }, 'not-told'],
])('%s', (_, policy, input, others, expected) => {
  expect(outcome(policy, input, others)).toBe(expected);
});

it('speaks of each port, and of chains of the right family only', () => {
  const rules = [[port(587), accept]];
  expect([outcome('drop', rules), outcome('drop', rules, {}, 587)]).toEqual(['closed', 'open']);
  const ofIp6 = linuxPacketFilter({
    nftables: [
      {
        chain: {
          family: 'ip6',
          table: 'filter',
          name: 'INPUT',
          type: 'filter',
          hook: 'input',
          prio: 0,
          policy: 'drop',
        },
      },
    ],
  });
  expect(filterAt(ofIp6, 'ipv4', 25, 'eth0').outcome).toBe('open');
  expect(filterAt(ofIp6, 'ipv6', 25, 'eth0')).toEqual({ outcome: 'closed', chain: 'ip6 filter INPUT' });
});

it.each([
  ['redirect', [{ redirect: null }], true],
  ['dnat of some ports', [port({ set: [25, 587] }), { dnat: { addr: '192.0.2.13' } }], true],
  ['REDIRECT of iptables', [{ xt: { type: 'target', name: 'REDIRECT' } }], true],
  ['redirect of another port', [port(80), { redirect: { port: 8080 } }], false],
  ['what is accepted', [{ accept: null }], false],
])('%s of connections to a VIP', (_, expr, isLed) => {
  const at = { family: 'ip', table: 'nat' };
  const to = is({ payload: { protocol: 'ip', field: 'daddr' } }, '192.0.2.25');
  const redirects = linuxRedirects({
    nftables: [
      { chain: { ...at, name: 'PREROUTING', type: 'nat', hook: 'prerouting' } },
      { rule: { ...at, chain: 'PREROUTING', expr: [to, ...expr] } },
    ],
  });
  expect(redirectingChain(redirects, '192.0.2.25:25')).toBe(isLed ? 'ip nat PREROUTING' : undefined);
  expect(redirectingChain(redirects, '192.0.2.26:25')).toBeUndefined();
});
