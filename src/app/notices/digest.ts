// Once a week, to every channel: what is still so. One notice, however much is open and however many organizations share it.
import pMap from 'p-map';
import { noWatchMemory, type WatchMemory } from '../../domain/blindness.ts';
import { causeGroupsOf } from '../../domain/cause-groups.ts';
import { notJudged, rememberedOf, type SubjectState } from '../../domain/compare.ts';
import { wholeWatch } from '../../domain/event.ts';
import type { Deadline, Digest, Notice, NoticeSubject } from '../../domain/notice.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import { noticeOf } from '../../domain/plan.ts';
import { receiversIn, wantedOf, wantsDigest } from '../../domain/route.ts';
import { holds, hushOf, type Statement } from '../../domain/statement.ts';
import { isWorthTelling } from '../../domain/telling.ts';
import { dayMs, dayOf } from '../../domain/time.ts';
import type { Transition } from '../../domain/transition.ts';
import { answerWords, compareText } from '../../domain/words.ts';
import type { Page, Versioned, Watch } from '../../store/store.ts';
import { keysToReplace } from '../access/keys.ts';
import { watchesOf } from '../organizations/watches.ts';
import { addressIn, type DeliveryPorts } from './deliver.ts';
import { named, send } from './notice.ts';

/** A week, less an hour: a timer that comes a little early must not put it off by a day. */
const everyMs = 7 * dayMs - 3_600_000;

/** Dates that lie further ahead are not named yet. */
const aheadDays = 30;
const aheadMs = aheadDays * dayMs;
const factsAheadMs = 14 * dayMs;

/** Watches asked for side by side. */
const watchesAtOnce = 8;

const statesAtOnce = 1_000;

/** A watch whose digest goes to a channel. */
interface Told {
  readonly document: OrganizationDocument;
  readonly watch: Watch;
  readonly channel: string;
  readonly memory: Versioned<WatchMemory> | undefined;
}

/** Sends the digests that have come due; the first of a channel comes a week after it was first seen. */
export async function digests(ports: DeliveryPorts): Promise<void> {
  const { store, evaluations, log } = ports;
  const byAddress = new Map<string, Told[]>();
  const watches = (await store.organizations()).flatMap((document) =>
    watchesOf(evaluations, document).map((watch) => ({ document, watch })),
  );
  const remembered = await pMap(watches, async (one) => ({ ...one, memory: await store.watchMemory(one.watch) }), {
    concurrency: watchesAtOnce,
  });
  for (const { document, watch, memory } of remembered) {
    for (const [channel, when] of Object.entries(receiversIn(document, watch.evaluation))) {
      if (!wantsDigest(when, watch.evaluation)) continue;
      const address = addressIn(document, channel);
      byAddress.set(address, [...(byAddress.get(address) ?? []), { document, watch, channel, memory }]);
    }
  }
  for (const told of byAddress.values()) {
    const now = ports.clock();
    const last = told.flatMap(({ memory, channel }) => memory?.value.digests[channel]?.at ?? []).sort(compareText);
    const newest = last.at(-1);
    if (newest === undefined) {
      await remember(ports, told, new Map());
      continue;
    }
    if (now.getTime() - Date.parse(newest) < everyMs) continue;
    const [first] = told as [Told, ...Told[]];
    const { notice, open } = await digestOf(ports, told, now);
    if (notice !== undefined) {
      const { outcome, detail } = await send(ports, first.document, first.channel, notice);
      const fields = { organization: first.document.id, channel: first.channel, outcome, detail };
      if (outcome !== 'delivered') {
        // Nothing is lost: tomorrow it is as true as today.
        log.warn('digest not delivered', fields);
        continue;
      }
      log.info('digest delivered', fields);
    }
    await remember(ports, told, open);
  }
}

/** Notes that a digest was sent, and how much of each watch was open in it. */
async function remember(
  { store, clock }: DeliveryPorts,
  told: readonly Told[],
  open: ReadonlyMap<string, number>,
): Promise<void> {
  const at = clock().toISOString();
  for (const { watch, channel } of told) {
    // Read again: a run may have written it meanwhile. Whoever loses this race sends the digest a day later once more.
    const read = await store.watchMemory(watch);
    const memory = read?.value ?? noWatchMemory;
    const count = open.get(nameOf(watch));
    const entry = count === undefined ? { at } : { at, open: count };
    await store.putWatchMemory(watch, { ...memory, digests: { ...memory.digests, [channel]: entry } }, read?.etag, []);
  }
}

function nameOf({ organization, evaluation }: Watch): string {
  return `${organization}.${evaluation}`;
}

