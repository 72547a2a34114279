import type { AddressInfo } from 'node:net';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Submitted {
  readonly secure: boolean;
  readonly recipients: readonly string[];
  readonly mail: Email;
}

/** A real submission server on loopback that notes what it takes from who signs in so. */
export async function startSubmissionServer(
  tls: { readonly key: string; readonly cert: string },
  { user, password }: { readonly user: string; readonly password: string },
  options: SMTPServerOptions = {},
) {
  const submitted: Submitted[] = [];
  const server = new SMTPServer({
    ...tls,
    logger: false,
    onAuth: (auth, _session, done) =>
      auth.username === user && auth.password === password
        ? done(null, { user })
        : done(new Error(`Invalid user ${auth.username} with ${auth.password}`)),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const mail = await PostalMime.parse(Buffer.concat(chunks));
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        submitted.push({ secure: session.secure, recipients, mail });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    submitted,
    port: (server.server.address() as AddressInfo).port,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
