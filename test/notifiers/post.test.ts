import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttp } from '../../src/http/client.ts';
import { createNotifier } from '../../src/notifiers/index.ts';
import { payloadSchema } from '../../src/notifiers/teams-workflow/payload.ts';
import { agentTo, type Loopback, selfSigned, startLoopback } from './loopback.ts';
import { failingDomains, notice } from './notices.ts';

const host = 'default0123.12.environment.api.powerplatform.com';
const target =
  "/powerautomate/automations/direct/workflows/0a/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a-b_c%2B%2f~'()*!,;:@.$=&x=/../%7e";
const given = notice({ subjects: failingDomains(1) });

describe('what goes over the wire', () => {
  let certificate: { key: string; cert: string };
  let server: Loopback;

  beforeAll(async () => {
    certificate = selfSigned(host);
    server = await startLoopback((_request, response) => void response.writeHead(202).end(), certificate);
  });
  afterAll(() => server.close());

  it.each([`${host}:443`, host])('is the address byte for byte, to https://%s', async (authority) => {
    const http = createHttp({ dispatcher: agentTo(server.port, certificate.cert) });
    const notifier = createNotifier({ kind: 'teams-workflow', url: `https://${authority}${target}` }, { http });
    const delivery = await notifier.send(given, AbortSignal.timeout(10_000));
    http.close();
    expect(delivery.outcome).toBe('delivered');
    const arrived = server.arrived.at(-1);
    expect(arrived?.target).toBe(target);
    expect(arrived?.host).toBe(authority);
    expect(payloadSchema.safeParse(JSON.parse(arrived?.body ?? '')).success).toBe(true);
  });

  it('goes to nobody whose certificate is not trusted', async () => {
    const before = server.arrived.length;
    const http = createHttp({ dispatcher: agentTo(server.port) });
    const notifier = createNotifier({ kind: 'teams-workflow', url: `https://${host}${target}` }, { http });
    const delivery = await notifier.send(given, AbortSignal.timeout(10_000));
    http.close();
    expect(delivery).toMatchObject({
      outcome: 'retry',
      detail: expect.stringMatching(
        /^https:\/\/default0123\.12\.environment\.api\.powerplatform\.com\/…#[0-9a-f]{8} cannot be reached \([A-Z_]*CERT[A-Z_]*\)/,
      ),
    });
    expect(server.arrived).toHaveLength(before);
  });

  it('says that the signature is missing when the flow says so', async () => {
    const refusing = await startLoopback((_request, response) => {
      response.writeHead(401).end('{"error":{"code":"DirectApiAuthorizationRequired","message":"x"}}');
    });
    const url = `http://127.0.0.1:${refusing.port}/workflows/0a/triggers/manual/paths/invoke?api-version=1`;
    const delivery = await createNotifier({ kind: 'teams-workflow', url }, { allowLocal: true }).send(
      given,
      AbortSignal.timeout(10_000),
    );
    await refusing.close();
    expect(delivery).toMatchObject({
      outcome: 'rejected',
      detail: expect.stringContaining(
        'the signature is missing. The address was cut off (in a shell, quote it: it holds "&")',
      ),
    });
  });
});
