// Simulated Exchange servers of the interop bench, in a process of their own: their TLS costs as much as the client's.
import { createAuthority } from '../sources/https-probe/certificates.ts';
import { exchangeServer, type Handler, type Running, serveHttps } from '../sources/https-probe/simulated-exchange.ts';

export interface ServersReady {
  readonly domains: readonly string[];
  /** Host name → addresses. */
  readonly zone: Readonly<Record<string, readonly string[]>>;
  /** PEM. */
  readonly root: string;
  /** Port of Exchange Online and of the sign-in endpoint at 127.0.0.1. */
  readonly cloudPort: number;
}

const { domains: count, delayMs } = JSON.parse(process.argv[2] ?? '{}') as { domains: number; delayMs: number };
const tenantId = '11111111-2222-3333-4444-555555555555';
const authority = createAuthority('Bench');
const running: Running[] = [];
const zone: Record<string, string[]> = {};
const late =
  (handler: Handler): Handler =>
  (...all) =>
    setTimeout(() => handler(...all), delayMs);

const domains = Array.from({ length: count }, (_, index) => `d${index + 1}.contoso.com`);
for (const domain of domains) {
  const handler = late(exchangeServer({ ewsUrl: `https://mail.${domain}/EWS/Exchange.asmx` }));
  for (const host of [`autodiscover.${domain}`, `mail.${domain}`]) {
    const address = `127.0.8.${running.length + 1}`;
    zone[host] = [address];
    running.push(await serveHttps(address, authority.issue([host]), handler));
  }
}

const cloud = await serveHttps(
  '127.0.0.1',
  authority.issue(['127.0.0.1']),
  late((_, response, url) => {
    if (url.pathname.endsWith('/openid-configuration')) {
      response.end(JSON.stringify({ issuer: `https://sts.windows.net/${tenantId}/` }));
      return;
    }
    const domain = url.searchParams.get('Email')?.split('@')[1] ?? '';
    response.writeHead(302, { location: `https://autodiscover.${domain}/autodiscover/autodiscover.json` }).end();
  }),
  0,
);

process.on('message', () => {
  const twice = [...running, cloud].flatMap(({ requests }) =>
    requests.filter((one, at) => requests.indexOf(one) !== at),
  );
  for (const { requests } of [...running, cloud]) requests.length = 0;
  process.send?.({ twice });
});
process.send?.({ domains, zone, root: authority.root, cloudPort: cloud.port } satisfies ServersReady);
