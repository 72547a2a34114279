import { isDeepStrictEqual } from 'node:util';
import { canonicalName, sameName } from '../../domain/domain-name.ts';
import { type Gathered, known, notKnown, type UnobtainableReason } from '../../domain/fact-set.ts';
import type { GatherContext, SourcesOf } from '../../domain/source.ts';
import type { MailDomainFacts } from '../../facts/mail-domain/index.ts';
import type { AskedQuestion, SelectorCname, SelectorKey } from '../../facts/mail-domain/selector.ts';
import { selectorNames, selectorRoles } from '../../facts/mail-domain/signing-configuration.ts';
import type { MailDomain } from '../../facts/mail-domain/subject.ts';
import { type DnsAnswer, DnsFailure, type DnsFailureReason, type DnsRecord } from './answer.ts';
import { parseKeyRecord } from './key-record.ts';
import type { ResolverPool } from './resolvers.ts';

/** Longest time for all selectors of one domain: every try at one resolver, the same at a second one, and confirmation. */
const limitMs = 40_000;

type Context = GatherContext<MailDomainFacts>;

interface SelectorRecords {
  readonly cname: Gathered<SelectorCname>;
  readonly key: Gathered<SelectorKey>;
}

/** What the configuration lets us expect of a selector, so that only what differs has to be confirmed. */
interface Expected {
  /** Where a receiver asks. */
  readonly name: string;
  readonly target: string | undefined;
  readonly publicKey: string | undefined;
  /** The key stands at the name itself (initial domains). */
  readonly noHop: boolean;
  /** Whatever is there or not is no finding (passive selector), so it needs no confirmation. */
  readonly keyIsFree: boolean;
}

/**
 * Sources of what DNS says about the selectors of a mail domain. One TXT query for each selector brings CNAMEs, key,
 * rcode, TTL and AD flag together; whatever would become a finding is confirmed by a second resolver.
 */
export function selectorSources(
  pool: ResolverPool,
): Pick<SourcesOf<MailDomainFacts, MailDomain>, 'selector-cname' | 'selector-key'> {
  // Both facts come from the same queries.
  const records = (subject: MailDomain, context: Context) =>
    context.once('selector-records', () => lookUpSelectors(pool, subject, context));
  return {
    'selector-cname': {
      fact: 'selector-cname',
      limitMs,
      gather: async (subject, context) => pick(await records(subject, context), ({ cname }) => cname),
    },
    'selector-key': {
      fact: 'selector-key',
      limitMs,
      gather: async (subject, context) => pick(await records(subject, context), ({ key }) => key),
    },
  };
}

function pick<T>(records: ReadonlyMap<string, SelectorRecords>, of: (one: SelectorRecords) => T): Record<string, T> {
  return Object.fromEntries([...records].map(([selector, one]) => [selector, of(one)]));
}

async function lookUpSelectors(
  pool: ResolverPool,
  subject: MailDomain,
  context: Context,
): Promise<ReadonlyMap<string, SelectorRecords>> {
  const domain = subject.id;
  const configuration = await context.gathered('signing-configuration');
  const row =
    configuration.status === 'known' && configuration.value.state === 'configured'
      ? configuration.value.row
      : undefined;
  const names = row === undefined ? subject.selectors : selectorNames;
  const roles = row === undefined ? undefined : selectorRoles(row, context.now);
  const found = await Promise.all(
    names.map(async (selector) => {
      const settings = selector === 'selector1' || selector === 'selector2' ? row?.selectors[selector] : undefined;
      const target = settings?.cname === undefined ? undefined : canonicalName(settings.cname);
      const noHop = target?.endsWith(`._domainkey.${domain}`) === true;
      const expected: Expected = {
        name: noHop && target !== undefined ? target : `${selector}._domainkey.${domain}`,
        target,
        publicKey: settings?.publicKey,
        noHop,
        keyIsFree:
          roles !== undefined &&
          (selector === 'selector1' || selector === 'selector2') &&
          roles[selector] === 'passive',
      };
      return [selector, await lookUp(pool, domain, expected, context)] as const;
    }),
  );
  return new Map(found);
}

/** One selector: asked, and asked of a second resolver when the answer is not the healthy one. */
async function lookUp(
  pool: ResolverPool,
  domain: string,
  expected: Expected,
  context: Context,
): Promise<SelectorRecords> {
  const { signal } = context;
  let first: DnsAnswer;
  try {
    first = await pool.ask(expected.name, 'TXT', signal);
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
    return { cname: await cnameBehindFailure(pool, error, expected, signal), key: unobtainable(error) };
  }
  const seen = read(first, expected);
  if (isHealthy(seen, expected)) return recordsOf(seen, [first]);

  let second: DnsAnswer;
  try {
    second = await pool.confirm(expected.name, 'TXT', first, signal);
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
    const detail = `${first.resolver} says ${describe(first)} for ${expected.name}, which could not be confirmed: ${error.message}`;
    const unconfirmed = notKnown('insufficient', detail, first.resolver, first.at);
    const healthyCname = isHealthyCname(seen, expected);
    return { cname: healthyCname ? recordsOf(seen, [first]).cname : unconfirmed, key: unconfirmed };
  }
  const again = read(second, expected);
  const agreed = await withDetails(pool, domain, weaker(seen, again), expected, signal);
  const records = recordsOf(agreed, [first, second]);
  const disagree = notKnown(
    'insufficient',
    `the resolvers disagree about ${expected.name}: ${first.resolver} says ${describe(first)}, ${second.resolver} says ${describe(second)}`,
    `${first.resolver}, ${second.resolver}`,
    second.at,
  );
  return {
    cname: sameCname(seen, again) ? records.cname : disagree,
    key: sameKey(seen, again) ? records.key : disagree,
  };
}

