// The embedded DNS server of the demo, the tests and the bench: knows everything in its zone, and answers the way a
// recursive resolver does, or as a zone's own server (`role`). UDP and TCP on one port, loopback by default.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  type StringRecordType,
  TRUNCATED_RESPONSE,
} from 'dns-packet';

/** Data of one record. A TXT record is the list of its character-strings, of up to 255 bytes each. */
export type ZoneRecord = { ttl?: number } & (
  | { type: 'TXT'; data: string[] }
  | { type: StringRecordType; data: string }
  | { type: 'MX'; data: { preference: number; exchange: string } }
  | { type: 'SRV'; data: { priority: number; weight: number; port: number; target: string } }
  | { type: 'SOA'; data: { mname: string; rname: string; serial: number; minimum: number } }
);

/**
 * What goes wrong at a name. `timeout`: silence. `malformed`: bytes that are no DNS message. `truncate`: over UDP only
 * the TC flag, whatever the size. `cname-loop`: two CNAMEs in a circle. `nxdomain-with-chain`: a CNAME whose target does
 * not exist.
 */
export type Behaviour =
  | 'servfail'
  | 'refused'
  | 'timeout'
  | 'malformed'
  | 'truncate'
  | 'cname-loop'
  | 'nxdomain-with-chain';

/** A name that exists; without records an empty non-terminal (NODATA, RFC 8020). */
export interface ZoneNode {
  records: ZoneRecord[];
  behaviour?: Behaviour;
}

export interface ZoneData {
  /** @param name in lower case, without trailing dot */
  lookup(name: string): ZoneNode | undefined;
}

export interface Zone extends ZoneData {
  /** Puts a name into the zone or replaces what was there; at once visible to a running server. */
  set(name: string, ...records: ZoneRecord[]): void;
  misbehave(name: string, behaviour: Behaviour, ...records: ZoneRecord[]): void;
  delete(name: string): void;
}

const empty: ZoneNode = { records: [] };

/** A zone in memory. Names above an existing name exist as well, without records. */
export function createZone(): Zone {
  const nodes = new Map<string, ZoneNode>();
  /** How many names lie beneath. */
  const beneath = new Map<string, number>();

  function put(name: string, node: ZoneNode): void {
    const key = canonical(name);
    if (!nodes.has(key)) countAbove(key, 1);
    nodes.set(key, node);
  }
  function countAbove(key: string, step: number): void {
    for (let dot = key.indexOf('.'); dot !== -1; dot = key.indexOf('.', dot + 1)) {
      const above = key.slice(dot + 1);
      beneath.set(above, (beneath.get(above) ?? 0) + step);
    }
  }

  return {
    lookup: (name) => nodes.get(name) ?? ((beneath.get(name) ?? 0) > 0 ? empty : undefined),
    set: (name, ...records) => put(name, { records }),
    misbehave: (name, behaviour, ...records) => put(name, { records, behaviour }),
    delete(name) {
      const key = canonical(name);
      if (nodes.delete(key)) countAbove(key, -1);
    },
  };
}

/**
 * As what a server speaks. `resolver` follows CNAMEs and calls nothing its own (RA); `authoritative` calls the zone its
 * own and follows no CNAME (AA); `both` is a server of an internal zone that also resolves for its clients (AA and RA).
 */
export type ServerRole = 'resolver' | 'authoritative' | 'both';

export interface DnsServerOptions {
  zone: ZoneData;
  /** Default `resolver`. */
  role?: ServerRole;
  /** Default 0: any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  address?: string;
  /** Answers only after so many milliseconds. */
  delayMs?: number;
  /** Drops UDP queries above this rate, silently, as rate-limiting resolvers do; counted per tenth of a second. */
  dropAbovePerSecond?: number;
  /** Cuts UDP answers over this many bytes short, whatever the client announces. Default 1232. */
  truncateUdpOver?: number;
}

export interface DnsServer {
  /** `host:port`, as a resolver's address. */
  readonly address: string;
  readonly port: number;
  /** Queries read, and those of them dropped by `dropAbovePerSecond`. */
  statistics(): { udp: number; tcp: number; dropped: number };
  close(): Promise<void>;
}

const defaultTtl = 3600;
const negativeTtl = 300;
const longestChain = 16;
const plainUdpSize = 512;
const headerLength = 12;
const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const dropWindowMs = 100;
const dropWindowsPerSecond = 1000 / dropWindowMs;

