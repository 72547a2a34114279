import { parseAddress, parseEndpoint, plainAddress } from '../../domain/ip-range.ts';
import type { ProbeAttempt, SmtpProbe, SmtpRelayTest } from '../../facts/smtp-service/probe.ts';
import { vipPorts } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';
import { type AddressGuard, AddressRefused } from '../../http/address-guard.ts';
import { type Reply, SmtpConnection, SmtpTimeout } from './connection.ts';
import { answeringNode } from './proof.ts';

export interface ProbeOptions {
  readonly guard: AddressGuard;
  readonly signal: AbortSignal;
  /** MAIL FROM and RCPT TO of a foreign domain, then RSET; DATA is never sent. */
  readonly relayTest?: boolean;
}

export interface ProbeResult {
  readonly probe: SmtpProbe;
  /** Undefined when the relay test was not asked for. */
  readonly relay?: SmtpRelayTest;
}

/** Fixed, so that whoever reads a log recognises us; `.invalid` is nobody's (RFC 2606). */
const ehloName = 'fieldcheck.invalid';
/** Reserved for examples (RFC 2606), so foreign to every server and nobody's mailbox. */
const relaySender = 'fieldcheck@example.net';
const relayRecipient = 'fieldcheck@example.com';

const probeMs = 28_000;
const connectMs = 8000;
/** RFC 5321 section 4.5.3.2 allows five minutes; a person waits for this answer. */
const replyMs = 10_000;
const goodbyeMs = 1500;
/** Greetings through each VIP at most, in rounds of one for each node, until every node was seen. */
const mostRounds = 4;
const mostAtOnce = 8;

/**
 * Greets the service through each VIP and each node directly, side by side, and takes leave again: EHLO and QUIT.
 * Ends within 28 s. Never throws for what a server or the network does: that is what it reports.
 */
export async function probeService(service: SmtpService, options: ProbeOptions): Promise<ProbeResult> {
  const end = performance.now() + probeMs;
  const relay: SmtpRelayTest = [];
  const attempts: ProbeAttempt[] = [];
  const tested = new Set<string>();
  const run = async (target: Target) => {
    // One relay test for each target is enough: it costs the server a tarpit.
    const testRelay = options.relayTest === true && !tested.has(target.target);
    tested.add(target.target);
    const greeting = await greet(target, options, end, testRelay);
    attempts.push(greeting.attempt);
    if (greeting.relay !== undefined) relay.push({ target: target.target, ...node(target), ...greeting.relay });
  };
  const vips = service.vips.map((target): Target => ({ target, via: 'vip' }));
  const atOnce = Math.min(Math.max(service.nodes.length, 2), mostAtOnce);
  const throughVips = async () => {
    for (let round = 0; round < mostRounds; round++) {
      const open = vips.filter(
        ({ target }) => round === 0 || (answered(target, attempts) && !allSeen(target, attempts, service)),
      );
      if (open.length === 0 || performance.now() > end - replyMs || options.signal.aborted) return;
      await Promise.all(open.flatMap((target) => Array.from({ length: atOnce }, () => run(target))));
    }
  };
  await Promise.all([throughVips(), ...directTargets(service).map(run)]);
  return { probe: { attempts }, ...(options.relayTest === true ? { relay } : {}) };
}

interface Target {
  readonly target: string;
  readonly via: 'vip' | 'node';
  readonly node?: string;
}

const node = (target: Target) => (target.node === undefined ? {} : { node: target.node });

/** Each node's own address, on every port of the service. */
function directTargets(service: SmtpService): Target[] {
  return service.nodes.flatMap(({ name, address }) =>
    vipPorts(service).map((port) => ({
      target: parseAddress(address)?.family === 6 ? `[${address}]:${port}` : `${address}:${port}`,
      via: 'node' as const,
      node: name,
    })),
  );
}

function answered(target: string, attempts: readonly ProbeAttempt[]): boolean {
  return attempts.some((attempt) => attempt.target === target && attempt.outcome === 'answered');
}

function allSeen(target: string, attempts: readonly ProbeAttempt[], service: SmtpService): boolean {
  const seen = new Set(
    attempts
      .filter((attempt) => attempt.target === target && attempt.outcome === 'answered')
      .map((attempt) => answeringNode(attempt, { attempts: [...attempts] }, service)),
  );
  return service.nodes.every(({ name }) => seen.has(name));
}

interface Greeting {
  readonly attempt: ProbeAttempt;
  readonly relay?: { reply: string; accepted: boolean } | undefined;
}

