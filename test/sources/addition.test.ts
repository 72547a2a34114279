import { describe, expect, it } from 'vitest';
import { known, Unobtainable, type UnobtainableReason } from '../../src/domain/fact-set.ts';
import type { Source } from '../../src/domain/source.ts';
import { additionOf } from '../../src/sources/addition.ts';
import { context, domain } from '../tenant/looking.ts';
import { refusal } from '../tenant/refusal.ts';

const incidents = (gather: Source<'exchange-online-incidents'>['gather'], limitMs = 1000) =>
  additionOf({ fact: 'exchange-online-incidents', limitMs, gather });

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
