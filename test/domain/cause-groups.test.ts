import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { causeGroupsOf, causeOf } from '../../src/domain/cause-groups.ts';
import { eventsOf } from '../../src/domain/event.ts';
import { renderCard } from '../../src/notifiers/teams-workflow/card.ts';
import { failingDomains, finding, notice, ofSubject, transition } from '../notifiers/notices.ts';

const cases = new URL('../cases/', import.meta.url).pathname;

describe('a cause', () => {
  test('is rule, owner and what broke, whatever the names, times and numbers in the sentence', () => {
    const about = (name: string, message: string) => causeOf(transition('opened', name, finding({ message })));
    const sentence = (name: string) =>
      `The active selector selector1 of ${name} has no key: in Microsoft's DNS the name does not exist (selector1-${name.replaceAll('.', '-')}._domainkey.contoso.onmicrosoft.com).`;
    expect(about('shop.contoso.com', sentence('shop.contoso.com'))).toBe(
      about('a.fabrikam.com', sentence('a.fabrikam.com')),
    );
    expect(about('shop.contoso.com', 'It is revoked.')).not.toBe(about('shop.contoso.com', 'It is missing.'));
  });

  test('holds no name of its subject, in any golden case', () => {
    let looked = 0;
    for (const file of globSync('*/*/findings.json', { cwd: cases })) {
      const { run } = JSON.parse(readFileSync(`${cases}${file}`, 'utf8')) as {
        run?: { subject: string; findings: { verdict: string; rule: string; target?: string; message: string }[] };
      };
      for (const { verdict, rule, target, message } of run?.findings ?? []) {
        if (verdict !== 'fail' || run === undefined) continue;
        const { target: _target, ...of } = finding({ rule, message });
        const cause = causeOf(transition('opened', run.subject, target === undefined ? of : { ...of, target }));
        expect(cause.slice(rule.length)).not.toContain(run.subject.toLowerCase());
        looked += 1;
      }
    }
    expect(looked).toBeGreaterThan(100);
  });
});

describe('paragraphs', () => {
  test('one for each cause, the one that broke most first, all names in order', () => {
    const causes = causeGroupsOf(failingDomains(20));
    expect(causes.map(({ rule, owner, count, severity }) => [rule, owner, count, severity])).toEqual([
      ['dkim/active-key-published', 'microsoft', 16, 'critical'],
      ['dkim/active-cname-correct', 'customer-dns', 4, 'critical'],
    ]);
    expect(causes[1]?.affected.map(({ subject }) => subject.slice(0, 6))).toEqual([
      'd00005',
      'd00010',
      'd00015',
      'd00020',
    ]);
  });

  test('have one text for the support case of all of them', () => {
    const subjects = failingDomains(3, { supportCase: 'DKIM: no usable key.' });
    expect(causeGroupsOf(subjects)[0]?.supportCase).toBe(
      'DKIM: no usable key.\nThe same cause, 2 more:\nd00002.contoso.com selector1\nd00003.contoso.com selector1',
    );
    expect(causeGroupsOf(subjects.slice(0, 1))[0]?.supportCase).toBe('DKIM: no usable key.');
  });

  test('of what is the matter with watches as such name the organizations', () => {
    const subjects = [1, 2].map((no) => ({
      ...ofSubject(
        '*no-run',
        transition('blind', '*', {
          type: 'watch',
          cause: 'no-run',
          message: 'No run.',
          remedy: 'Look.',
          subjects: [],
          count: 1,
          left: 1,
        }),
      ),
      organization: { id: `o${no}`, name: `Organization ${no}` },
    }));
    const given = notice({ subjects, organizations: subjects.map(({ organization }) => organization) });
    expect(JSON.stringify(renderCard(given))).toContain('Organization 1, Organization 2');
  });

  test('over organizations name whose each is, in one card within 22 KB', () => {
    const organizations = Array.from({ length: 60 }, (_, index) => ({
      id: `o${index}`,
      name: `Organization ${index}`,
    }));
    const subjects = organizations.flatMap((organization) =>
      failingDomains(2).map((subject) => ({ ...subject, organization })),
    );
    const given = notice({ subjects, organizations });
    const text = JSON.stringify(renderCard(given));
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(22_000);
    expect(text).toContain('60 organizations: 120 new problems in DKIM');
    expect(text).toContain('Organization 0: d00001.contoso.com');
    expect(text).toContain('Organization 59: d00002.contoso.com');
  });
});

describe('events', () => {
  test('are one for each change, under the key of its incident, with an id that is equal when told again', () => {
    const subjects = [
      ofSubject('shop.contoso.com', transition('opened', 'shop.contoso.com', finding())),
      ofSubject('old.contoso.com', transition('steady', 'old.contoso.com', finding({ verdict: 'pass' }))),
    ];
    expect(eventsOf('dkim', subjects).map(({ id, type, key }) => ({ id, type, key }))).toEqual([
      {
        id: 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1@2026-11-24T09:30:00.000Z:opened',
        type: 'incident.opened',
        key: 'contoso/dkim/shop.contoso.com/dkim/active-key-published#selector1',
      },
      expect.objectContaining({ type: 'incident.resolved' }),
    ]);
    expect(eventsOf('dkim', subjects)).toEqual(eventsOf('dkim', [...subjects]));
  });

  test('of advice, of answers and of subjects that come and go there are none', () => {
    const subject = ofSubject(
      'shop.contoso.com',
      transition('opened', 'shop.contoso.com', finding({ severity: 'low' })),
      transition('added', 'shop.contoso.com', { type: 'subject', message: 'Watched from now on.' }),
    );
    expect(eventsOf('dkim', [subject])).toEqual([]);
  });
});
