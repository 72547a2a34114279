import { type Daemon, startDaemon } from './daemon.ts';

/**
 * Starts NSD, a real authoritative server, with the given zones.
 * @param program from `findProgram('nsd', …)`
 * @param zones zone name → master file; relative names are relative to the zone
 */
export function startNsd(program: string, zones: Readonly<Record<string, string>>): Promise<Daemon> {
  const entries = Object.entries(zones);
  const files = Object.fromEntries(entries.map(([, text], index) => [`${index}.zone`, text]));
  return startDaemon(program, ['-d', '-c', '$folder/nsd.conf'], {
    ...files,
    'nsd.conf': configuration(entries.map(([name]) => name)),
  });
}

// Rate limiting is on by default in Debian's build and would drop the bench's queries.
function configuration(zones: readonly string[]): string {
  return `server:
  ip-address: 127.0.0.1
  port: $port
  username: ""
  chroot: ""
  zonesdir: "$folder"
  database: ""
  pidfile: "$folder/nsd.pid"
  xfrdfile: "$folder/xfrd.state"
  zonelistfile: "$folder/zone.list"
  xfrdir: "$folder"
  cookie-secret-file: ""
  server-count: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
${zones.map((name, index) => `zone:\n  name: "${name}"\n  zonefile: "$folder/${index}.zone"\n`).join('')}`;
}

/** The head of a master file: the zone's own records. */
export function zoneHead(zone: string): string {
  return `$ORIGIN ${zone}.
$TTL 3600
@ IN SOA ns1 hostmaster 1 3600 600 86400 300
@ IN NS ns1
ns1 IN A 127.0.0.1
`;
}
