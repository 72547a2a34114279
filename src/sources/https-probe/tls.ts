import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { isIP } from 'node:net';
import { checkServerIdentity, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import type { HostTls } from '../../facts/exchange-organization/published.ts';
import type { AddressGuard } from '../../http/address-guard.ts';
import { unobtainable } from '../../http/anonymous-get.ts';
import type { Roots } from '../../http/roots.ts';

/**
 * A TLS handshake with port 443 of a host, looked at. Where all is well the connection comes along, for one request.
 *
 * The chain is judged without its dates, which belong to the time of the run and not of the machine: where OpenSSL only
 * objects to a date, the signatures are followed up to a root here.
 *
 * @throws Unobtainable when nothing answers at the port
 */
export async function inspectTls(
  host: string,
  options: {
    readonly guard: AddressGuard;
    readonly trust: Roots['published'];
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly tls: HostTls; readonly connection?: TLSSocket }> {
  const { guard, trust, timeoutMs } = options;
  guard.admit(host);
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([limit, options.signal]);
  const socket = connect({
    host,
    port: 443,
    // A server name is never an address (RFC 6066 section 3).
    servername: isIP(host) === 0 ? host : '',
    lookup: guard.lookup,
    secureContext: trust.secureContext,
    rejectUnauthorized: false,
  });
  // What comes after the one error that counts has no listener otherwise, and would end the process.
  socket.on('error', () => {});
  try {
    await once(socket, 'secureConnect', { signal });
    const tls = describe(host, socket, trust.pem);
    if (tls.trusted && tls.nameMatches)
      return { tls, connection: socket.setTimeout(timeoutMs, () => socket.destroy()) };
    socket.destroy();
    return { tls };
  } catch (error) {
    socket.destroy();
    if (isTlsError(error)) {
      return { tls: { host, outcome: 'no-tls', nameMatches: false, names: [], trusted: false, chain: [] } };
    }
    throw unobtainable(host, error, { limit, outer: options.signal, timeoutMs });
  }
}

function isTlsError(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && (code === 'EPROTO' || code.startsWith('ERR_SSL_'));
}

function describe(host: string, socket: TLSSocket, roots: readonly string[]): HostTls {
  const peer = socket.getPeerCertificate(true);
  const chain = withoutDetour(certificatesOf(peer), roots);
  const chainError = chainErrorOf(socket.authorizationError, chain, roots);
  const [leaf] = chain;
  return {
    host,
    outcome: 'handshake',
    protocol: socket.getProtocol() ?? 'unknown',
    nameMatches: leaf !== undefined && checkServerIdentity(host, peer) === undefined,
    names: leaf === undefined ? [] : namesOf(leaf),
    trusted: leaf !== undefined && chainError === undefined,
    ...(chainError === undefined ? {} : { chainError }),
    chain: chain.map((certificate) => ({
      subject: certificate.subject?.replaceAll('\n', ', ') ?? '',
      issuer: certificate.issuer?.replaceAll('\n', ', ') ?? '',
      validFrom: certificate.validFromDate.toISOString(),
      validTo: certificate.validToDate.toISOString(),
    })),
  };
}

/**
 * Without what is presented behind a certificate that a root we know has issued, unless it is that root: for old clients
 * many servers send their root once more, issued by an older one that may have expired. Nobody who knows the root goes there.
 */
function withoutDetour(chain: readonly X509Certificate[], roots: readonly string[]): readonly X509Certificate[] {
  const detour = chain.findIndex(({ issuer, subject }, index) => index > 1 && issuer !== subject);
  if (detour < 0) return chain;
  const known = roots.map((pem) => new X509Certificate(pem));
  const end = chain.findIndex((certificate) => known.some((root) => isIssuedBy(certificate, root)));
  const next = chain[end + 1];
  if (end < 0 || next === undefined || known.some(({ fingerprint256 }) => fingerprint256 === next.fingerprint256)) {
    return chain;
  }
  return chain.slice(0, end + 1);
}

/** The chain as it was presented, leaf first, each once: Node links a root to itself. */
function certificatesOf(peer: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = peer;
  while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

function namesOf(leaf: X509Certificate): string[] {
  const alternative = leaf.subjectAltName
    ?.split(', ')
    .flatMap((name) => (name.startsWith('DNS:') ? [name.slice(4)] : []));
  const common = /^CN=(.+)$/m.exec(leaf.subject ?? '')?.[1];
  return alternative !== undefined && alternative.length > 0 ? alternative : common === undefined ? [] : [common];
}

/** What OpenSSL objects to, its dates and the name left aside. */
function chainErrorOf(error: unknown, chain: readonly X509Certificate[], roots: readonly string[]): string | undefined {
  if (error === null || error === undefined) return undefined;
  const code = typeof error === 'string' ? error : ((error as { code?: string }).code ?? String(error));
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return undefined;
  if (code !== 'CERT_HAS_EXPIRED' && code !== 'CERT_NOT_YET_VALID') return code;
  return endsInRoot(chain, roots) ? undefined : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
}

function endsInRoot(chain: readonly X509Certificate[], roots: readonly string[]): boolean {
  const linked = chain.every((certificate, index) => {
    const issuer = chain[index + 1];
    return issuer === undefined || isIssuedBy(certificate, issuer);
  });
  const last = chain.at(-1);
  if (!linked || last === undefined) return false;
  return roots.some((pem) => {
    const root = new X509Certificate(pem);
    return root.fingerprint256 === last.fingerprint256 || isIssuedBy(last, root);
  });
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && issuer.ca && certificate.verify(issuer.publicKey);
}