async function greet(target: Target, options: ProbeOptions, end: number, testRelay: boolean): Promise<Greeting> {
  const started = performance.now();
  const base = { target: target.target, via: target.via, ...node(target), at: new Date().toISOString() };
  const left = (most: number) => Math.ceil(Math.max(1, Math.min(most, end - performance.now())));
  let said: Partial<ProbeAttempt> = {};
  const attempt = (outcome: ProbeAttempt['outcome'], detail?: string): ProbeAttempt => ({
    ...base,
    inspected: isInspected(said.banner),
    ...said,
    outcome,
    elapsedMs: Math.round(performance.now() - started),
    ...(detail === undefined ? {} : { detail }),
  });
  let connection: SmtpConnection | undefined;
  try {
    const endpoint = parseEndpoint(target.target);
    if (endpoint === undefined) return { attempt: attempt('unreachable', `${target.target} is no address`) };
    connection = await SmtpConnection.open(endpoint.address, endpoint.port ?? 25, {
      guard: options.guard,
      connectMs: left(connectMs),
      signal: options.signal,
    });
    if (connection.localAddress !== undefined) said = { sourceAddress: plainAddress(connection.localAddress) };
    const banner = await connection.reply(left(replyMs));
    said = { ...said, banner: banner.first };
    if (banner.code === 421) return { attempt: attempt('out-of-service', banner.first) };
    if (banner.code !== 220) return { attempt: attempt('answered', `greeted with ${banner.first}`) };
    let hello = await connection.command(`EHLO ${ehloName}`, left(replyMs));
    // A firewall that inspects SMTP, and very old servers, know HELO only.
    if (hello.code >= 500) hello = await connection.command(`HELO ${ehloName}`, left(replyMs));
    if (hello.code === 421) return { attempt: attempt('out-of-service', hello.first) };
    const helloAddress = addressIn(hello);
    const helloName = isInspected(said.banner) ? /^250[ -]\s*(\S+)/.exec(hello.first)?.[1] : undefined;
    said = {
      ...said,
      ...(helloName === undefined ? {} : { helloName }),
      ...(helloAddress === undefined ? {} : { helloAddress }),
      startTls: hello.lines.some((line) => /^STARTTLS\b/i.test(line)),
    };
    const relay = testRelay && hello.code === 250 ? await relayTest(connection, left) : undefined;
    return {
      attempt: attempt('answered', hello.code === 250 ? undefined : `EHLO was answered with ${hello.first}`),
      relay,
    };
  } catch (error) {
    // What was said until then still counts: a server that greets and then hangs has answered.
    return {
      attempt: attempt(said.banner === undefined ? outcomeOf(error) : 'answered', sentence(error, options.signal)),
    };
  } finally {
    await connection?.quit(left(goodbyeMs));
  }
}

/** @returns undefined when the server defers (4xx): that says nothing */
async function relayTest(
  connection: SmtpConnection,
  left: (most: number) => number,
): Promise<{ reply: string; accepted: boolean } | undefined> {
  const sender = await connection.command(`MAIL FROM:<${relaySender}>`, left(replyMs));
  if (sender.code >= 500) return { reply: sender.first, accepted: false };
  if (sender.code !== 250) return undefined;
  const recipient = await connection.command(`RCPT TO:<${relayRecipient}>`, left(replyMs));
  await connection.command('RSET', left(replyMs));
  if (recipient.code >= 400 && recipient.code < 500) return undefined;
  return { reply: recipient.first, accepted: recipient.code >= 200 && recipient.code < 300 };
}

/**
 * The address that the reply to EHLO shows. Exchange `host Hello [ip]`; sendmail, OpenSMTPD and Exim `host Hello name
 * [ip]`; Gmail `host at your service, [ip]`; Postfix none.
 */
export function addressIn(reply: Pick<Reply, 'first'>): string | undefined {
  const candidates = [
    ...[...reply.first.matchAll(/\[(?:IPv6:)?([0-9a-fA-F:.]+(?:%\w+)?)\]/gi)].map((match) => match[1]),
    /\bhello\s+(\d+\.\d+\.\d+\.\d+)\b/i.exec(reply.first)?.[1],
  ];
  const found = candidates.find((text) => text !== undefined && parseAddress(text) !== undefined);
  return found === undefined ? undefined : plainAddress(found);
}

/** `220 ****`: "SMTP fixup" of a firewall hides the greeting. */
function isInspected(banner: string | undefined): boolean {
  return /^220[ -]?\s*\*{4,}/.test(banner ?? '');
}

function outcomeOf(error: unknown): ProbeAttempt['outcome'] {
  if (error instanceof AddressRefused) return 'not-admitted';
  if (error instanceof SmtpTimeout) return 'timeout';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return 'refused';
  return code === 'ETIMEDOUT' ? 'timeout' : 'unreachable';
}

function sentence(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'it was not waited for any longer';
  // Where nothing was connected the system names an end of ours that never was.
  return error instanceof Error ? error.message.replace(/ - Local \(.*\)$/, '') : String(error);
}
