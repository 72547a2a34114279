import { describe, expect, it } from 'vitest';
import { Unobtainable } from '../../../../src/domain/fact-set.ts';
import {
  exchangeOnlineEwsOf,
  exchangeOnlineHybridOf,
  recipientOf,
} from '../../../../src/sources/bindings/teams-exchange-interop/exchange-online.ts';

describe('Exchange Online', () => {
  it('reads the hybrid configuration, one element in place of a list included', () => {
    expect(
      exchangeOnlineHybridOf({
        connectors: [
          { Name: 'IOC', Enabled: 'True', TargetAddressDomains: 'Contoso.com', DiscoveryEndpoint: 'https://a/' },
        ],
        organizations: [{ Name: 'O', HybridDomains: ['contoso.com'], OrganizationGuid: null }],
        relationships: [{ TargetSharingEpr: '' }],
        endpoints: [{ RemoteServer: 'x.resource.mailboxmigration.his.msappproxy.net' }],
      }),
    ).toEqual({
      connectors: [{ name: 'IOC', enabled: true, domains: ['contoso.com'], discoveryEndpoint: 'https://a/' }],
      onPremisesOrganizations: [{ name: 'O', domains: ['contoso.com'] }],
      sharingEndpoints: ['x.resource.mailboxmigration.his.msappproxy.net'],
    });
  });

  it('keeps "not set" apart from "off"', () => {
    expect(exchangeOnlineEwsOf([{ EwsEnabled: null }])).toEqual({ allowedAppIds: [], allowList: [], blockList: [] });
    expect(exchangeOnlineEwsOf([{ EwsEnabled: false, EwsAllowedAppIDs: 'a,b' }])).toMatchObject({
      enabled: false,
      allowedAppIds: ['a', 'b'],
    });
    expect(() => exchangeOnlineEwsOf([])).toThrow(Unobtainable);
  });

  it('tells mail users, mailboxes and strangers apart', () => {
    const guid = {
      ExternalEmailAddress: 'SMTP:adele@mail.contoso.com',
      ExchangeGuid: 'b0000000-0000-0000-0000-000000000001',
    };
    expect(recipientOf('adele@contoso.com', [guid], [])).toEqual({
      user: 'adele@contoso.com',
      kind: 'mail-user',
      externalAddress: 'adele@mail.contoso.com',
      hasExchangeGuid: true,
    });
    const zero = { ExchangeGuid: '00000000-0000-0000-0000-000000000000' };
    expect(recipientOf('a@contoso.com', [zero], []).hasExchangeGuid).toBe(false);
    expect(recipientOf('a@contoso.com', [], [{}]).kind).toBe('mailbox');
    expect(recipientOf('a@contoso.com', [], []).kind).toBe('not-found');
  });
});
