import { wantedGrant } from '../app/access/grants.ts';
import { newKey, wantedKey } from '../app/access/keys.ts';
import { Problem } from '../app/problem.ts';
import { auditEntry, grant, granteeKind, organizationKey } from '../domain/access.ts';
import { answer, type Door, door, inPath, json, listOf, pageOf, paging } from './door.ts';

const key = 'organizations/{organization}/keys/{key}';
const grantee = 'organizations/{organization}/access/{kind}/{id}';
const ofAudit = paging(1_000);
const ofKey = inPath('key', 'Id of a key: what stands between `fck_` and the next `_`.', '0aB1cD2eF3');
const ofGrantee = [
  { in: 'path' as const, name: 'kind', description: 'What is given the role.', schema: granteeKind },
  inPath('id', 'Its object id in Entra ID; of an application that of its service principal.'),
];

/** Who may do what, and who did what. */
export const accessDoors: readonly Door[] = [
  door('listKeys', 'GET', 'organizations/{organization}/keys', {
    title: 'Keys of an organization, those that count no more included',
    needs: 'keys',
    answers: { 200: answer('By name; never what they are.', listOf('OrganizationKey', organizationKey)) },
    async handle(app, { params: { organization }, may }) {
      const keys = await app.keys(organization);
      const all = await may('administer', organization);
      return { jsonBody: keys.filter(({ role }) => all || role === 'collector') };
    },
  }),
  door('addKey', 'POST', 'organizations/{organization}/keys', {
    title: 'Make a key of an organization: for a collector, or a program that reads or operates',
    needs: 'keys',
    body: { content: json('WantedKey', wantedKey), limit: 10_000 },
    answers: {
      201: answer(
        '`key` is shown this once; two of a name count, so that one can follow the other.',
        json('NewKey', newKey),
      ),
    },
    problems: [400, 409, 413],
    async handle(app, { params: { organization }, may, json: body }) {
      const given = await body();
      // What is no key at all is told by the App.
      await mayHandle(wantedKey.safeParse(given).data?.role ?? 'collector', organization, may);
      return { status: 201, jsonBody: await app.addKey(organization, given) };
    },
  }),
  door('endKey', 'DELETE', key, {
    title: 'End a key',
    needs: 'keys',
    parameters: [ofKey],
    answers: {
      200: answer(
        'It counts no more; where it was used lately, within a minute.',
        json('OrganizationKey', organizationKey),
      ),
    },
    async handle(app, { params: { organization, key: id }, may }) {
      await mayHandle((await app.key(organization, id)).value.role, organization, may);
      return { jsonBody: await app.endKey(organization, id) };
    },
  }),
  door('listAccess', 'GET', 'organizations/{organization}/access', {
    title: 'Who is given which role in an organization',
    needs: 'administer',
    answers: { 200: answer('Beside whoever has a role in all of them.', listOf('Access', grant)) },
    handle: async (app, { params }) => ({ jsonBody: await app.grants(params.organization) }),
  }),
  door('putAccess', 'PUT', grantee, {
    title: 'Give a user, a group or an application a role in an organization',
    needs: 'administer',
    parameters: ofGrantee,
    body: { content: json('WantedAccess', wantedGrant), limit: 10_000 },
    answers: { 200: answer('In the place of what it had there.', json('Access', grant)) },
    problems: [400, 413],
    handle: async (app, { params: { organization, kind, id }, json: body }) => ({
      jsonBody: await app.putGrant(organization, { kind, id }, await body()),
    }),
  }),
  door('deleteAccess', 'DELETE', grantee, {
    title: 'Take a role in an organization back',
    needs: 'administer',
    parameters: ofGrantee,
    answers: { 204: answer('Taken back; where it was used lately, within a minute.') },
    problems: [400],
    async handle(app, { params: { organization, kind, id } }) {
      await app.deleteGrant(organization, { kind, id });
      return { status: 204 };
    },
  }),
  door('organizationAudit', 'GET', 'organizations/{organization}/audit', {
    title: 'Who changed what in an organization, also in one that is deleted',
    needs: 'operate',
    parameters: ofAudit.parameters,
    answers: { 200: answer('Newest first.', pageOf('AuditEntry', auditEntry)) },
    problems: [400],
    async handle(app, request) {
      const { limit, continuation } = ofAudit.of(request);
      return { jsonBody: await app.audit(request.params.organization, limit, continuation) };
    },
  }),
  door('audit', 'GET', 'audit', {
    title: 'Who changed what in all organizations',
    needs: 'administer',
    parameters: ofAudit.parameters,
    answers: { 200: answer('Newest first.', pageOf('AuditEntry', auditEntry)) },
    problems: [400],
    async handle(app, request) {
      const { limit, continuation } = ofAudit.of(request);
      return { jsonBody: await app.audit(undefined, limit, continuation) };
    },
  }),
];

/** An operator handles keys that give less than he has. @throws Problem (403) */
async function mayHandle(
  role: string,
  organization: string,
  may: (need: 'administer', organization: string) => Promise<boolean>,
): Promise<void> {
  if (role === 'collector' || (await may('administer', organization))) return;
  throw new Problem(403, 'An operator makes and ends keys of collectors; the others are an administrator’s.');
}
