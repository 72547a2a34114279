import { parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import { isLoadBalancer, vipPorts } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import type { RemoteCount } from './summary.ts';

/** What is known so far of one session. Its rows may lie in two files, and the files with two workers. */
export interface Session {
  /** Connector and session id: an id alone may recur on another server. */
  readonly key: string;
  connector: string;
  local: string;
  remote: string;
  /** ISO 8601 of its newest row that was looked at. */
  newest: string;
  /** EHLO or HELO name, as said last. */
  greeting: string;
  connected: boolean;
  ended: boolean;
  mail: boolean;
  /** Said AUTH: rights that are granted afterwards are those of an account. */
  signedIn: boolean;
  /** Was granted SMTPAcceptAnyRecipient before that. */
  anyRecipient: boolean;
  /** Managed Availability: Exchange talking to itself. */
  health: boolean;
}

/** Sessions of one remote address, in a group. */
interface Tally {
  remoteIp: string;
  sessions: number;
  mailSessions: number;
  anyRecipientSessions: number;
}

/** Tallies of one connector and one local address, by remote address. */
interface Group {
  readonly connector: string;
  readonly localIp: string;
  readonly byRemote: Map<string, Tally>;
  /** ISO 8601 of the newest row of its sessions. */
  newest: string;
}

/** A local endpoint, and whether it is at a port of the service. */
interface Local {
  readonly address: string;
  readonly port: number | undefined;
  readonly counts: boolean;
}

/** What a worker hands over: plain data. */
export interface SessionCounts {
  readonly open: readonly Session[];
  readonly groups: readonly { connector: string; localIp: string; newest: string; tallies: readonly Tally[] }[];
  readonly greetings: readonly (readonly [string, readonly string[]])[];
  readonly otherPorts: readonly (readonly [number, number])[];
}

/** Memory stays flat: beyond these counts it is counted together, or given up. The load balancer is never among those. */
const mostOpen = 200_000;
const mostTallies = 60_000;
const mostGreetings = 16;
const mostBalancerGreetings = 1000;
const mostRemembered = 20_000;
const mostOtherPorts = 20;

/** The sum of all addresses beyond the number that is kept apart. */
export const otherAddresses = 'other addresses';

/** Puts rows together to sessions, and finished sessions into counts. */
export class SessionTable {
  readonly #service: SmtpService;
  readonly #ports: ReadonlySet<number>;
  readonly #open = new Map<string, Session>();
  /** By connector and local address; then by remote address. */
  readonly #groups = new Map<string, Group>();
  #lastGroup: Group | undefined;
  #tallyCount = 0;
  readonly #greetings = new Map<string, Set<string>>();
  /** Endpoints and addresses recur; looking at each once is what makes a session cheap. */
  readonly #locals = new Map<string, Local>();
  readonly #balancers = new Map<string, boolean>();
  readonly #otherPorts = new Map<number, number>();

  constructor(service: SmtpService) {
    this.#service = service;
    this.#ports = new Set(vipPorts(service));
  }

  /** The session of a row. */
  session(key: string, connector: string): Session {
    let session = this.#open.get(key);
    if (session === undefined) {
      session = {
        key,
        connector,
        local: '',
        remote: '',
        newest: '',
        greeting: '',
        connected: false,
        ended: false,
        mail: false,
        signedIn: false,
        anyRecipient: false,
        health: false,
      };
      this.#open.set(key, session);
      if (this.#open.size > mostOpen) this.#giveUpOldest();
    }
    return session;
  }

  /** Counts a session of which beginning and end were seen; one without its beginning waits for an earlier file. */
  close(session: Session): void {
    if (!session.connected) return;
    this.#open.delete(session.key);
    this.#count(session);
  }

  /** Counts what is still open: its beginning or end is in no file. */
  finish(): void {
    for (const session of this.#open.values()) this.#count(session);
    this.#open.clear();
  }

  get counts(): SessionCounts {
    return {
      open: [...this.#open.values()],
      groups: [...this.#groups.values()].map(({ byRemote, ...group }) => ({
        ...group,
        tallies: [...byRemote.values()],
      })),
      greetings: [...this.#greetings].map(([address, names]) => [address, [...names]] as const),
      otherPorts: [...this.#otherPorts],
    };
  }

  /** Takes over what a worker counted in the files after ours. */
  merge(later: SessionCounts): void {
    for (const session of later.open) {
      const ours = this.#open.get(session.key);
      if (ours === undefined) {
        this.#open.set(session.key, session);
        continue;
      }
      ours.local ||= session.local;
      ours.remote ||= session.remote;
      ours.greeting = session.greeting || ours.greeting;
      if (session.newest > ours.newest) ours.newest = session.newest;
      ours.connected ||= session.connected;
      ours.ended ||= session.ended;
      ours.mail ||= session.mail;
      ours.anyRecipient ||= session.anyRecipient && !ours.signedIn;
      ours.signedIn ||= session.signedIn;
      ours.health ||= session.health;
      if (ours.connected && ours.ended) this.close(ours);
    }
    for (const { connector, localIp, newest, tallies } of later.groups) {
      for (const { remoteIp, ...sums } of tallies) {
        const tally = this.#tally(connector, localIp, remoteIp);
        tally.sessions += sums.sessions;
        tally.mailSessions += sums.mailSessions;
        tally.anyRecipientSessions += sums.anyRecipientSessions;
      }
      const group = this.#group(connector, localIp);
      if (newest > group.newest) group.newest = newest;
    }
    for (const [port, sessions] of later.otherPorts) this.#atOtherPort(port, sessions);
    for (const [address, names] of later.greetings) for (const name of names) this.#greet(address, name);
  }

  get remotes(): RemoteCount[] {
    return [...this.#groups.values()].flatMap(({ connector, localIp, newest, byRemote }) =>
      [...byRemote.values()].map(({ remoteIp, sessions, mailSessions, anyRecipientSessions }) => ({
        connector,
        remoteIp,
        localIps: [localIp],
        sessions,
        mailSessions,
        probeSessions: sessions - mailSessions,
        ehloNames: this.#greetings.get(remoteIp)?.size ?? 0,
        anyRecipientSessions,
        ...(newest === '' ? {} : { newest }),
      })),
    );
  }

  /** Sessions on ports that are none of the service's. */
  get otherPorts(): { port: number; sessions: number }[] {
    return [...this.#otherPorts].map(([port, sessions]) => ({ port, sessions })).sort((a, b) => a.port - b.port);
  }

  #count(session: Session): void {
    if (session.health || session.remote === '') return;
    const local = this.#local(session.local);
    if (!local.counts) {
      if (local.port !== undefined) this.#atOtherPort(local.port, 1);
      return;
    }
    const remoteIp = plainRemote(session.remote);
    if (remoteIp.startsWith('127.') || remoteIp === '::1') return;
    const tally = this.#tally(session.connector, local.address, remoteIp);
    const group = this.#group(session.connector, local.address);
    if (session.newest > group.newest) group.newest = session.newest;
    tally.sessions++;
    if (session.mail) tally.mailSessions++;
    if (session.anyRecipient) tally.anyRecipientSessions++;
    if (session.mail && session.greeting !== '') this.#greet(tally.remoteIp, session.greeting);
  }

  #atOtherPort(port: number, sessions: number): void {
    const before = this.#otherPorts.get(port);
    if (before !== undefined || this.#otherPorts.size < mostOtherPorts) {
      this.#otherPorts.set(port, (before ?? 0) + sessions);
    }
  }

  #tally(connector: string, localIp: string, remoteIp: string): Tally {
    const { byRemote } = this.#group(connector, localIp);
    let tally = byRemote.get(remoteIp);
    if (tally === undefined) {
      if (this.#tallyCount >= mostTallies && remoteIp !== otherAddresses && !this.#isBalancer(remoteIp)) {
        return this.#tally(connector, localIp, otherAddresses);
      }
      tally = { remoteIp, sessions: 0, mailSessions: 0, anyRecipientSessions: 0 };
      byRemote.set(remoteIp, tally);
      this.#tallyCount++;
    }
    return tally;
  }

  /** Most sessions are of the connector and local address of the one before. */
  #group(connector: string, localIp: string): Group {
    const last = this.#lastGroup;
    if (last !== undefined && last.connector === connector && last.localIp === localIp) return last;
    const key = `${connector}|${localIp}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { connector, localIp, byRemote: new Map(), newest: '' };
      this.#groups.set(key, group);
    }
    this.#lastGroup = group;
    return group;
  }

  #greet(address: string, name: string): void {
    let names = this.#greetings.get(address);
    if (names === undefined) {
      names = new Set();
      this.#greetings.set(address, names);
    }
    if (names.size < mostGreetings || (names.size < mostBalancerGreetings && this.#isBalancer(address))) {
      names.add(name);
    }
  }

  #local(endpoint: string): Local {
    let local = this.#locals.get(endpoint);
    if (local === undefined) {
      const parsed = parseEndpoint(endpoint);
      const port = parsed?.port;
      local = { address: parsed?.address ?? '', port, counts: port !== undefined && this.#ports.has(port) };
      if (this.#locals.size >= mostRemembered) this.#locals.clear();
      this.#locals.set(endpoint, local);
    }
    return local;
  }

  #isBalancer(address: string): boolean {
    let is = this.#balancers.get(address);
    if (is === undefined) {
      is = isLoadBalancer(this.#service, address);
      if (this.#balancers.size >= mostRemembered) this.#balancers.clear();
      this.#balancers.set(address, is);
    }
    return is;
  }

  /** A log in which sessions never end must not fill the memory. */
  #giveUpOldest(): void {
    const [oldest] = this.#open.values();
    if (oldest === undefined) return;
    this.#open.delete(oldest.key);
    this.#count(oldest);
  }
}

/** `192.0.2.5:41822` → `192.0.2.5`; what is not that plain goes the thorough way. */
function plainRemote(endpoint: string): string {
  const colon = endpoint.lastIndexOf(':');
  return endpoint.includes('[') || colon === -1 || endpoint.indexOf(':') !== colon
    ? (parseEndpoint(endpoint)?.address ?? plainAddress(endpoint))
    : endpoint.slice(0, colon);
}
