import { isDeepStrictEqual } from 'node:util';
import { isMicrosoftsOwn } from '../../domain/cloud.ts';
import { canonicalName, sameName } from '../../domain/domain-name.ts';
import { type Gathered, known, notKnown, type UnobtainableReason } from '../../domain/fact-set.ts';
import type { GatherContext, SourcesOf } from '../../domain/source.ts';
import type { MailDomainFacts } from '../../facts/mail-domain/index.ts';
import type { MailRefusal } from '../../facts/mail-domain/mail-refusal.ts';
import type { AskedQuestion, SelectorCname, SelectorKey } from '../../facts/mail-domain/selector.ts';
import {
  type SelectorName,
  type SigningConfigurationRow,
  selectorNames,
  selectorRoles,
} from '../../facts/mail-domain/signing-configuration.ts';
import type { MailDomain } from '../../facts/mail-domain/subject.ts';
import { type DnsAnswer, DnsFailure, type DnsFailureReason, type DnsRecord, type QueryType } from './answer.ts';
import { notingAssumed } from './assumed-records.ts';
import { extendedErrorWords } from './extended-error.ts';
import { parseKeyRecord } from './key-record.ts';
import { nameProblem } from './message.ts';
import { Outside } from './outside.ts';
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
): Pick<SourcesOf<MailDomainFacts, MailDomain>, 'selector-cname' | 'selector-key' | 'mail-refusal'> {
  // All facts come from the same queries.
  const records = (subject: MailDomain, context: Context) =>
    context.once('selector-records', () => lookUpSelectors(pool, subject, context));
  return {
    'selector-cname': {
      fact: 'selector-cname',
      limitMs,
      against: ['signing-configuration'],
      gather: (subject, context) => records(subject, context).then(({ cnames }) => cnames),
    },
    'selector-key': {
      fact: 'selector-key',
      limitMs,
      against: ['signing-configuration'],
      gather: (subject, context) => records(subject, context).then(({ keys }) => keys),
    },
    'mail-refusal': {
      fact: 'mail-refusal',
      limitMs,
      gather: (subject, context) =>
        records(subject, context).then(({ keys }) => refusal(pool, subject, Object.values(keys), context)),
    },
  };
}

async function lookUpSelectors(
  pool: ResolverPool,
  subject: MailDomain,
  context: Context,
): Promise<{
  readonly cnames: Readonly<Record<string, Gathered<SelectorCname>>>;
  readonly keys: Readonly<Record<string, Gathered<SelectorKey>>>;
}> {
  const configuration = await context.gathered('signing-configuration');
  const row =
    configuration.status === 'known' && configuration.value.state === 'configured'
      ? configuration.value.row
      : undefined;
  const names = row === undefined ? subject.selectors : withOwn(subject.selectors);
  const found = await Promise.all(
    names.map((selector) => {
      const expected = expectedOf(selector, subject.id, row, context.now);
      return notingAssumed(pool, (noting) => lookUp(new Outside(noting, context.signal), subject.id, expected), marked);
    }),
  );
  const cnames: Record<string, Gathered<SelectorCname>> = {};
  const keys: Record<string, Gathered<SelectorKey>> = {};
  found.forEach(({ cname, key }, at) => {
    const selector = names[at] ?? '';
    cnames[selector] = cname;
    keys[selector] = key;
  });
  return { cnames, keys };
}

/** What follows from an assumed record. */
function marked({ cname, key }: SelectorRecords): SelectorRecords {
  return { cname: assumed(cname), key: assumed(key) };
}

function assumed<T>(gathered: Gathered<T>): Gathered<T> {
  return { ...gathered, assumed: true };
}

/** The selectors of Exchange Online first. */
function withOwn(named: readonly string[]): readonly string[] {
  const others = named.filter((name) => !isOwn(name));
  return others.length === 0 ? selectorNames : [...new Set([...selectorNames, ...others])];
}

function isOwn(selector: string): selector is SelectorName {
  return selector === 'selector1' || selector === 'selector2';
}