/** An answer, read for one selector. */
interface Seen {
  readonly cname: Omit<SelectorCname, 'asked'>;
  readonly key: Omit<SelectorKey, 'asked'>;
}

function read(answer: DnsAnswer, expected: Expected): Seen {
  const found = cnameFrom(answer.answers, expected, answer.rcode);
  const { chain } = found;
  const texts = answer.answers.flatMap((record) =>
    record.type === 'TXT' ? [{ text: record.data.join(''), ttl: record.ttl }] : [],
  );
  const nxdomain = answer.rcode === 'NXDOMAIN';
  const direct = chain.length === 0 && texts.length > 0;
  const records = texts.map(({ text, ttl }) => ({ text, ttl, says: parseKeyRecord(text) }));
  return {
    cname: direct ? { ...found, outcome: 'other-record', otherTypes: ['TXT'] } : found,
    key: {
      name: expected.name,
      owner: chain.at(-1)?.target ?? expected.name,
      outcome: records.length > 0 ? 'records' : nxdomain ? 'no-name' : 'no-record',
      records,
      authenticated: answer.authenticated,
      ...sameAsConfigured(records, expected.publicKey),
    },
  };
}

/** Equal text is an equal key; otherwise the decoded keys decide, however they are written. */
function sameAsConfigured(
  records: SelectorKey['records'],
  publicKey: string | undefined,
): { sameAsConfigured?: boolean } {
  const [record] = records;
  if (record === undefined || publicKey === undefined) return {};
  if (record.text === publicKey) return { sameAsConfigured: true };
  const wanted = parseKeyRecord(publicKey).key?.fingerprint;
  return wanted === undefined ? {} : { sameAsConfigured: record.says.key?.fingerprint === wanted };
}

function isHealthyCname({ cname }: Seen, expected: Expected): boolean {
  return expected.noHop || pointsRight(cname, expected);
}

function isHealthy(seen: Seen, expected: Expected): boolean {
  // Without a configuration a key that stands there directly, as other signing services publish it, is as good.
  const cnameFine = isHealthyCname(seen, expected) || (expected.target === undefined && seen.key.records.length > 0);
  if (!cnameFine) return false;
  if (expected.keyIsFree) return true;
  const [record, ...more] = seen.key.records;
  return (
    record !== undefined &&
    more.length === 0 &&
    record.says.problems.length === 0 &&
    !record.says.revoked &&
    seen.key.sameAsConfigured !== false
  );
}

/**
 * "No such name" and "no such record" agree that there is none, and the weaker claim is the one that both support: servers
 * differ about names that exist only because others lie beneath them (RFC 8020 section 3).
 */
function weaker(a: Seen, b: Seen): Seen {
  return a.key.outcome === 'no-name' && b.key.outcome === 'no-record' ? b : a;
}

function sameCname({ cname: a }: Seen, { cname: b }: Seen): boolean {
  const missing = ({ outcome }: typeof a) => outcome === 'no-name' || outcome === 'no-record';
  return (a.outcome === b.outcome || (missing(a) && missing(b))) && a.chain[0]?.target === b.chain[0]?.target;
}

function sameKey({ key: a }: Seen, { key: b }: Seen): boolean {
  const texts = ({ records }: typeof a) => records.map(({ text }) => text).sort();
  return isDeepStrictEqual(texts(a), texts(b));
}

function recordsOf({ cname, key }: Seen, answers: readonly DnsAnswer[]): SelectorRecords {
  const asked = answers.flatMap(questionsOf);
  const at = answers.at(-1)?.at ?? '';
  const source = [...new Set(answers.map(({ resolver }) => resolver))].join(', ');
  return { cname: known({ ...cname, asked }, source, at), key: known({ ...key, asked }, source, at) };
}

/** What was asked to get this answer, the resolvers that failed before included. */
function questionsOf(answer: DnsAnswer): AskedQuestion[] {
  return [...(answer.failedBefore ?? []).map(failedQuestion), questionOf(answer)];
}

function failedQuestion({ question, resolver, rcode, reason, at }: DnsFailure): AskedQuestion {
  return { ...question, resolver, outcome: rcode ?? reason, at };
}

function questionOf({ name, type, resolver, rcode, answers, at }: DnsAnswer): AskedQuestion {
  const found = rcode === 'NOERROR' && answers.every((record) => record.type !== type) ? 'NODATA' : rcode;
  return { name, type, resolver, outcome: found, at };
}