/** Everything that is open; no notice where there is nothing to say. */
async function digestOf(
  ports: DeliveryPorts,
  told: readonly Told[],
  now: Date,
): Promise<{ readonly notice: Notice | undefined; readonly open: ReadonlyMap<string, number> }> {
  const { store } = ports;
  const at = now.toISOString();
  const open = new Map<string, number>();
  const subjects: NoticeSubject[] = [];
  const deadlines: Deadline[] = [];
  const documents = new Map(told.map(({ document }) => [document.id, document]));
  const saidOf = new Map<string, readonly Statement[]>();
  for (const id of documents.keys()) saidOf.set(id, await store.statements(id));
  const counts = { accepted: 0, silenced: 0, watched: 0 };
  let before: number | undefined;
  // Of two channels of an organization with one address its watches are told once.
  for (const { document, watch, channel, memory } of new Map(told.map((one) => [nameOf(one.watch), one])).values()) {
    const said = saidOf.get(document.id) ?? [];
    const organization = named(document);
    let openHere = 0;
    const wanted = told
      .filter((one) => nameOf(one.watch) === nameOf(watch))
      .map((one) => document.channels[one.channel]?.when ?? {});
    for await (const state of statesOf(ports, watch)) {
      counts.watched += 1;
      deadlines.push(...comingIn(state, document, watch, now));
      const { reminded: found, accepted, silenced } = stillOpen(state, watch, said, now);
      const reminded = found.filter((one) => wanted.some((when) => wantedOf(when, watch.evaluation, [one]).length > 0));
      counts.accepted += accepted;
      counts.silenced += silenced;
      openHere += reminded.length;
      const { subject } = state.run;
      if (reminded.length > 0)
        subjects.push({ organization, evaluation: watch.evaluation, subject, transitions: reminded, answers: {} });
    }
    open.set(nameOf(watch), openHere);
    const openThen = memory?.value.digests[channel]?.open;
    if (openThen !== undefined) before = (before ?? 0) + openThen;
    const blind = stillBlind(memory?.value ?? noWatchMemory, at);
    if (blind.length > 0)
      subjects.push({
        organization,
        evaluation: watch.evaluation,
        subject: wholeWatch,
        transitions: blind,
        answers: {},
      });
    deadlines.push(...(await factsThatExpire(ports, document, watch, now)));
  }
  for (const [id, said] of saidOf) {
    const document = documents.get(id);
    if (document === undefined) continue;
    deadlines.push(...statementsThatEnd(document, said, now), ...(await keysThatExpire(ports, document, now)));
  }
  const total = [...open.values()].reduce((sum, count) => sum + count, 0);
  const digest: Digest = {
    open: causeGroupsOf(subjects).toSorted((a, b) => compareText(oldest(a), oldest(b))),
    deadlines: deadlines.sort((a, b) => compareText(a.at, b.at)),
    accepted: counts.accepted,
    silenced: counts.silenced,
    trend: { now: total, before },
    watched: counts.watched,
  };
  const isEmpty =
    digest.open.length + digest.deadlines.length + digest.accepted + digest.silenced + (before ?? 0) === 0;
  const [first] = [...documents.values()];
  if (isEmpty || first === undefined) return { notice: undefined, open };
  const notice = noticeOf({
    kind: 'digest',
    organization: named(first),
    organizations: [...documents.values()].map(named),
    evaluation: { id: 'digest', title: 'the week', questions: {}, answerWords },
    runId: `${first.id}.digest.${dayOf(at)}`,
    at,
    subjects,
    digest,
    totals: { subjects: counts.watched, answers: {} },
    ...(ports.publicUrl === undefined ? {} : { link: `${ports.publicUrl}/api/organizations/${first.id}/incidents` }),
  });
  return { notice: { ...notice, causes: digest.open }, open };
}

function oldest({ affected }: Digest['open'][number]): string {
  return affected.map(({ since }) => since).sort(compareText)[0] ?? '';
}