function expectedOf(selector: string, domain: string, row: SigningConfigurationRow | undefined, now: Date): Expected {
  const settings = isOwn(selector) ? row?.selectors[selector] : undefined;
  const target = settings?.cname === undefined ? undefined : canonicalName(settings.cname);
  const noHop = target?.endsWith(`._domainkey.${domain}`) === true;
  return {
    name: noHop && target !== undefined ? target : `${selector}._domainkey.${domain}`,
    target,
    publicKey: settings?.publicKey,
    noHop,
    keyIsFree: row !== undefined && isOwn(selector) && selectorRoles(row, now)?.[selector] === 'passive',
  };
}

/** One selector: asked, and asked of a second resolver when the answer is not the healthy one. */
async function lookUp(dns: Outside, domain: string, expected: Expected): Promise<SelectorRecords> {
  let first: DnsAnswer;
  try {
    first = await dns.ask(expected.name, 'TXT');
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
    return { cname: await cnameBehindFailure(dns, error, expected), key: unobtainable(error) };
  }
  const seen = read(first, expected);
  if (isHealthy(seen, expected)) return recordsOf(seen, first);

  let second: DnsAnswer;
  try {
    second = await dns.confirm(first);
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
    const detail = `${first.resolver} says ${describe(first)} for ${expected.name}, which could not be confirmed: ${error.message}`;
    const unconfirmed = notKnown('insufficient', detail, first.resolver, first.at);
    const healthyCname = isHealthyCname(seen, expected);
    return { cname: healthyCname ? recordsOf(seen, first).cname : unconfirmed, key: unconfirmed };
  }
  const again = read(second, expected);
  const agreed = await withDetails(dns, domain, weaker(seen, again), second, expected);
  if (agreed.cname.outcome !== 'cname' || ownTargets(agreed.cname).length === 1) {
    const right = !pointsRight(agreed.cname, expected) && holdsRightKey(seen) && holdsRightKey(again);
    if (right) agreed.cname.rightKey = true;
  }
  const records = confirmed(agreed, first, second);
  const said = `${first.resolver} says ${describe(first)}, ${second.resolver} says ${describe(second)}`;
  const why = `the resolvers disagree about ${expected.name}: ${said}`;
  const disagree = notKnown('insufficient', why, `${first.resolver}, ${second.resolver}`, second.at);
  return {
    cname: sameCname(seen, again, expected) ? records.cname : disagree,
    key: sameKey(seen, again) ? records.key : disagree,
  };
}

/** An answer, read for one selector. */
interface Seen {
  readonly cname: SelectorCname;
  readonly key: SelectorKey;
}

function read(answer: DnsAnswer, expected: Expected): Seen {
  const asked = questionsOf(answer);
  const cname = cnameFrom(answer.answers, expected, asked, answer.rcode);
  const records: SelectorKey['records'] = [];
  for (const { type, data, ttl } of answer.answers) {
    if (type !== 'TXT') continue;
    const text = data.length === 1 ? (data[0] ?? '') : data.join('');
    records.push({ text, ttl, says: parseKeyRecord(text) });
  }
  if (cname.chain.length === 0 && records.length > 0) {
    cname.outcome = 'other-record';
    cname.otherTypes = ['TXT'];
  }
  const key: SelectorKey = {
    name: expected.name,
    owner: cname.chain.at(-1)?.target ?? expected.name,
    outcome: records.length > 0 ? 'records' : answer.rcode === 'NXDOMAIN' ? 'no-name' : 'no-record',
    records,
    authenticated: answer.authenticated,
    asked,
  };
  const same = sameAsConfigured(records, expected.publicKey);
  if (same !== undefined) key.sameAsConfigured = same;
  if (isOneKeyInPieces(records)) key.joined = true;
  return { cname, key };
}