/**
 * Starts the server.
 * @throws the system's error if the port is taken or the address is not ours
 */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { zone, port = 0, address = '127.0.0.1', delayMs = 0, dropAbovePerSecond = Number.POSITIVE_INFINITY } = options;
  const largestUdp = options.truncateUdpOver ?? 1232;
  const role = options.role ?? 'resolver';
  const count = { udp: 0, tcp: 0, dropped: 0 };
  const limiter = dropper(dropAbovePerSecond);
  const later = delayed(delayMs);

  const tcp = createServer((socket) => {
    serveStream(socket, (query) => {
      count.tcp++;
      const reply = answer(query, zone, role, Number.POSITIVE_INFINITY);
      if (reply !== undefined) later(() => writeFramed(socket, reply));
    });
  });
  const sockets = new Set<TcpSocket>();
  tcp.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const { udp, port: bound } = await bindBoth(tcp, port, address);
  udp.on('message', (query, from: RemoteInfo) => {
    count.udp++;
    if (limiter()) {
      count.dropped++;
      return;
    }
    const reply = answer(query, zone, role, largestUdp);
    if (reply !== undefined) later(() => udp.send(reply, from.port, from.address));
  });

  return {
    address: address.includes(':') ? `[${address}]:${bound}` : `${address}:${bound}`,
    port: bound,
    statistics: () => ({ ...count }),
    async close() {
      later.stop();
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise<void>((resolve) => udp.close(() => resolve())),
        new Promise((resolve) => tcp.close(resolve)),
      ]);
    },
  };
}

/** Binds TCP and UDP to one port. The system picks a port free for TCP; if UDP has it taken, another is tried. */
async function bindBoth(tcp: Server, port: number, address: string): Promise<{ udp: Socket; port: number }> {
  for (let tries = 10; ; tries--) {
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(port, address, () => {
        tcp.off('error', reject);
        resolve();
      });
    });
    const listening = tcp.address();
    const bound = typeof listening === 'object' && listening !== null ? listening.port : port;
    const udp = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 });
    try {
      await new Promise<void>((resolve, reject) => {
        udp.once('error', reject);
        udp.bind(bound, address, () => {
          udp.off('error', reject);
          resolve();
        });
      });
      return { udp, port: bound };
    } catch (error) {
      udp.close();
      await new Promise((resolve) => tcp.close(resolve));
      if (port !== 0 || tries === 0) throw error;
    }
  }
}

function serveStream(socket: TcpSocket, onQuery: (query: Buffer) => void): void {
  let received: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      onQuery(received.subarray(2, end));
      received = received.subarray(end);
    }
  });
}

function writeFramed(socket: TcpSocket, message: Buffer): void {
  if (socket.destroyed) return;
  const framed = Buffer.allocUnsafe(message.length + 2);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  socket.write(framed);
}

/** @returns whether the query that just came is one too many */
function dropper(perSecond: number): () => boolean {
  const perWindow = perSecond / dropWindowsPerSecond;
  let windowStart = 0;
  let seen = 0;
  return () => {
    const now = performance.now();
    if (now - windowStart >= dropWindowMs) {
      windowStart = now;
      seen = 0;
    }
    return ++seen > perWindow;
  };
}

