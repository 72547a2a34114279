import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AddressRefused, addressScope, createAddressGuard } from '../../src/http/address-guard.ts';

const scopes: [string, string][] = [
  ['8.8.8.8', 'public'],
  ['192.0.2.25', 'public'],
  ['2001:db8::25', 'public'],
  ['2606:4700::1', 'public'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['192.168.1.1', 'private'],
  ['fd12::1', 'private'],
  ['127.0.0.1', 'loopback'],
  ['127.9.9.9', 'loopback'],
  ['::1', 'loopback'],
  ['169.254.1.1', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['169.254.169.254', 'platform'],
  ['168.63.129.16', 'platform'],
  ['fd00:ec2::254', 'platform'],
  ['::ffff:168.63.129.16', 'platform'],
  ['64:ff9b::a83f:8110', 'platform'],
  ['2002:a83f:8110::1', 'platform'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::127.0.0.1', 'loopback'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['2002:0a00:0001::', 'private'],
  ['64:ff9b::8.8.8.8', 'public'],
  ['0.0.0.0', 'reserved'],
  ['::', 'reserved'],
  ['100.64.0.1', 'reserved'],
  ['224.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['2001:0:1::1', 'reserved'],
  ['2003:c0::1', 'public'],
  ['2a01:4f8::1', 'public'],
  ['2410::1', 'public'],
  ['2620:1ec::1', 'public'],
  ['2003:4000::1', 'reserved'],
  ['2620:200::1', 'reserved'],
  ['2d00::1', 'reserved'],
  ['3000::1', 'reserved'],
  ['3fff::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['64:ff9b:1::a00:1', 'reserved'],
];

describe('addressScope', () => {
  it.each(scopes)('%s is %s', (address, scope) => {
    expect(addressScope(address)).toBe(scope);
  });
});

describe('createAddressGuard', () => {
  const strict = createAddressGuard({ allowPrivate: false });
  const inside = createAddressGuard({ allowPrivate: true });

  it('says why an address is refused, and what would admit it', () => {
    expect(strict.check('10.0.0.1')).toBe(
      '10.0.0.1 is a private address, and such addresses are probed only where private addresses are allowed',
    );
    expect(inside.check('169.254.169.254')).toBe(
      '169.254.169.254 is an address of the platform (instance metadata or the Azure host), and those are never probed',
    );
    expect(strict.check('nonsense')).toBe('"nonsense" is no IP address');
  });

  it('admits public addresses always, private and loopback ones only when told to', () => {
    for (const [address, scope] of scopes) {
      expect(strict.check(address) === undefined, address).toBe(scope === 'public');
      expect(inside.check(address) === undefined, address).toBe(['public', 'private', 'loopback'].includes(scope));
    }
  });

  it('admits an IPv4 address inside an IPv6 one exactly when it admits the address itself', () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        expect(strict.check(`::ffff:${v4}`) === undefined).toBe(strict.check(v4) === undefined);
        expect(strict.check(`64:ff9b::${v4}`) === undefined).toBe(strict.check(v4) === undefined);
      }),
    );
  });

  it('checks literals before a connection, in brackets too', () => {
    expect(() => strict.admit('[::1]')).toThrow(AddressRefused);
    expect(() => strict.admit('mail.contoso.com')).not.toThrow();
  });

  it('rejects at connect time, also when the name answered well before', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const answers = [['192.0.2.1'], ['127.0.0.1', '10.0.0.1']];
    const guard = createAddressGuard({ allowPrivate: false, addressesOf: async () => answers.shift() ?? [] });
    await new Promise<void>((resolve) =>
      guard.lookup('rebinding.contoso.com', {}, (error) => {
        expect(error).toBeNull();
        resolve();
      }),
    );
    const socket = connect({ host: 'rebinding.contoso.com', port, lookup: guard.lookup });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error).toBeInstanceOf(AddressRefused);
    expect(error.message).toContain('rebinding.contoso.com is not connected to: 127.0.0.1 is a loopback address');
    server.close();
    expect(connections).toBe(0);
  });

  it('connects to the admitted addresses of a name that has others too', async () => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const guard = createAddressGuard({ allowPrivate: true, addressesOf: async () => ['169.254.169.254', '127.0.0.1'] });
    const socket = connect({ host: 'two.contoso.com', port, lookup: guard.lookup });
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
    server.close();
  });
});
