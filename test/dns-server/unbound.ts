import { type Daemon, startDaemon } from './daemon.ts';

export interface UnboundOptions {
  /** Zone → `host:port` of a server that is asked for it. Everything else is answered with NXDOMAIN or SERVFAIL, never from the network. */
  zones: Readonly<Record<string, string>>;
  /** DS records of zones that must be signed; an unsigned one is bogus then. */
  trustAnchors?: readonly string[];
}

/**
 * Starts Unbound, a real validating resolver.
 * @param program from `findProgram('unbound', …)`
 */
export function startUnbound(program: string, options: UnboundOptions): Promise<Daemon> {
  const stubs = Object.entries(options.zones).map(
    ([zone, address]) => `stub-zone:\n  name: "${zone}"\n  stub-addr: ${address.replace(':', '@')}\n`,
  );
  const anchors = (options.trustAnchors ?? []).map((anchor) => `  trust-anchor: "${anchor}"\n`);
  const configuration = `server:
  interface: 127.0.0.1
  port: $port
  username: ""
  chroot: ""
  directory: "$folder"
  pidfile: "$folder/unbound.pid"
  use-syslog: no
  verbosity: 0
  num-threads: 1
  do-not-query-localhost: no
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  module-config: "validator iterator"
  local-zone: "test." static
  qname-minimisation: no
${anchors.join('')}remote-control:
  control-enable: no
${stubs.join('')}`;
  return startDaemon(program, ['-d', '-c', '$folder/unbound.conf'], { 'unbound.conf': configuration });
}
