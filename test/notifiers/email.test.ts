import PostalMime from 'postal-mime';
import type { SMTPServerOptions } from 'smtp-server';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { channelNotifiers } from '../../src/app/ports.ts';
import { loadConfig } from '../../src/config.ts';
import { organizationDocument } from '../../src/domain/organization.ts';
import { createRoots } from '../../src/http/roots.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { type FakeCloud, startFakeCloud } from '../tenant/fake-cloud.ts';
import { fakeTenant } from '../tenant/fake-tenant.ts';
import { selfSigned } from './certificate.ts';
import { failingDomains, finding, notice, ofSubject, transition } from './notices.ts';
import { type Submitted, startSubmissionServer } from './submission-server.ts';

const [user, password] = ['fieldcheck@contoso.com', 'a p@ss:word/of our own'];
const from = user;
const to = ['mail-team@contoso.com', 'oncall@fabrikam.com'];
const signal = () => AbortSignal.timeout(10_000);

let tls: ReturnType<typeof selfSigned>;
const closing: (() => Promise<void>)[] = [];
beforeAll(() => {
  tls = selfSigned('localhost');
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function submissionServer(options: SMTPServerOptions = {}) {
  const server = await startSubmissionServer(tls, { user, password }, options);
  closing.push(server.close);
  return server;
}

const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
const notifierTo = (url: string, ca: string = tls.cert) =>
  createNotifier({ kind: 'email', url, from, to }, { allowLocal: true, roots: createRoots([ca]), timeLimitMs: 5_000 });

const given = notice({
  subjects: [
    ofSubject(
      'contoso.com',
      transition('opened', 'contoso.com', finding({ supportCase: 'Asked 192.0.2.53.\n  NXDOMAIN <script>' })),
    ),
  ],
});

describe('a mail by SMTP submission', () => {
  it.each([
    ['STARTTLS', {}, 'smtp'],
    ['TLS from the first byte', { secure: true }, 'smtps'],
  ])('goes over %s, signed in, with text and HTML', async (_, options, scheme) => {
    const { submitted, port } = await submissionServer(options);
    const delivery = await notifierTo(`${scheme}://${credentials}@localhost:${port}`).send(given, signal());
    expect(delivery).toEqual({ outcome: 'delivered', detail: `localhost:${port} took the mail for 2 of 2.` });
    const [{ secure, recipients, mail } = {} as Submitted] = submitted;
    expect({ secure, recipients }).toEqual({ secure: true, recipients: to });
    expect(mail.subject).toBe('Contoso: 1 new problem in DKIM for contoso.com');
    expect(mail.from?.address).toBe(from);
    expect(mail.text).toContain('Microsoft publishes no key at its target');
    expect(mail.text).toContain(
      'Text for the support case about contoso.com:\n\nAsked 192.0.2.53.\n  NXDOMAIN <script>',
    );
    expect(mail.html).toContain('Microsoft publishes no key at its target');
    expect(mail.html).toContain('NXDOMAIN &lt;script&gt;');
    expect(mail.html).not.toContain('<script');
    const header = (name: string) => mail.headers.find(({ key }) => key === name)?.value;
    expect(header('auto-submitted')).toBe('auto-generated');
  });

  it('makes one conversation of all mails about an incident, and one Message-ID of a repetition', async () => {
    const { submitted, port } = await submissionServer();
    const notifier = notifierTo(`smtp://${credentials}@localhost:${port}`);
    const over = notice({
      runId: 'contoso.dkim.2026-11-25T06-00',
      subjects: [ofSubject('contoso.com', transition('resolved', 'contoso.com', finding({ verdict: 'pass' })))],
    });
    const other = notice({
      subjects: [ofSubject('fabrikam.com', transition('opened', 'fabrikam.com', finding()))],
    });
    for (const one of [given, given, over, other]) await notifier.send(one, signal());
    const [first, again, resolved, foreign] = submitted.map(({ mail }) => mail);
    expect(first?.references).toMatch(/^<incident\.[0-9a-f]{16}@contoso\.com>$/);
    expect(first?.inReplyTo).toBe(first?.references);
    expect(again?.messageId).toBe(first?.messageId);
    expect(resolved?.messageId).not.toBe(first?.messageId);
    expect(resolved?.references).toBe(first?.references);
    expect(foreign?.references).not.toBe(first?.references);
  });

  it('sends nothing where TLS is not offered, unless the address admits that', async () => {
    const { submitted, port } = await submissionServer({ disabledCommands: ['STARTTLS'], authOptional: true });
    const refused = await notifierTo(`smtp://${credentials}@localhost:${port}`).send(given, signal());
    expect(refused).toEqual({
      outcome: 'rejected',
      detail: `localhost:${port} does not offer STARTTLS, so nothing was sent. Use another port (587) or server; a relay inside your network that needs no password can be used with ?tls=if-offered.`,
    });
    expect(submitted).toEqual([]);
    const relayed = await notifierTo(`smtp://localhost:${port}?tls=if-offered`).send(given, signal());
    expect(relayed.outcome).toBe('delivered');
  });

  it('sends nothing to a server whose certificate is not trusted', async () => {
    const { submitted, port } = await submissionServer();
    const delivery = await notifierTo(`smtp://${credentials}@localhost:${port}`, selfSigned('localhost').cert).send(
      given,
      signal(),
    );
    expect(delivery).toMatchObject({
      outcome: 'retry',
      detail: expect.stringMatching(
        /^the certificate of localhost:\d+ is not trusted \([A-Z_]+\), so nothing was sent/,
      ),
    });
    expect(submitted).toEqual([]);
  });

  it('says what to do where user name and password are refused, and shows neither', async () => {
    const { port } = await submissionServer();
    const wrong = `${encodeURIComponent(user)}:${encodeURIComponent('another secret')}`;
    const delivery = await notifierTo(`smtp://${wrong}@localhost:${port}`).send(given, signal());
    expect(delivery).toMatchObject({
      outcome: 'rejected',
      detail: expect.stringMatching(/answered 535.*: it refuses user name and password\. Check both in the setting/),
    });
    expect(delivery.detail).not.toMatch(/another secret|YW5vdGhlc/);
    expect(delivery.detail).not.toContain(user);
  });

  it('names recipients that were refused, and tries again what is refused for now', async () => {
    const refuse = (responseCode: number, whom: RegExp): SMTPServerOptions => ({
      onRcptTo: ({ address }, _session, done) =>
        whom.test(address) ? done(Object.assign(new Error('no'), { responseCode })) : done(),
    });
    const send = async (options: SMTPServerOptions) =>
      notifierTo(`smtp://${credentials}@localhost:${(await submissionServer(options)).port}`).send(given, signal());
    expect(await send(refuse(550, /oncall/))).toMatchObject({
      outcome: 'delivered',
      detail: expect.stringMatching(
        /took the mail for 1 of 2\. It refused oncall@fabrikam\.com: check these addresses\.$/,
      ),
    });
    expect(await send(refuse(550, /./))).toMatchObject({
      outcome: 'rejected',
      detail: expect.stringMatching(/answered 550: it refuses the sender or every recipient\. Check "from"/),
    });
    expect(await send(refuse(451, /./))).toMatchObject({
      outcome: 'retry',
      detail: expect.stringContaining('answered 451: not now; it is tried again.'),
    });
    expect(
      await send({ onConnect: (_session, done) => done(Object.assign(new Error('x'), { responseCode: 421 })) }),
    ).toMatchObject({
      outcome: 'retry',
    });
  });

  it('gives up on a server that says nothing, and on one that is not there', async () => {
    const { port } = await submissionServer({ onConnect: () => {} });
    const silent = createNotifier(
      { kind: 'email', url: `smtp://localhost:${port}`, from, to },
      { allowLocal: true, timeLimitMs: 300 },
    );
    expect((await silent.send(given, signal())).detail).toContain('did not take the mail within 0.3 s');
    const gone = await notifierTo('smtp://localhost:1').send(given, signal());
    expect(gone).toMatchObject({
      outcome: 'retry',
      detail: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
    });
    const guarded = createNotifier({ kind: 'email', url: 'smtp://127.0.0.1:25', from, to });
    expect(await guarded.send(given, signal())).toMatchObject({
      outcome: 'rejected',
      detail: expect.stringContaining('is a loopback address'),
    });
  });

  it.each([
    ['https://contoso.com', 'The address is none of an SMTP server'],
    ['smtp://user@mail.contoso.com', 'has a user without a password'],
    ['smtp://user:100%@mail.contoso.com', 'are not percent-encoded'],
    ['smtp://user:pass@mail.contoso.com?tls=if-offered', 'the password could be read on the way'],
    ['smtp://mail.contoso.com?tls=no', 'another "tls" than if-offered'],
  ])('refuses %s with a sentence that does not show it', (url, sentence) => {
    const make = () => createNotifier({ kind: 'email', url, from, to });
    expect(make).toThrow(sentence);
    expect(make).not.toThrow(url);
  });

  it('names twenty domains and more in a readable mail', async () => {
    const { submitted, port } = await submissionServer();
    const many = notice({ subjects: failingDomains(25, { supportCase: 'Asked 192.0.2.53.' }) });
    await notifierTo(`smtp://${credentials}@localhost:${port}`).send(many, signal());
    const [{ mail } = {} as Submitted] = submitted;
    for (const { subject } of many.subjects) expect(mail.html).toContain(subject);
    for (const { subject } of many.subjects) expect(mail.text).toContain(subject);
  });
});

describe('a mail through Microsoft Graph', () => {
  const tenantId = '11111111-2222-3333-4444-555555555555';
  let cloud: FakeCloud;
  beforeAll(async () => {
    cloud = await startFakeCloud();
    return () => cloud.close();
  });

  const document = organizationDocument.parse({
    id: 'contoso',
    tenant: { id: tenantId },
    channels: { mails: { kind: 'email', from, to } },
  });
  const notifier = () =>
    channelNotifiers(
      loadConfig({
        FIELDCHECK_CLIENT_ID: cloud.application.clientId,
        FIELDCHECK_CLIENT_SECRET: cloud.application.secret,
        FIELDCHECK_ENDPOINT_GRAPH: cloud.endpoints.graph,
        FIELDCHECK_ENDPOINT_LOGIN: cloud.endpoints.login,
      }),
      {},
      { ca: [cloud.ca] },
    )(document, 'mails');

  it('goes as MIME from the one mailbox that the role admits', async () => {
    const tenant = { ...fakeTenant(tenantId), mailboxes: { [from]: true } };
    cloud.tenants.set(tenantId, tenant);
    expect(await notifier().send(given, signal())).toEqual({
      outcome: 'delivered',
      detail: 'Microsoft Graph answered 202.',
    });
    const [mime = ''] = (tenant as { sent?: string[] }).sent ?? [];
    const mail = await PostalMime.parse(mime);
    expect(mail.subject).toBe('Contoso: 1 new problem in DKIM for contoso.com');
    expect(mail.to?.map(({ address }) => address)).toEqual(to);
    expect(mail.messageId).toMatch(/^<notice\.[0-9a-f]{12}\.[0-9a-f]{16}@contoso\.com>$/);
    expect(mail.references).toMatch(/^<incident\./);
  });

  it.each([
    [
      { [from]: false },
      /answered 403: the application [0-9-]+ may not send as fieldcheck@contoso\.com \(ErrorAccessDenied\)\. Set the role "Application Mail\.Send"/,
    ],
    [
      {},
      /answered 404: there is no mailbox fieldcheck@contoso\.com in this tenant \(ErrorInvalidUser\)\. Check "from"/,
    ],
  ])('says what is missing where it may not: %j', async (mailboxes, sentence) => {
    cloud.tenants.set(tenantId, { ...fakeTenant(tenantId), mailboxes });
    expect(await notifier().send(given, signal())).toMatchObject({
      outcome: 'rejected',
      detail: expect.stringMatching(sentence),
    });
  });

  it('signs in anew when its token has expired, and waits where it is throttled', async () => {
    cloud.tenants.set(tenantId, { ...fakeTenant(tenantId), mailboxes: { [from]: true } });
    const one = notifier();
    await one.send(given, signal());
    cloud.expireTokens();
    expect((await one.send(given, signal())).outcome).toBe('delivered');
    cloud.graph.reply({ status: 429, headers: { 'retry-after': '30' } });
    expect(await one.send(given, signal())).toMatchObject({ outcome: 'retry', afterSeconds: 30 });
  });

  it('waits for a sign-in that is refused, and says so', async () => {
    cloud.tenants.delete(tenantId);
    expect(await notifier().send(given, signal())).toMatchObject({
      outcome: 'retry',
      detail: expect.stringMatching(/tenant.*; it is tried again\.$/i),
    });
  });

  it('is refused where nobody signs in', () => {
    const nobody = () => channelNotifiers(loadConfig({}), {})(document, 'mails');
    expect(nobody).toThrow('Nobody signs in to Microsoft Graph here: configure the identity of the app');
  });
});
