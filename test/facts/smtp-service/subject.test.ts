import { describe, expect, it } from 'vitest';
import { smtpServiceDeclaration } from '../../../src/facts/smtp-service/subject.ts';

const declared = (...nodes: { name: string; address: string }[]) =>
  smtpServiceDeclaration.safeParse({ id: 'smtp-in', vips: ['192.0.2.25:25'], nodes });
const ex1 = { name: 'EX1', address: '192.0.2.11' };

describe('the nodes of a service', () => {
  it.each([
    [
      'one name twice',
      { name: 'ex1', address: '192.0.2.12' },
      'name',
      'ex1 stands there twice; every server is one node',
    ],
    [
      'one address twice',
      { name: 'EX2', address: '192.0.2.11' },
      'address',
      '192.0.2.11 is the address of EX1, too; every server has its own',
    ],
  ])('are refused: %s', (_, second, key, message) => {
    expect(declared(ex1, second).error?.issues).toMatchObject([{ path: ['nodes', 1, key], message }]);
  });

  it('may have one name in two domains', () => {
    expect(
      declared({ ...ex1, name: 'ex1.contoso.com' }, { name: 'ex1.fabrikam.com', address: '192.0.2.12' }).success,
    ).toBe(true);
  });
});