/** Runs jobs after a fixed delay, in their order, with one timer for all. */
function delayed(delayMs: number): { (job: () => void): void; stop(): void } {
  let due: { at: number; job: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  function run(): void {
    const now = performance.now();
    let done = 0;
    for (let next = due[0]; next !== undefined && next.at <= now; next = due[++done]) next.job();
    due = due.slice(done);
    timer = due[0] === undefined ? undefined : setTimeout(run, Math.max(1, due[0].at - now));
  }
  function schedule(job: () => void): void {
    if (delayMs <= 0) {
      job();
      return;
    }
    due.push({ at: performance.now() + delayMs, job });
    timer ??= setTimeout(run, delayMs);
  }
  return Object.assign(schedule, { stop: () => clearTimeout(timer) });
}

/** The reply to a query, or `undefined` where the server stays silent. */
function answer(bytes: Buffer, zone: ZoneData, role: ServerRole, largestUdp: number): Buffer | undefined {
  let query: Packet;
  try {
    query = decode(bytes);
  } catch {
    return bytes.length < headerLength ? undefined : errorReply(bytes, 'FORMERR');
  }
  if (query.type !== 'query') return undefined;
  if (((bytes[2] ?? 0) & 0x78) !== 0) return errorReply(bytes, 'NOTIMP');
  const question = query.questions?.[0];
  if (question === undefined || query.questions?.length !== 1) return errorReply(bytes, 'FORMERR');

  const said = resolve(question, zone, role);
  if (said.rcode === 'silence') return undefined;
  if (said.rcode === 'malformed') {
    // The question is right, so that the client takes it for the reply; the record after it points beyond the end.
    const malformed = Buffer.concat([
      encodeReply(query, question, role, 'NOERROR', [], false),
      Buffer.from('c0ff00100001', 'hex'),
    ]);
    malformed.writeUInt16BE(1, 6);
    return malformed;
  }
  const reply = encodeReply(query, question, role, said.rcode, said.answers, said.negative);
  const opt = query.additionals?.find((record) => record.type === 'OPT');
  const announced = opt?.type === 'OPT' ? Math.max(plainUdpSize, opt.udpPayloadSize) : plainUdpSize;
  const overUdp = largestUdp !== Number.POSITIVE_INFINITY;
  if (overUdp && (said.truncate || reply.length > Math.min(announced, largestUdp))) {
    return encodeReply(query, question, role, said.rcode, [], false, TRUNCATED_RESPONSE);
  }
  return reply;
}

interface Said {
  rcode: keyof typeof rcodes | 'silence' | 'malformed';
  answers: Answer[];
  /** Adds the SOA record that says how long to remember that there is none. */
  negative: boolean;
  truncate: boolean;
}

function resolve(question: Question, zone: ZoneData, role: ServerRole): Said {
  const answers: Answer[] = [];
  const passed = new Set<string>();
  let truncate = false;
  const said = (rcode: Said['rcode'], negative = false): Said => ({ rcode, answers, negative, truncate });

  for (let owner = question.name; passed.size < longestChain; ) {
    const key = canonical(owner);
    if (passed.has(key)) break;
    passed.add(key);
    const node = zone.lookup(key);
    if (node === undefined) return said('NXDOMAIN', true);
    switch (node.behaviour) {
      case 'servfail':
        return said('SERVFAIL');
      case 'refused':
        return said('REFUSED');
      case 'timeout':
        return said('silence');
      case 'malformed':
        return said('malformed');
      case 'cname-loop': {
        const other = `loop.${owner}`;
        answers.push(record(owner, { type: 'CNAME', data: other }), record(other, { type: 'CNAME', data: owner }));
        return said('NOERROR');
      }
      case 'nxdomain-with-chain': {
        const cname = node.records.find(({ type }) => type === 'CNAME') ?? { type: 'CNAME', data: `missing.${owner}` };
        answers.push(record(owner, cname));
        return said('NXDOMAIN', true);
      }
      case 'truncate':
        truncate = true;
        break;
      case undefined:
        break;
    }
    const found = node.records.filter(({ type }) => type === question.type || question.type === ('ANY' as string));
    answers.push(...found.map((data) => record(owner, data)));
    // A name has one CNAME; where a zone holds two, a resolver hands out both and follows one.
    const cnames = node.records.filter((one) => one.type === 'CNAME');
    const [cname] = cnames;
    if (found.length > 0 || cname?.type !== 'CNAME') return said('NOERROR', found.length === 0);
    answers.push(...cnames.map((data) => record(owner, data)));
    if (role === 'authoritative') return said('NOERROR');
    owner = cname.data;
  }
  return said('SERVFAIL'); // a chain in a circle or without end, as recursive resolvers answer it: with what they saw
}

function record(name: string, { ttl = defaultTtl, ...data }: ZoneRecord): Answer {
  // dns-packet turns TXT strings into buffers in place; the zone keeps its own.
  return { name, ttl, class: 'IN', ...data, ...(data.type === 'TXT' ? { data: [...data.data] } : {}) } as Answer;
}

function encodeReply(
  query: Packet,
  question: Question,
  role: ServerRole,
  rcode: keyof typeof rcodes,
  answers: Answer[],
  negative: boolean,
  flags = 0,
): Buffer {
  const edns = query.additionals?.some((record) => record.type === 'OPT');
  return encode({
    type: 'response',
    id: query.id,
    flags:
      (role === 'resolver' ? 0 : AUTHORITATIVE_ANSWER) |
      (role === 'authoritative' ? 0 : RECURSION_AVAILABLE) |
      ((query.flags ?? 0) & RECURSION_DESIRED) |
      flags |
      rcodes[rcode],
    questions: [question],
    answers,
    authorities: negative ? [startOfAuthority(question.name)] : [],
    additionals: edns
      ? [
          {
            name: '.',
            type: 'OPT',
            udpPayloadSize: 1232,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

function startOfAuthority(name: string): Answer {
  const zone = canonical(name).split('.').slice(-2).join('.');
  const data = {
    mname: `ns1.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: 1,
    refresh: 3600,
    retry: 600,
    expire: 86400,
  };
  return { name: zone, type: 'SOA', class: 'IN', ttl: negativeTtl, data: { ...data, minimum: negativeTtl } };
}

/** A reply without question, for queries that could not be read. */
function errorReply(query: Buffer, rcode: keyof typeof rcodes): Buffer {
  const reply = Buffer.alloc(headerLength);
  query.copy(reply, 0, 0, 2);
  reply[2] = 0x80 | ((query[2] ?? 0) & 0x79);
  reply[3] = rcodes[rcode];
  return reply;
}

function canonical(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
