import { describe, expect, test } from 'vitest';
import {
  type ChannelWhen,
  type Receivers,
  receiversIn,
  routed,
  untakenOf,
  wantedOf,
  wantsDigest,
} from '../../src/domain/route.ts';
import { answer, finding, transition } from '../notifiers/notices.ts';

const ofMicrosoft = transition('opened', 'contoso.com', finding());
const ofDns = transition('opened', 'contoso.com', finding({ owner: 'customer-dns', severity: 'medium', target: 's2' }));
const dnsMended = transition(
  'resolved',
  'contoso.com',
  finding({ owner: 'customer-dns', severity: 'medium', target: 's2', verdict: 'pass' }),
);
const turned = transition('opened', 'contoso.com', answer('verifiable-now', 'yes', 'no'));
const unsure = transition('opened', 'contoso.com', answer('verifiable-now', 'yes', 'undetermined'));
const blind = transition('blind', '*', {
  type: 'watch',
  cause: 'tenant-unreadable',
  message: 'The tenant cannot be read.',
  remedy: 'Grant it.',
  subjects: [],
  count: 0,
  left: 0,
});
const added = transition('added', 'contoso.com', { type: 'subject', message: 'is watched now.' });
const all = [ofMicrosoft, ofDns, dnsMended, turned, unsure, blind, added];

describe('what a channel wants to hear', () => {
  test.each<[string, ChannelWhen, readonly unknown[]]>([
    ['everything by default', {}, all],
    ['what is at least as bad as', { severity: 'high' }, [ofMicrosoft, turned, unsure, blind, added]],
    [
      'what an owner has to mend, and its end',
      { owners: ['customer-dns'] },
      [ofDns, dnsMended, turned, unsure, blind, added],
    ],
    ['what nobody there mends', { owners: ['network'] }, [unsure, blind]],
    ['news of some kinds', { kinds: ['resolved', 'blind'] }, [dnsMended, blind]],
    ['both at once', { kinds: ['resolved'], owners: ['microsoft'] }, []],
    ['what one evaluation finds', { evaluations: ['dkim'] }, all],
    ['nothing of others', { evaluations: ['smtp-source-ip'] }, []],
  ])('%s', (_, when, wanted) => {
    expect(wantedOf(when, 'dkim', all)).toEqual(wanted);
  });

  test('the digest of the week, unless its kinds leave that out', () => {
    expect(wantsDigest({}, 'dkim')).toBe(true);
    expect(wantsDigest({ kinds: ['opened'] }, 'dkim')).toBe(false);
    expect(wantsDigest({ kinds: ['reminded'], evaluations: ['dkim'] }, 'dkim')).toBe(true);
    expect(wantsDigest({ evaluations: ['smtp-source-ip'] }, 'dkim')).toBe(false);
  });
});

describe('who hears of what', () => {
  const receivers = { tickets: { owners: ['microsoft' as const] }, dns: { owners: ['customer-dns' as const] } };

  test('each channel gets its own, and nothing goes nowhere', () => {
    const { told, nowhere } = routed(receivers, 'dkim', [ofMicrosoft, ofDns]);
    expect(told).toEqual([
      { channel: 'tickets', transitions: [ofMicrosoft] },
      { channel: 'dns', transitions: [ofDns] },
    ]);
    expect(nowhere).toBe(0);
  });

  test('what no route takes is counted', () => {
    const ofNetwork = transition('opened', 'contoso.com', finding({ owner: 'network' }));
    expect(routed(receivers, 'dkim', [ofNetwork, ofDns])).toEqual({
      told: [{ channel: 'dns', transitions: [ofDns] }],
      nowhere: 1,
    });
  });

  test('without channels nothing is meant to be told, and advice alone is told to nobody', () => {
    const advice = transition('opened', 'contoso.com', finding({ severity: 'low' }));
    expect(routed({}, 'dkim', all)).toEqual({ told: [], nowhere: 0 });
    expect(routed({ tickets: {} }, 'dkim', [advice])).toEqual({ told: [], nowhere: 0 });
  });

  test.each([
    [{ all: {} }, []],
    [
      { tickets: { owners: ['microsoft'] }, dns: { owners: ['customer-dns', 'dns-operator', 'tenant', 'network'] } },
      ['findings of on-premises servers'],
    ],
    [{ desk: { severity: 'high' } }, ['medium findings']],
    [
      { desk: { severity: 'critical' }, tickets: { owners: ['microsoft'] } },
      ['high findings of', 'medium findings of'],
    ],
    [{ desk: { kinds: ['opened'] } }, ['that a finding is over', 'that nobody can look']],
    [{ desk: { kinds: ['resolved', 'blind'] } }, ['findings that open']],
    [
      { desk: { evaluations: ['smtp-source-ip'] } },
      ['findings that open', 'that a finding is over', 'that nobody can look'],
    ],
  ] as const)('%o leave untaken what is said', (given, words) => {
    const untaken = untakenOf(given as Receivers, 'dkim');
    expect(untaken.map((text, index) => text.startsWith(words[index] ?? '-'))).toEqual(words.map(() => true));
  });

  test('a ping hears of no finding', () => {
    const document = {
      channels: { team: { kind: 'teams-workflow' }, alive: { kind: 'ping' } },
      evaluations: { dkim: { channels: ['team', 'alive'] } },
    };
    expect(receiversIn(document, 'dkim')).toEqual({ team: {} });
  });
});
