import { describe, expect, it } from 'vitest';
import { known, notKnown, Unobtainable } from '../../../../src/domain/fact-set.ts';
import {
  composeHybridOption,
  composeKnownBuilds,
  composeMailboxHomes,
} from '../../../../src/sources/bindings/teams-exchange-interop/compose.ts';

const nothing = notKnown('not_supplied', 'no credentials');
const at = '2026-11-24T09:00:00.000Z';

describe('facts that several worlds tell', () => {
  const build = (text: string) => ({ text, parts: text.split('.').map(Number) });
  const servers = known(
    {
      servers: [
        { name: 'EX1', fqdn: 'ex1.contoso.local', role: 'Mailbox', build: build('15.2.2562.53'), mailboxes: 12 },
        { name: 'EDGE', role: 'Edge' },
      ],
      externalHosts: [],
    },
    'collector',
    '2026-11-20T00:00:00.000Z',
  );
  const mail = known(
    { hops: [{ server: 'EX1.contoso.local', kind: 'mailbox' as const, build: build('15.2.2562.49') }] },
    'message',
    at,
  );
  const declarations = known(
    { statements: [{ statement: 'mailboxes-on-supported-version', value: true, by: 'Mail team', at: '2026-11-01' }] },
    'document',
    at,
  );
  const now = new Date(at);

  it('homes: collector before mail before declaration, else why not', () => {
    const of = (from: Partial<Parameters<typeof composeMailboxHomes>[0]>) =>
      composeMailboxHomes({ servers: nothing, mail: nothing, declarations: nothing, ...from }, now);
    expect(of({ servers, mail, declarations }).value).toEqual({
      basis: 'collector',
      servers: [{ server: 'EX1', build: build('15.2.2562.53'), mailboxes: 12 }],
    });
    expect(of({ mail, declarations }).value.basis).toBe('mail-headers');
    expect(of({ declarations }).value).toMatchObject({ basis: 'declared', declared: { value: true, by: 'Mail team' } });
    expect(() => of({ servers: notKnown('denied', 'exchange.servers: access is denied') })).toThrow(
      'exchange.servers: access is denied',
    );
  });

  it('builds: of one server under one name, as old as the oldest part', () => {
    const builds = composeKnownBuilds({ servers, mail, published: {} });
    expect(builds.observedAt).toBe('2026-11-20T00:00:00.000Z');
    expect(builds.value.builds.map(({ where, from, build: { text } }) => `${where} ${from} ${text}`)).toEqual([
      'EX1 collector 15.2.2562.53',
      'EX1 mail-headers 15.2.2562.49',
    ]);
    expect(() => composeKnownBuilds({ servers: nothing, mail: nothing, published: {} })).toThrow('no credentials');
  });

  it('the hybrid option: each proof on its own', () => {
    const all = { entraConnect: nothing, cloudSync: nothing, writeback: nothing, recipients: nothing };
    expect(() => composeHybridOption(all)).toThrow(Unobtainable);
    const off = known(
      { exchangeHybrid: true, rules: [{ name: 'Out to AD - User Exchange Hybrid', enabled: false }] },
      'collector',
      at,
    );
    expect(composeHybridOption({ ...all, entraConnect: off }).value.proofs).toEqual([
      {
        from: 'entra-connect',
        on: false,
        observed: 'Entra Connect: the rule "Out to AD - User Exchange Hybrid" is disabled',
      },
    ]);
    // Changing a rule means a copy under another name; the same name twice is of two forests.
    const ruled = (...rules: { name: string; enabled: boolean }[]) =>
      composeHybridOption({ ...all, entraConnect: known({ exchangeHybrid: true, rules }, 'collector', at) }).value
        .proofs;
    const standard = { name: 'Out to AD - User Exchange Hybrid', enabled: false };
    expect(ruled(standard, { name: 'Out to AD - User Exchange Hybrid - Contoso', enabled: true })).toEqual([
      { from: 'entra-connect', on: true, observed: 'Entra Connect: the option is on' },
    ]);
    expect(ruled(standard, { ...standard, enabled: true })).toMatchObject([{ on: false }]);
    // What was written back once stays in the directory when the option is switched off.
    const switchedOff = known({ exchangeHybrid: false, rules: [] }, 'collector', at);
    const writeback = known(
      { permissions: [], effect: [{ forest: 'contoso.local', sampled: 120, populated: 50, truncated: false }] },
      'collector',
      at,
    );
    expect(composeHybridOption({ ...all, entraConnect: switchedOff, writeback }).value.proofs).toEqual([
      { from: 'entra-connect', on: false, observed: 'Entra Connect: the option is off' },
    ]);
    expect(composeHybridOption({ ...all, writeback }).value.proofs).toMatchObject([
      { from: 'writeback-effect', on: true },
    ]);
    // A staging server exports nothing: its option is no proof, and no proof to the contrary.
    const staging = known({ exchangeHybrid: true, staging: true, rules: [] }, 'collector', at);
    expect(composeHybridOption({ ...all, entraConnect: staging }).value).toEqual({ proofs: [], staging: true });
    const recipients = known(
      { recipients: [{ user: 'a@contoso.com', kind: 'mail-user' as const, hasExchangeGuid: true }] },
      'EXO',
      at,
    );
    expect(composeHybridOption({ ...all, recipients }).value.proofs).toEqual([
      { from: 'exchange-guid', on: true, observed: 'ExchangeGuid is set for 1 of 1 mail users in Exchange Online' },
    ]);
  });
});