/** Two or three records, none of them a key, that joined in some order are one. */
function isOneKeyInPieces(records: SelectorKey['records']): boolean {
  if (records.length < 2 || records.length > 3 || records.some(({ says }) => holdsKey(says))) return false;
  const texts = records.map(({ text }) => text);
  const orders = (rest: readonly string[]): string[] =>
    rest.length === 0 ? [''] : rest.flatMap((text, at) => orders(rest.toSpliced(at, 1)).map((more) => text + more));
  return orders(texts).some((text) => holdsKey(parseKeyRecord(text)));
}

function holdsRightKey({ key: { records, sameAsConfigured } }: Seen): boolean {
  return records.length === 1 && sameAsConfigured === true && records.every(({ says }) => holdsKey(says));
}

function holdsKey({ problems, key }: ReturnType<typeof parseKeyRecord>): boolean {
  return problems.length === 0 && key !== undefined;
}

/** Equal text is an equal key; otherwise the decoded keys decide, however they are written. */
function sameAsConfigured([record]: SelectorKey['records'], publicKey: string | undefined): boolean | undefined {
  if (record === undefined || publicKey === undefined) return undefined;
  if (record.text === publicKey) return true;
  const wanted = parseKeyRecord(publicKey).key?.fingerprint;
  return wanted === undefined ? undefined : record.says.key?.fingerprint === wanted;
}

function isHealthyCname({ cname }: Seen, expected: Expected): boolean {
  return expected.noHop || pointsRight(cname, expected);
}

