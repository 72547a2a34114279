import { describe, expect, it } from 'vitest';
import { known, Unobtainable, type UnobtainableReason } from '../../src/domain/fact-set.ts';
import type { SourceOf } from '../../src/domain/source.ts';
import type { MailDomainFacts } from '../../src/facts/mail-domain/index.ts';
import type { MailDomain } from '../../src/facts/mail-domain/subject.ts';
import { optionalSource } from '../../src/sources/optional-source.ts';
import { context, domain } from '../tenant/looking.ts';
import { refusal } from '../tenant/refusal.ts';

type IncidentSource = SourceOf<MailDomainFacts, 'exchange-online-incidents', MailDomain>;

const incidents = (gather: IncidentSource['gather'], limitMs = 1000): IncidentSource =>
  optionalSource({ fact: 'exchange-online-incidents', limitMs, gather });

describe('a fact that adds to a sentence and decides nothing', () => {
  it('is passed on as it was found', async () => {
    const found = known({ incidents: [] }, 'Microsoft Graph', '2026-11-24T09:30:00.000Z');
    expect(await incidents(async () => found).gather(domain('contoso.com'), context)).toBe(found);
  });

  it.each<UnobtainableReason>(['denied', 'timeout', 'unreachable', 'malformed'])(
    'is not supplied when it is %s, in the same words',
    async (reason) => {
      const source = incidents(async () => {
        throw new Unobtainable(reason, 'Microsoft Graph answered 403');
      });
      expect(await refusal(source.gather(domain('contoso.com'), context))).toEqual({
        reason: 'not_supplied',
        says: 'Microsoft Graph answered 403',
      });
    },
  );

  it('is not waited for any longer than its own limit, which ends before the limit over all', async () => {
    const source = incidents((_, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Unobtainable('timeout', 'nobody answered in time')));
      });
    }, 1);
    expect(await refusal(source.gather(domain('contoso.com'), context))).toEqual({
      reason: 'not_supplied',
      says: 'nobody answered in time',
    });
    expect(source.limitMs).toBeGreaterThan(1);
  });

  it('leaves a fault of ours a fault', async () => {
    const source = incidents(async () => {
      throw new TypeError('not a function');
    });
    expect(await refusal(source.gather(domain('contoso.com'), context))).toEqual({
      reason: undefined,
      says: 'not a function',
    });
  });
});
