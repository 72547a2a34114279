// Who hears of what: the channels of an evaluation, and what each of them wants to hear.
import { z } from 'zod';
import { type Owner, owners, type Severity, severities } from './rule.ts';
import { isWorthTelling } from './telling.ts';
import type { Transition, TransitionKind } from './transition.ts';
import { enumerate, ownerWords } from './words.ts';

/** Kinds of news that a route may name. */
const routedKinds = [
  'opened',
  'reopened',
  'worsened',
  'resolved',
  'reminded',
  'flapping',
  'steady',
  'blind',
  'seeing',
  'accepted',
  'silenced',
  'added',
  'removed',
] as const satisfies readonly TransitionKind[];

/** What a channel wants to hear; what is left out limits nothing. */
export const channelWhen = z
  .strictObject({
    severity: z
      .enum(severities)
      .optional()
      .describe('Findings that are, or were, at least as bad as this: "high" is high and critical.'),
    owners: z.array(z.enum(owners)).min(1).optional().describe('Findings that one of these has to mend.'),
    evaluations: z.array(z.string()).min(1).optional().describe('What these evaluations find, by their ids.'),
    kinds: z
      .array(z.enum(routedKinds))
      .min(1)
      .optional()
      .describe('News of these kinds: "opened", "resolved" …; "reminded" is the digest of the week.'),
  })
  .describe('What this channel wants to hear of what its evaluations tell it; everything when left out.');
export type ChannelWhen = z.infer<typeof channelWhen>;

/** Channels by name with what each wants to hear; `{}` is everything. */
export type Receivers = Readonly<Record<string, ChannelWhen>>;

interface Routing {
  readonly channels: Readonly<Record<string, { readonly kind: string; readonly when?: ChannelWhen | undefined }>>;
  readonly evaluations: Readonly<Record<string, { readonly channels: readonly string[] } | undefined>>;
}

/** Who hears of an evaluation. A ping hears of cycles and of nothing that is found. */
export function receiversIn({ channels, evaluations }: Routing, evaluation: string): Receivers {
  return receiversNamed({ channels }, evaluations[evaluation]?.channels ?? []);
}

/** These channels of a document, with what each wants to hear; pings left out. */
export function receiversNamed({ channels }: Pick<Routing, 'channels'>, names: readonly string[]): Receivers {
  return Object.fromEntries(
    names.flatMap((name) => {
      const channel = channels[name];
      return channel === undefined || channel.kind === 'ping' ? [] : [[name, channel.when ?? {}]];
    }),
  );
}

/** What of the changes of one subject each channel hears. */
export interface Told {
  readonly channel: string;
  readonly transitions: Transition[];
}

/**
 * Shares out the changes of one subject. A channel hears nothing where all that is left for it is advice.
 *
 * @returns what each channel hears, and how many changes that are worth telling none of them wants, though there are channels
 */
export function routed(
  receivers: Receivers,
  evaluation: string,
  transitions: readonly Transition[],
): { readonly told: readonly Told[]; readonly nowhere: number } {
  const heard = new Set<Transition>();
  const told: Told[] = [];
  for (const [channel, when] of Object.entries(receivers)) {
    const wanted = wantedOf(when, evaluation, transitions);
    for (const one of wanted) heard.add(one);
    if (wanted.some(isWorthTelling)) told.push({ channel, transitions: wanted });
  }
  const hasChannels = Object.keys(receivers).length > 0;
  return {
    told,
    nowhere: hasChannels ? transitions.filter((one) => isWorthTelling(one) && !heard.has(one)).length : 0,
  };
}

/** Severities that are told by themselves. */
const toldSeverities = ['critical', 'high', 'medium'] as const;

/**
 * What of an evaluation no route takes, in words: `high findings of Microsoft`, `that a finding is over`. Empty when all that
 * is worth telling goes to some channel.
 */
