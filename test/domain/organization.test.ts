import { describe, expect, it } from 'vitest';
import {
  InvalidDocument,
  type OrganizationDocument,
  organizationDocumentOf,
  parseDocument,
} from '../../src/domain/organization.ts';
import { clusterEvaluation, rule } from './cluster.ts';

const always = (id: string) =>
  rule({ id, title: id, severity: 'low', blocks: [], needs: [], judge: () => ({ verdict: 'pass', message: 'Yes.' }) });

const document = organizationDocumentOf([clusterEvaluation([always('cluster/first'), always('cluster/second')])]);

const parsed = (value: unknown): OrganizationDocument => parseDocument('organization document', document, value);

const contoso = {
  $schema: 'https://fieldcheck.example/organization.schema.json',
  id: 'contoso',
  name: 'Contoso',
  tenant: { id: '11111111-2222-3333-4444-555555555555', cloud: 'worldwide' },
  channels: { 'mail-team': { kind: 'teams-workflow', url: 'secret:MAIL_TEAM_WEBHOOK' } },
  evaluations: {
    cluster: {
      schedule: '0 0 6 * * *',
      channels: ['mail-team'],
      clusters: [{ id: 'mail', nodes: ['EX1', 'EX2'] }],
      rules: { 'cluster/first': { severity: 'low' } },
    },
  },
};

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

const cluster = (change: object) => ({ evaluations: { cluster: { ...contoso.evaluations.cluster, ...change } } });

it('a document is taken, with what an evaluation adds of its own', () => {
  expect(parsed(contoso)).toEqual({ ...contoso, retentionDays: 400 });
});

it('every key but the id has a default', () => {
  expect(parsed({ id: 'contoso' })).toEqual({ id: 'contoso', channels: {}, retentionDays: 400, evaluations: {} });
  expect(parsed({ id: 'contoso', evaluations: { cluster: {} } }).evaluations.cluster).toEqual({
    schedule: '0 0 6 * * *',
    channels: [],
    clusters: [],
    rules: {},
  });
});

/** A channel `other` beside the one that is used. */
const channel = (other: object, more: object = {}) => ({ channels: { ...contoso.channels, other, ...more } });

describe('faults name the path, and how to mend them', () => {
  it.each([
    ['no id', { id: undefined }, /^id: /],
    [
      'an id that is none',
      { id: 'Contoso Ltd' },
      'id: is no organization id; use up to 63 lower-case letters, digits and hyphens',
    ],
    ['an unknown key', { chanels: {} }, /chanels/],
    ['an unknown key deep inside', cluster({ nodes: [] }), /^evaluations\.cluster: .*nodes/],
    ['an evaluation that nobody knows', { evaluations: { tide: {} } }, /^evaluations: .*tide/],
    [
      'a schedule of five fields',
      cluster({ schedule: '0 6 * * *' }),
      'evaluations.cluster.schedule: is no schedule; write six fields (second minute hour day month weekday, UTC), e.g. "0 0 6 * * *"',
    ],
    [
      'a channel that is not there',
      cluster({ channels: ['mail-team', 'ops'] }),
      'evaluations.cluster.channels[1]: names the channel "ops", which "channels" does not have',
    ],
    [
      'a rule that there is not',
      cluster({ rules: { 'tide/high': { severity: 'low' } } }),
      'evaluations.cluster.rules.tide/high: is no rule; the rules are cluster/first, cluster/second',
    ],
    ['a severity that is none', cluster({ rules: { 'cluster/first': { severity: 'warning' } } }), /severity/],
    ['a rule setting that is none', cluster({ rules: { 'cluster/first': { age: 1 } } }), /cluster\/first: .*age/],
    [
      'a channel address that is none',
      { channels: { 'mail-team': { url: 'mail-team' } } },
      'channels.mail-team.url: is neither secret:NAME (NAME of the setting that holds the address) nor an http(s) address',
    ],
    [
      'a mail that nobody gets',
      channel({ kind: 'email', from: 'fieldcheck@contoso.com' }),
      'channels.other.to: is missing: the addresses that get the mails',
    ],
    [
      'a property of another kind of channel',
      channel({ kind: 'teams-workflow', url: 'secret:A', signWith: 'secret:B' }),
      'channels.other.signWith: is for channels of kind webhook only',
    ],
    [
      'an address of another kind of channel',
      channel({ kind: 'webhook', url: 'smtp://mail.contoso.com' }),
      'channels.other.url: is an address of another kind of channel; smtp(s) is for email, http(s) for all others',
    ],
    [
      'a fallback that there is not',
      channel({ url: 'secret:A', fallback: 'ops' }),
      'channels.other.fallback: names the channel "ops", which "channels" does not have',
    ],
    [
      'a fallback on itself',
      channel({ url: 'secret:A', fallback: 'other' }),
      'channels.other.fallback: is the channel itself; name another one',
    ],
    [
      'a fallback that can be told nothing',
      channel({ url: 'secret:A', fallback: 'alive' }, { alive: { kind: 'ping', url: 'secret:B' } }),
      'channels.other.fallback: is a ping, which can be told nothing; name another channel',
    ],
    [
      'a route for an evaluation that there is not',
      channel({ url: 'secret:A', when: { evaluations: ['tide'] } }),
      'channels.other.when.evaluations[0]: is no evaluation; there are cluster',
    ],
    ['a route by an owner that is none', channel({ url: 'secret:A', when: { owners: ['me'] } }), /when\.owners\[0\]/],
  ])('%s', (_, change, line) => {
    const [first, ...more] = faults(change);
    expect(more).toEqual([]);
    if (typeof line === 'string') expect(first).toBe(line);
    else expect(first).toMatch(line);
  });

  it('all at once', () => {
    expect(faults({ id: 'Contoso', ...cluster({ clusters: [{}], schedule: 'daily' }) })).toHaveLength(3);
  });

  it('never shows the address of a channel', () => {
    const url = 'ftp://prod-00.westeurope.logic.example/workflows/abc?sig=very-secret';
    expect(faults({ channels: { 'mail-team': { url } } }).join()).not.toContain('very-secret');
  });
});
