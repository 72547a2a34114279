import { randomUUID } from 'node:crypto';
import { authorOf } from '../../domain/access.ts';
import { findingKey } from '../../domain/finding.ts';
import { inherited, readIncidentKey } from '../../domain/incident.ts';
import { InvalidDocument, parseDocument } from '../../domain/organization.ts';
import {
  type Acceptance,
  acceptanceRequest,
  faultOfSpan,
  holds,
  isToCome,
  type Silence,
  type Statement,
  silenceRequest,
  wordsOf,
} from '../../domain/statement.ts';
import { audited } from '../access/audit.ts';
import { storedOrganization } from '../organizations/watches.ts';
import type { Ports } from '../ports.ts';
import { notFound, Problem } from '../problem.ts';

type StatementPorts = Pick<Ports, 'store' | 'clock' | 'log' | 'evaluations' | 'by'>;

/**
 * Silences what fits, from now or a time on until a time that has to be named.
 *
 * @param named who says it, in his own words: counts on one's own machine
 * @throws InvalidDocument naming what is wrong and where; Problem (404)
 */
export async function addSilence(
  ports: StatementPorts,
  organization: string,
  request: unknown,
  named?: string,
): Promise<Silence> {
  const { store, clock, evaluations } = ports;
  const { match, from, until, reason, ticket } = parseDocument('silence', silenceRequest, request);
  await storedOrganization(ports, organization);
  const { evaluation, rule } = match;
  if (evaluation !== undefined && evaluations.find(evaluation) === undefined)
    throw new InvalidDocument('silence', [
      `match.evaluation: "${evaluation}" is none of ${evaluations.ids.join(', ')}`,
    ]);
  if (rule !== undefined && !evaluations.all.some(({ rules }) => rules.some(({ id }) => id === rule)))
    throw new InvalidDocument('silence', [`match.rule: "${rule}" is no rule`]);
  const at = clock().toISOString();
  const silence: Silence = {
    kind: 'silence',
    id: idOf('silence', at),
    at,
    by: authorOf(ports.by, named),
    reason,
    ...(ticket === undefined ? {} : { ticket }),
    from: from === undefined ? at : new Date(from).toISOString(),
    until: new Date(until).toISOString(),
    match,
  };
  refuseSpan('silence', silence.from, silence.until, clock());
  await audited(ports, { action: 'silence.add', organization, target: silence.id, detail: wordsOf(silence) });
  await store.putStatement(organization, silence);
  noteSaid(ports, organization, silence);
  return silence;
}

/**
 * Accepts an incident that is open: known, and not told any more until then or until it gets worse.
 *
 * @param named who says it, in his own words: counts on one's own machine
 * @throws InvalidDocument naming what is wrong and where; Problem when there is no such organization or incident (404), or it is not open (409)
 */
export async function addAcceptance(
  ports: StatementPorts,
  organization: string,
  request: unknown,
  named?: string,
): Promise<Acceptance> {
  const { store, clock } = ports;
  const { key, until, reason, ticket } = parseDocument('acceptance', acceptanceRequest, request);
  await storedOrganization(ports, organization);
  const parts = readIncidentKey(key);
  if (parts === undefined || parts.organization !== organization)
    throw new InvalidDocument('acceptance', [
      `key: "${key}" is no incident of ${organization}; it reads ${organization}/<evaluation>/<subject>/<rule>[#<target>]`,
    ]);
  const { evaluation, subject } = parts;
  const state = (await store.states({ organization, evaluation }, [subject])).get(subject)?.value;
  const remembered = state?.findings[findingKey(parts)];
  if (remembered === undefined) throw notFound(`The incident "${key}"`);
  const { open } = inherited(remembered);
  if (open === undefined) throw new Problem(409, `The incident "${key}" is not open: there is nothing to accept.`);
  const at = clock().toISOString();
  const acceptance: Acceptance = {
    kind: 'acceptance',
    id: idOf('acceptance', at),
    at,
    by: authorOf(ports.by, named),
    reason,
    ...(ticket === undefined ? {} : { ticket }),
    until: new Date(until).toISOString(),
    key,
    ...(open.severity === undefined ? {} : { severity: open.severity }),
  };
  refuseSpan('acceptance', at, acceptance.until, clock());
  await audited(ports, { action: 'acceptance.add', organization, target: acceptance.id, detail: wordsOf(acceptance) });
  await store.putStatement(organization, acceptance);
  noteSaid(ports, organization, acceptance);
  return acceptance;
}

/** What was said of one kind: what holds or is to come, with `all` also what is over; in order of time. @throws Problem (404) */
export async function listStatements(
  ports: StatementPorts,
  organization: string,
  kind: Statement['kind'],
  all = false,
): Promise<readonly Statement[]> {
  await storedOrganization(ports, organization);
  const now = ports.clock();
  return (await ports.store.statements(organization)).filter(
    (one) => one.kind === kind && (all || holds(one, now) || isToCome(one, now)),
  );
}

/** Ends it before its time; once ended it stays as it is. @throws Problem (404) */
export async function endStatement(
  ports: StatementPorts,
  organization: string,
  kind: Statement['kind'],
  id: string,
): Promise<Statement> {
  const { store, clock, log } = ports;
  await storedOrganization(ports, organization);
  const found = (await store.statements(organization)).find((one) => one.kind === kind && one.id === id);
  if (found === undefined) throw notFound(`The ${kind} "${id}" of "${organization}"`);
  if (found.endedAt !== undefined) return found;
  const by = authorOf(ports.by, undefined);
  const ended: Statement = { ...found, endedAt: clock().toISOString(), endedFor: `ended by ${by}` };
  await audited(ports, { action: `${kind}.end`, organization, target: id });
  await store.putStatement(organization, ended);
  log.info('statement ended', { organization, kind, id, by });
  return ended;
}

/** It sorts by time, and no two are the same. */
function idOf(kind: Statement['kind'], at: string): string {
  return `${kind}-${at.slice(0, 10).replaceAll('-', '')}-${randomUUID().slice(0, 8)}`;
}

function refuseSpan(kind: Statement['kind'], from: string, until: string, now: Date): void {
  const fault = faultOfSpan(kind, from, until, now);
  if (fault !== undefined) throw new InvalidDocument(kind, [fault]);
}

function noteSaid(
  { log }: StatementPorts,
  organization: string,
  { kind, id, by, until, reason, ticket }: Statement,
): void {
  log.info('statement added', { organization, kind, id, by, until, reason, ticket });
}