function isHealthy(seen: Seen, expected: Expected): boolean {
  // Without a configuration a key that stands there directly, as other signing services publish it, is as good.
  const cnameFine = isHealthyCname(seen, expected) || (expected.target === undefined && seen.key.records.length > 0);
  if (!cnameFine) return false;
  if (expected.keyIsFree) return true;
  const { records } = seen.key;
  const [record] = records;
  return (
    record !== undefined &&
    records.length === 1 &&
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

function sameCname({ cname: a }: Seen, { cname: b }: Seen, expected: Expected): boolean {
  const missing = ({ outcome }: typeof a) => outcome === 'no-name' || outcome === 'no-record';
  return (
    (a.outcome === b.outcome || (missing(a) && missing(b))) &&
    isDeepStrictEqual(ownTargets(a), ownTargets(b)) &&
    pointsRight(a, expected) === pointsRight(b, expected)
  );
}

/** Where the name itself points; more than one where the zone breaks the rule of one CNAME for a name. */
function ownTargets({ name, chain }: Pick<SelectorCname, 'name' | 'chain'>): readonly string[] {
  return chain
    .filter((hop) => sameName(hop.name, name))
    .map(({ target }) => target)
    .sort();
}

function sameKey({ key: a }: Seen, { key: b }: Seen): boolean {
  const texts = ({ records }: typeof a) => records.map(({ text }) => text).sort();
  return isDeepStrictEqual(texts(a), texts(b));
}

function recordsOf({ cname, key }: Seen, { resolver, at }: DnsAnswer): SelectorRecords {
  return { cname: known(cname, resolver, at), key: known(key, resolver, at) };
}

function confirmed({ cname, key }: Seen, first: DnsAnswer, second: DnsAnswer): SelectorRecords {
  const asked = [...questionsOf(first), ...questionsOf(second)];
  const source = first.resolver === second.resolver ? first.resolver : `${first.resolver}, ${second.resolver}`;
  return { cname: known({ ...cname, asked }, source, second.at), key: known({ ...key, asked }, source, second.at) };
}

/** What was asked to get this answer, the resolvers that failed before included. */
function questionsOf(answer: DnsAnswer): AskedQuestion[] {
  const asked = answer.failedBefore?.map(failedQuestion) ?? [];
  asked.push(questionOf(answer));
  return asked;
}

function failedQuestion({ question, resolver, rcode, reason, at }: DnsFailure): AskedQuestion {
  return { ...question, resolver, outcome: rcode ?? reason, at };
}

function questionOf({ name, type, resolver, rcode, answers, at, extendedErrors }: DnsAnswer): AskedQuestion {
  const found = rcode === 'NOERROR' && answers.every((record) => record.type !== type) ? 'NODATA' : rcode;
  const why = extendedErrors === undefined ? '' : `: ${extendedErrorWords(extendedErrors)}`;
  return { name, type, resolver, outcome: `${found}${why}`, at };
}

/** What the answers alone do not tell of a selector that is not as it should be. Asked only then. */
async function withDetails(
  dns: Outside,
  domain: string,
  seen: Seen,
  answer: DnsAnswer,
  expected: Expected,
): Promise<Seen> {
  if (expected.noHop) return seen;
  const { outcome } = seen.cname;
  if (outcome === 'no-name' || outcome === 'no-record') {
    const { cname, key } = await inPlaceOfMissing(dns, domain, seen, expected);
    return { cname: { ...cname, ...denialOf(answer, expected) }, key };
  }
  if (expected.target !== undefined && pointsRight(seen.cname, expected)) return seen;
  const [wildcard, beside, zone] = await Promise.all([
    wildcardBehind(dns, answer),
    outcome === 'other-record' && expected.target !== undefined ? recordsAt(dns, expected.name, 'CNAME') : [],
    zoneOf(dns, domain, expected),
  ]);
  const [hop] = chainFrom(beside);
  return {
    cname: {
      ...seen.cname,
      ...zone,
      ...(wildcard === undefined ? {} : { wildcard }),
      ...(hop === undefined ? {} : { beside: hop }),
    },
    key: { ...seen.key, ...(wildcard === undefined ? {} : { wildcard }) },
  };
}

/** The zone that denies the name. One of a single label is not the domain's own. */
function denialOf({ answers, zone }: DnsAnswer, { name }: Expected): Pick<SelectorCname, 'zone'> {
  return answers.length === 0 && zone?.includes('.') === true && name.endsWith(`.${zone}`) ? { zone } : {};
}

/** The zone of a name that has records: asked of `_domainkey` above it, which is in the same one or is one. */
async function zoneOf(dns: Outside, domain: string, { name, target }: Expected): Promise<Pick<SelectorCname, 'zone'>> {
  if (target === undefined || isMicrosoftsOwn(domain)) return {};
  const above = name.slice(name.indexOf('.') + 1);
  try {
    const { answers, zone } = await dns.ask(above, 'SOA');
    const apex = answers.find(({ type }) => type === 'SOA')?.name ?? zone;
    return apex?.includes('.') === true && `.${above}`.endsWith(`.${apex}`) ? { zone: canonicalName(apex) } : {};
  } catch (error) {
    if (error instanceof DnsFailure) return {};
    throw error;
  }
}

/** What stands in place of a missing CNAME, and whether it stands one zone too deep. */
async function inPlaceOfMissing(dns: Outside, domain: string, seen: Seen, expected: Expected): Promise<Seen> {
  // Nobody can publish above a tenant's own domain at Microsoft.
  const zones = isMicrosoftsOwn(domain) ? [] : [domain, ...parentsOf(domain)];
  const doubled = zones.map((zone) => `${expected.name}.${zone}`);
  const types = seen.cname.outcome === 'no-record' ? (['A', 'AAAA'] as const) : [];
  const [addresses, found] = await Promise.all([
    Promise.all(types.map((type) => recordsAt(dns, expected.name, type))),
    Promise.all(doubled.map((name) => recordsAt(dns, name, 'TXT'))),
  ]);
  const [meant] = doubled.flatMap((doubledAt, at) => {
    const record = found[at]?.find((one) => isMeant(one, expected));
    return record === undefined ? [] : [{ doubledAt, doubledType: record.type }];
  });
  const cname = { ...seen.cname, doubledZone: meant !== undefined, ...meant };
  const otherTypes = types.filter((type, at) => addresses[at]?.some((record) => record.type === type));
  return otherTypes.length === 0
    ? { ...seen, cname }
    : { ...seen, cname: { ...cname, outcome: 'other-record', otherTypes } };
}

/** The names above, the nearest first, down to two labels. */
function parentsOf(name: string): readonly string[] {
  const labels = name.split('.');
  return labels.slice(1, -1).map((_, at) => labels.slice(at + 1).join('.'));
}

/** A label that nobody gives a name: what answers for it answers for every name beside it. */
const nobodysLabel = 'fieldcheck-asks-for-a-name-that-cannot-exist';

/** The wildcard that gave an answer: it gives the same at a name that cannot exist (RFC 4592). */
async function wildcardBehind(dns: Outside, { name, answers }: DnsAnswer): Promise<string | undefined> {
  let wildcard: string | undefined;
  for (const parent of parentsOf(name)) {
    const others = await recordsAt(dns, `${nobodysLabel}.${parent}`, 'TXT');
    if (answers.length === 0 || !isDeepStrictEqual(contentOf(answers), contentOf(others))) break;
    wildcard = `*.${parent}`;
  }
  return wildcard;
}

/** The first CNAME's target, or the texts where there is none: what a wildcard would repeat. */
function contentOf(records: readonly DnsRecord[]): readonly string[] {
  const [target] = records.flatMap((record) => (record.type === 'CNAME' ? [canonicalName(record.data)] : []));
  if (target !== undefined) return [`CNAME ${target}`];
  return records.flatMap((record) => (record.type === 'TXT' ? [record.data.join('')] : [])).sort();
}

/** Is this the record that was meant for the selector? A wildcard of the zone answers at every name and proves nothing. */
function isMeant(record: DnsRecord, { target }: Expected): boolean {
  if (record.type === 'CNAME') return target === undefined || sameName(record.data, target);
  return record.type === 'TXT' && parseKeyRecord(record.data.join('')).problems.length === 0;
}

/** A hint is not worth a failure: what cannot be looked up adds nothing. */
async function recordsAt(dns: Outside, name: string, type: QueryType): Promise<readonly DnsRecord[]> {
  try {
    return (await dns.ask(name, type)).answers;
  } catch (error) {
    if (error instanceof DnsFailure) return [];
    throw error;
  }
}

/** Whether a domain without a key sends mail at all. Nobody asks where a key answers, or where signing is on. */
function refusal(
  pool: ResolverPool,
  subject: MailDomain,
  keys: readonly Gathered<SelectorKey>[],
  context: Context,
): Gathered<MailRefusal> | Promise<Gathered<MailRefusal>> {
  const noKey = keys.every((key) => key.status === 'known' && key.value.records.every(({ says }) => says.revoked));
  const source = keys.find((key) => key.source !== undefined)?.source ?? 'DNS';
  const at = keys.findLast((key) => key.observedAt !== undefined)?.observedAt ?? context.now.toISOString();
  const isAssumed = keys.some((key) => key.assumed);
  const found = (value: MailRefusal) => (isAssumed ? assumed(known(value, source, at)) : known(value, source, at));
  if (!noKey) return found({ noKey });
  return notingAssumed(
    pool,
    async (noting) => {
      const configuration = await context.gathered('signing-configuration');
      const signs =
        configuration.status === 'known' &&
        configuration.value.state === 'configured' &&
        configuration.value.row.enabled !== false;
      return found(
        signs ? { noKey } : { noKey, ...(await refusalIn(new Outside(noting, context.signal), subject, keys)) },
      );
    },
    assumed,
  );
}

async function refusalIn(
  dns: Outside,
  { id }: MailDomain,
  keys: readonly Gathered<SelectorKey>[],
): Promise<Omit<MailRefusal, 'noKey'>> {
  const [exchangers, texts] = await Promise.all([recordsAt(dns, id, 'MX'), recordsAt(dns, id, 'TXT')]);
  const hosts = exchangers.flatMap((record) => (record.type === 'MX' ? [canonicalName(record.data.exchange)] : []));
  const policies = texts.flatMap((record) => (record.type === 'TXT' ? [record.data.join('').trim()] : []));
  const spf = policies.filter((text) => /^v=spf1(?:\s|$)/i.test(text));
  const wildcards = keys.flatMap((key) => (key.status === 'known' ? [key.value.wildcard] : []));
  const [revokedBy] = wildcards;
  return {
    ...(revokedBy !== undefined && wildcards.every((one) => one === revokedBy) ? { revokedBy } : {}),
    nullMx: hosts.length === 1 && hosts[0] === '',
    nobodySends: spf.length === 1 && /^v=spf1\s+-all$/i.test(spf[0] ?? ''),
  };
}

/** The key could not be had, but the domain's own zone may still answer: then the CNAME is known. */
async function cnameBehindFailure(
  dns: Outside,
  failure: DnsFailure,
  expected: Expected,
): Promise<Gathered<SelectorCname>> {
  const failed = [...failure.failedBefore, failure].map(failedQuestion);
  const came = cnameFrom(failure.answers, expected, failed);
  if (pointsRight(came, expected)) return known(came, failure.resolver, failure.at);
  try {
    const first = await dns.ask(expected.name, 'CNAME');
    const asked = [...failed, ...questionsOf(first)];
    const cname = await followed(dns, cnameFrom(first.answers, expected, asked, first.rcode), expected);
    if (pointsRight(cname, expected)) return known(cname, first.resolver, first.at);
    const second = await dns.confirm(first);
    asked.push(...questionsOf(second));
    const again = cnameFrom(second.answers, expected, asked, second.rcode);
    if (again.outcome === cname.outcome && isDeepStrictEqual(ownTargets(again), ownTargets(cname)))
      return known(cname, `${first.resolver}, ${second.resolver}`, second.at);
  } catch (error) {
    if (!(error instanceof DnsFailure)) throw error;
  }
  return unobtainable(failure);
}

const longestChain = 8;

/**
 * A question for CNAME brings one link of a chain: the others are asked for one by one, to the configured target or to
 * the end of the chain.
 *
 * @throws {DnsFailure} when a link cannot be looked at: then nobody knows where the chain leads
 */
async function followed(dns: Outside, cname: SelectorCname, expected: Expected): Promise<SelectorCname> {
  let chain = cname.chain;
  while (ownTargets(cname).length === 1 && chain.length < longestChain && !pointsRight({ ...cname, chain }, expected)) {
    const last = chain.at(-1)?.target ?? '';
    if (chain.some(({ name }) => sameName(name, last)) || nameProblem(last) !== undefined) break;
    const more = chainFrom((await dns.ask(last, 'CNAME')).answers);
    if (more.length === 0) break;
    chain = [...chain, ...more];
  }
  return { ...cname, chain };
}

function cnameFrom(
  answers: readonly DnsRecord[],
  { name }: Expected,
  asked: AskedQuestion[],
  rcode?: DnsAnswer['rcode'],
): SelectorCname {
  const chain = chainFrom(answers);
  const outcome = chain.length > 0 ? 'cname' : rcode === 'NXDOMAIN' ? 'no-name' : 'no-record';
  return { name, outcome, chain, otherTypes: [], doubledZone: false, asked };
}

function chainFrom(answers: readonly DnsRecord[]): SelectorCname['chain'] {
  const chain: SelectorCname['chain'] = [];
  for (const { type, name, data, ttl } of answers)
    if (type === 'CNAME') chain.push({ name: canonicalName(name), target: canonicalName(data), ttl });
  return chain;
}

/** The configured target anywhere in the chain is right: a DNAME or a vendor's CNAME may stand before it. */
function pointsRight(cname: SelectorCname, { target }: Expected): boolean {
  return (
    cname.outcome === 'cname' &&
    ownTargets(cname).length === 1 &&
    (target === undefined || cname.chain.some((hop) => sameName(hop.target, target)))
  );
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
  'no-recursion': 'insufficient',
  blocked: 'denied',
  'split-horizon': 'insufficient',
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