/** Incidents of a subject that are open and were told, as they are now. */
function stillOpen(
  state: SubjectState,
  watch: Watch,
  said: readonly Statement[],
  now: Date,
): { readonly reminded: Transition[]; readonly accepted: number; readonly silenced: number } {
  const reminded: Transition[] = [];
  let [accepted, silenced] = [0, 0];
  const { run } = state;
  for (const { rule, target, memory, finding } of rememberedOf(state)) {
    const { open, told, owner } = memory;
    if (open === undefined) continue;
    const { message = notJudged, evidence = [], remedy, supportCase, verdict = 'unknown' } = finding ?? {};
    const transition: Transition = {
      kind: 'reminded',
      reason: 'still-failing',
      subject: run.subject,
      at: now.toISOString(),
      since: open.since,
      of: {
        type: 'finding',
        rule,
        ...(target === undefined ? {} : { target }),
        verdict,
        ...(open.severity === undefined ? {} : { severity: open.severity }),
        ...(owner === undefined ? {} : { owner }),
        message,
        ...(evidence[0] === undefined ? {} : { observed: evidence[0].observed }),
        ...(remedy === undefined ? {} : { remedy }),
        ...(supportCase === undefined ? {} : { supportCase }),
      },
    };
    if (!isWorthTelling(transition)) continue;
    const hush = hushOf(said, watch, run.subject, { rule, target, owner }, now);
    if (hush.silenced !== undefined) silenced += 1;
    else if (hush.accepted !== undefined) accepted += 1;
    else if (told !== undefined) reminded.push(transition);
  }
  return { reminded, accepted, silenced };
}

function stillBlind({ blind }: WatchMemory, at: string): Transition[] {
  return Object.entries(blind)
    .filter(([, { told }]) => told.length > 0)
    .map(([cause, { since, told, message, remedy }]) => ({
      kind: 'blind',
      reason: 'still-blind',
      subject: wholeWatch,
      at,
      since,
      of: {
        type: 'watch',
        cause,
        message,
        remedy,
        subjects: told.filter((subject) => subject !== wholeWatch).slice(0, 100),
        count: told.length,
        left: told.length,
      },
    }));
}

/** What the last look knew to be coming: a rotation, a certificate or support that ends. */
function comingIn({ run }: SubjectState, document: OrganizationDocument, watch: Watch, now: Date): Deadline[] {
  const found = new Map(
    run.findings.flatMap(({ comes }) => (comes === undefined ? [] : [[`${comes.at} ${comes.what}`, comes]])),
  );
  return [...found.values()]
    .filter(({ at }) => Date.parse(at) > now.getTime())
    .map(({ at, what }) => ({
      at,
      organization: named(document),
      evaluation: watch.evaluation,
      subject: run.subject,
      what,
    }));
}

async function factsThatExpire(
  { store }: DeliveryPorts,
  document: OrganizationDocument,
  watch: Watch,
  now: Date,
): Promise<Deadline[]> {
  const soon = (await store.facts(watch)).filter(
    ({ expiresAt }) => Date.parse(expiresAt) > now.getTime() && Date.parse(expiresAt) - now.getTime() < factsAheadMs,
  );
  return [...Map.groupBy(soon, ({ name, expiresAt }) => `${name} ${dayOf(expiresAt)}`).values()].flatMap((ofOne) => {
    const [first] = ofOne;
    if (first === undefined) return [];
    const about = ofOne.length === 1 ? first.subject : `${ofOne.length} subjects`;
    return [
      {
        at: first.expiresAt,
        organization: named(document),
        evaluation: watch.evaluation,
        subject: first.subject,
        what: `what was supplied as ${first.name} about ${about} expires; supply it again`,
      },
    ];
  });
}

function statementsThatEnd(document: OrganizationDocument, said: readonly Statement[], now: Date): Deadline[] {
  return said
    .filter((one) => holds(one, now) && Date.parse(one.until) - now.getTime() < aheadMs)
    .map((one) => ({
      at: one.until,
      organization: named(document),
      evaluation: one.kind === 'silence' ? (one.match.evaluation ?? '') : '',
      subject: one.kind === 'silence' ? (one.match.subject ?? '') : one.key,
      what: `the ${one.kind} ${one.id} ends (${one.reason})`,
    }));
}

/** A collector whose key has expired is refused, and nobody sees it until what it supplied has expired, too. */
async function keysThatExpire(
  { store }: DeliveryPorts,
  document: OrganizationDocument,
  now: Date,
): Promise<Deadline[]> {
  return keysToReplace(await store.keys(document.id), now, aheadDays).map(({ name, role, expiresAt }) => ({
    at: expiresAt,
    organization: named(document),
    evaluation: '',
    subject: '',
    what: `the ${role}'s key "${name}" expires; make another of that name, and put it where this one is`,
  }));
}

async function* statesOf({ store }: DeliveryPorts, watch: Watch): AsyncGenerator<SubjectState> {
  let page: Page<SubjectState> | undefined;
  do {
    page = await store.listStates(watch, statesAtOnce, page?.continuation);
    yield* page.items;
  } while (page.continuation !== undefined);
}