export function untakenOf(receivers: Receivers, evaluation: string): readonly string[] {
  const isTaken = (one: Transition) =>
    Object.values(receivers).some((when) => wantedOf(when, evaluation, [one]).length > 0);
  const finding = (kind: TransitionKind, severity: Severity, owner: Owner): Transition => ({
    ...{ kind, reason: 'first-seen', subject: '', at: '', since: '' },
    of: { type: 'finding', rule: '', verdict: 'fail', severity, owner, message: '' },
  });
  const open = (severity: Severity) => owners.filter((owner) => !isTaken(finding('opened', severity, owner)));
  const everywhere = owners.filter((owner) => toldSeverities.every((severity) => open(severity).includes(owner)));
  const ofSeverity = toldSeverities.flatMap((severity) => {
    const whose = open(severity);
    if (whose.length === owners.length) return everywhere.length === owners.length ? [] : [`${severity} findings`];
    const more = whose.filter((owner) => !everywhere.includes(owner));
    return more.length === 0 ? [] : [`${severity} findings of ${enumerate(more.map((owner) => ownerWords[owner]))}`];
  });
  const isOpenTaken = everywhere.length < owners.length;
  const isOverTaken = owners.some((owner) => isTaken(finding('resolved', 'critical', owner)));
  const blind: Transition = {
    ...{ kind: 'blind', reason: 'nobody-can-look', subject: '', at: '', since: '' },
    of: { type: 'watch', cause: '', message: '', remedy: '', subjects: [], count: 0, left: 0 },
  };
  return [
    ...(isOpenTaken ? [] : ['findings that open']),
    ...(isOpenTaken && everywhere.length > 0
      ? [`findings of ${enumerate(everywhere.map((owner) => ownerWords[owner]))}`]
      : []),
    ...ofSeverity,
    ...(isOverTaken ? [] : ['that a finding is over']),
    ...(isTaken(blind) ? [] : ['that nobody can look']),
  ];
}

/** Does a channel want the digest of the week, of this evaluation? */
export function wantsDigest({ evaluations, kinds }: ChannelWhen, evaluation: string): boolean {
  return evaluations?.includes(evaluation) !== false && kinds?.includes('reminded') !== false;
}

/**
 * What of these changes a channel wants to hear. Severity and owner are asked of findings. Answers, and subjects that come or
 * go, follow the findings of their subject where a route asks for those; that nobody can look, or can again, concerns all.
 */
export function wantedOf(when: ChannelWhen, evaluation: string, transitions: readonly Transition[]): Transition[] {
  if (when.evaluations !== undefined && !when.evaluations.includes(evaluation)) return [];
  const asksForFindings = when.severity !== undefined || when.owners !== undefined;
  const hasFinding = transitions.some((one) => isWantedFinding(one, when));
  const follows = !asksForFindings || hasFinding;
  return transitions.filter((one) => isWantedKind(one, when) && isWantedThing(one, when, follows));
}

function isWantedThing(one: Transition, when: ChannelWhen, follows: boolean): boolean {
  switch (one.of.type) {
    case 'finding':
      return isWantedFinding(one, when);
    case 'watch':
      return true;
    case 'answer':
      return follows || one.of.to === 'undetermined';
    case 'subject':
      return follows;
  }
}

function isWantedKind({ kind }: Transition, { kinds }: ChannelWhen): boolean {
  // Kinds that only releases before wrote are in no route.
  const name = kind === 'reminder' ? 'reminded' : kind === 'went_unknown' ? 'blind' : kind;
  return kinds === undefined || kinds.includes(name);
}

function isWantedFinding(one: Transition, when: ChannelWhen): boolean {
  if (one.of.type !== 'finding' || !isWantedKind(one, when)) return false;
  const { severity, owner } = one.of;
  if (when.owners !== undefined && (owner === undefined || !when.owners.includes(owner))) return false;
  return (
    when.severity === undefined ||
    (severity !== undefined && severities.indexOf(severity) <= severities.indexOf(when.severity))
  );
}
