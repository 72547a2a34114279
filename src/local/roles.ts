// `npm start -- --sign-in`: people to be, so that roles can be tried by hand.
import { createServer } from 'node:net';
import { called } from '../cli/shell.ts';
import { type FakeIssuer, type Person, startFakeIssuer } from './fake-issuer.ts';

const id = (digit: number) => `${String(digit).repeat(8)}-0000-0000-0000-000000000000`;

const ada: Person = { id: id(1), name: 'Ada', roles: ['Administrator'] };

/** What each of them is, for whom it is read. */
const people: readonly { readonly person: Person; readonly role?: 'operator' | 'reader'; readonly says: string }[] = [
  { person: ada, says: 'administrator' },
  { person: { id: id(2), name: 'Otto', roles: ['Member'] }, role: 'operator', says: 'operator of Contoso' },
  { person: { id: id(3), name: 'Rita', roles: ['Member'] }, role: 'reader', says: 'reader of Contoso' },
  { person: { id: id(4), name: 'Mia', roles: ['Member'] }, says: 'of no organization' },
  { person: { id: id(5), name: 'Nora', roles: [] }, says: 'let in by nobody' },
];

export interface Roles {
  readonly settings: Readonly<Record<string, string>>;
  /** `Authorization` of the administrator: what the demo itself does. */
  headers(): Promise<Record<string, string>>;
  /** Gives the people their roles. @param organization address of the organization */
  give(organization: string): Promise<void>;
  /** What to try. @param url where the app is opened in a browser */
  whatToTry(url: string): string;
  close(): Promise<void>;
}

/** @param publicUrl of this machine by its name: browsers keep such cookies for it, and not for every number */
export async function startRoles(publicUrl: string): Promise<Roles> {
  const issuer: FakeIssuer = await startFakeIssuer(people.map(({ person }) => person));
  const headers = async () => ({ authorization: `Bearer ${await issuer.token('access', ada)}` });
  return {
    settings: {
      FIELDCHECK_LOCAL_ACCESS: 'false',
      FIELDCHECK_SIGN_IN_CLIENT_ID: issuer.clientId,
      FIELDCHECK_TENANT_ID: issuer.tenantId,
      FIELDCHECK_ENDPOINT_LOGIN: issuer.url,
      FIELDCHECK_PUBLIC_URL: publicUrl,
    },
    headers,
    async give(organization) {
      for (const { person, role } of people) {
        if (role === undefined) continue;
        const answered = await fetch(`${organization}/access/user/${person.id}`, {
          method: 'PUT',
          headers: { ...(await headers()), 'content-type': 'application/json' },
          body: JSON.stringify({ role, name: person.name }),
        });
        if (!answered.ok) throw new Error(`${person.name} could not be given a role: ${await answered.text()}`);
      }
    },
    whatToTry: (url) =>
      [
        '\nSign in, as',
        ...people.map(({ person, says }) => `  ${person.name.padEnd(25)}${says}`),
        `  at                       ${url}/api/sign-in`,
        `  and out at               ${url}/api/sign-out`,
        `  a key                    ${called} keys add contoso EX1 --role reader`,
        `  with it                  curl -H "Authorization: Bearer fck_…" ${url}/api/organizations`,
      ].join('\n'),
    close: () => issuer.close(),
  };
}

/** The first port from `wanted` on that is free; 0 finds any. */
export async function freePort(wanted: number): Promise<number> {
  for (let port = wanted; port <= Math.min(wanted + 50, 65_535); port += 1) {
    const server = createServer();
    const found = await new Promise<number | undefined>((resolve) => {
      server.once('error', () => resolve(undefined));
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
      });
    });
    if (found !== undefined) return found;
  }
  // The host says which ports are taken.
  return wanted;
}