/** What stands in place of a missing CNAME, and whether it stands one zone too deep: asked only where it is missing. */
async function withDetails(
  pool: ResolverPool,
  domain: string,
  seen: Seen,
  expected: Expected,
  signal: AbortSignal,
): Promise<Seen> {
  if (expected.noHop || (seen.cname.outcome !== 'no-name' && seen.cname.outcome !== 'no-record')) return seen;
  const [address, doubled] = await Promise.all([
    seen.cname.outcome === 'no-record' ? recordsAt(pool, expected.name, 'A', signal) : [],
    recordsAt(pool, `${expected.name}.${domain}`, 'TXT', signal),
  ]);
  const cname = { ...seen.cname, doubledZone: doubled.some((record) => isMeant(record, expected)) };
  if (!address.some((record) => record.type === 'A')) return { ...seen, cname };
  return { ...seen, cname: { ...cname, outcome: 'other-record', otherTypes: ['A'] } };
}

/** Is this the record that was meant for the selector? A wildcard of the zone answers at every name and proves nothing. */
function isMeant(record: DnsRecord, { target }: Expected): boolean {
  if (record.type === 'CNAME') return target === undefined || sameName(record.data, target);
  return record.type === 'TXT' && parseKeyRecord(record.data.join('')).problems.length === 0;
}

/** A hint is not worth a failure: what cannot be looked up adds nothing. */
async function recordsAt(
  pool: ResolverPool,
  name: string,
  type: 'A' | 'TXT',
  signal: AbortSignal,
): Promise<readonly DnsRecord[]> {
  try {
    return (await pool.ask(name, type, signal)).answers;
  } catch (error) {
    if (error instanceof DnsFailure) return [];
    throw error;
  }
}

/** The key could not be had, but the domain's own zone may still answer: then the CNAME is known. */
async function cnameBehindFailure(
  pool: ResolverPool,
  failure: DnsFailure,
  expected: Expected,
  signal: AbortSignal,
): Promise<Gathered<SelectorCname>> {
  const came = cnameFrom(failure.answers, expected);
  const failed = [...failure.failedBefore, failure].map(failedQuestion);
  if (pointsRight(came, expected)) return known({ ...came, asked: failed }, failure.resolver, failure.at);
  try {
    const first = await pool.ask(expected.name, 'CNAME', signal);
    const cname = cnameFrom(first.answers, expected, first.rcode);
    if (pointsRight(cname, expected))
      return known({ ...cname, asked: [...failed, ...questionsOf(first)] }, first.resolver, first.at);
    const second = await pool.confirm(expected.name, 'CNAME', first, signal);
    const again = cnameFrom(second.answers, expected, second.rcode);
    if (again.outcome === cname.outcome && again.chain[0]?.target === cname.chain[0]?.target) {
      return known(
        { ...cname, asked: [...failed, ...questionsOf(first), ...questionsOf(second)] },
        `${first.resolver}, ${second.resolver}`,
        second.at,
      );
    }
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
  }
  return unobtainable(failure);
}

function cnameFrom(
  answers: readonly DnsRecord[],
  { name }: Expected,
  rcode?: DnsAnswer['rcode'],
): Omit<SelectorCname, 'asked'> {
  const chain = answers.flatMap((record) =>
    record.type === 'CNAME'
      ? [{ name: canonicalName(record.name), target: canonicalName(record.data), ttl: record.ttl }]
      : [],
  );
  const outcome = chain.length > 0 ? 'cname' : rcode === 'NXDOMAIN' ? 'no-name' : 'no-record';
  return { name, outcome, chain, otherTypes: [], doubledZone: false };
}

function pointsRight({ outcome, chain }: Omit<SelectorCname, 'asked'>, { target }: Expected): boolean {
  return outcome === 'cname' && (target === undefined || sameName(chain[0]?.target ?? '', target));
}

function describe(answer: DnsAnswer): string {
  const outcome = questionOf(answer).outcome;
  const target = answer.answers.find((record) => record.type === 'CNAME');
  const texts = answer.answers.filter((record) => record.type === 'TXT').length;
  if (texts > 0) return `${texts} TXT record${texts === 1 ? '' : 's'}`;
  return target?.type === 'CNAME' ? `${outcome} behind a CNAME to ${canonicalName(target.data)}` : outcome;
}

const reasons: Readonly<Record<DnsFailureReason, UnobtainableReason>> = {
  timeout: 'timeout',
  unreachable: 'unreachable',
  servfail: 'unreachable',
  refused: 'denied',
  notimp: 'denied',
  formerr: 'malformed',
  rcode: 'unreachable',
  malformed: 'malformed',
  loop: 'malformed',
  http: 'unreachable',
  name: 'malformed',
  closed: 'unreachable',
};

function unobtainable(failure: DnsFailure): Gathered<never> {
  const failures = [...failure.failedBefore, failure];
  return notKnown(
    reasons[failure.reason],
    failures.map(({ message }) => message).join('; '),
    [...new Set(failures.map(({ resolver }) => resolver))].join(', '),
    failure.at,
  );
}
