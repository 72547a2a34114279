import { describe, expect, it } from 'vitest';
import { InvalidDocument, type OrganizationDocument, parseDocument } from '../../src/domain/organization.ts';
import { evaluations } from '../../src/evaluations/index.ts';

const contoso = {
  $schema: 'https://fieldcheck.example/organization.schema.json',
  id: 'contoso',
  name: 'Contoso',
  tenant: { id: '11111111-2222-3333-4444-555555555555', cloud: 'worldwide' },
  channels: { 'mail-team': { kind: 'teams-workflow', url: 'secret:MAIL_TEAM_WEBHOOK' } },
  evaluations: {
    dkim: {
      schedule: '0 0 6 * * *',
      channels: ['mail-team'],
      domains: ['Contoso.com'],
      ignore: ['*.exclaimer.cloud'],
      selectors: ['selector1', 'selector2'],
      rules: { 'dkim/rotation-on-schedule': { severity: 'low', maxAgeDays: 365 } },
    },
    'teams-exchange-interop': {
      sampleUsers: ['adele@contoso.com'],
      hosts: ['mail.contoso.com'],
      intents: ['delegates', 'presence', 'voicemail', 'compliance', 'rich-coexistence'],
      declared: [
        {
          statement: 'firewall-admits-microsoft',
          value: true,
          by: 'Network team',
          at: '2026-11-01',
          expires: '2027-05-01',
        },
      ],
    },
    'smtp-source-ip': {
      services: [
        {
          id: 'smtp-in',
          mode: 'dsr',
          vips: ['192.0.2.25:25', '[2001:db8::25]:25'],
          loadBalancerAddresses: ['192.0.2.5', '2001:db8::/64'],
          nodes: [{ name: 'EX1', address: '192.0.2.11' }],
          relayClients: ['203.0.113.0/24'],
          lanAlias: 'LAN',
          loopbackAlias: 'Loopback',
        },
      ],
    },
  },
};

const parsed = (value: unknown): OrganizationDocument =>
  parseDocument('organization document', evaluations.document, value);

/** The faults a person reads, one line each. */
function faults(change: object): readonly string[] {
  try {
    parsed({ ...contoso, ...change });
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidDocument);
    return (error as InvalidDocument).issues;
  }
  return expect.fail('was taken');
}

const dkim = (change: object) => ({ evaluations: { dkim: { ...contoso.evaluations.dkim, ...change } } });
const service = (change: object) => ({
  evaluations: {
    'smtp-source-ip': { services: [{ ...contoso.evaluations['smtp-source-ip'].services[0], ...change }] },
  },
});

it('the documented document is taken, domains in their one spelling', () => {
  expect(parsed(contoso).evaluations.dkim?.domains).toEqual(['contoso.com']);
});

it('every key but the id has a default', () => {
  expect(parsed({ id: 'contoso' })).toMatchObject({ id: 'contoso', channels: {}, evaluations: {} });
  expect(parsed({ id: 'contoso', evaluations: { dkim: {} } }).evaluations.dkim).toEqual({
    schedule: '0 0 6 * * *',
    channels: [],
    ignore: [],
    selectors: ['selector1', 'selector2'],
    rules: {},
  });
});

describe('faults name the path, and how to mend them', () => {
  it.each([
    ['an unknown key deep inside', dkim({ domain: [] }), /^evaluations\.dkim: .*domain/],
    [
      'a domain that is none',
      dkim({ domains: ['contoso.com', 'contoso'] }),
      'evaluations.dkim.domains[1]: "contoso" has one label only; a mail domain has two at least, e.g. contoso.com',
    ],
    ['a selector that is none', dkim({ selectors: ['s 1'] }), 'evaluations.dkim.selectors[0]: is no selector name'],
    [
      'a rule of another evaluation',
      dkim({ rules: { 'smtp-source-ip/facts-fresh': { severity: 'low' } } }),
      `evaluations.dkim.rules.smtp-source-ip/facts-fresh: is no rule; the rules are ${evaluations
        .of('dkim')
        .rules.map(({ id }) => id)
        .join(', ')}`,
    ],
    [
      'a VIP without port',
      service({ vips: ['192.0.2.25'] }),
      'evaluations.smtp-source-ip.services[0].vips[0]: is no VIP; write address:port, e.g. 192.0.2.25:25 or [2001:db8::25]:25',
    ],
    [
      'an address that is none',
      service({ loadBalancerAddresses: ['192.0.2.300'] }),
      'evaluations.smtp-source-ip.services[0].loadBalancerAddresses[0]: is no IP address and no CIDR range; write e.g. 192.0.2.5 or 192.0.2.0/24',
    ],
  ])('%s', (_, change, line) => {
    const [first, ...more] = faults(change);
    expect(more).toEqual([]);
    if (typeof line === 'string') expect(first).toBe(line);
    else expect(first).toMatch(line);
  });
});
