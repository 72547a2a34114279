import { z } from 'zod';
import { domainName } from '../domain/domain-name.ts';
import { InvalidDocument, parseDocument } from '../domain/organization.ts';
import { type EvaluationId, evaluationIds } from '../domain/rule.ts';
import { type Subject, subject } from '../domain/subject.ts';
import type { AdHoc } from './ad-hoc.ts';
import { Problem } from './problem.ts';
import { readSupplied } from './supplied.ts';

/** Subjects of one ad hoc request. More belong into an organization's document. */
const adHocLimit = 100;

const wanted = `is none of {"domains": […]} (up to ${adHocLimit}, dkim only), {"subject": {…}}, {"facts": …}`;

/** The bodies of `POST evaluations/{evaluation}`, told apart by their first key, so that a fault is named where it is. */
const adHocBodies = {
  facts: z.strictObject({ facts: z.unknown() }),
  subject: z.strictObject({ subject }),
  domains: z.strictObject({
    domains: z
      .array(domainName)
      .min(1, { error: 'names no domain' })
      .max(adHocLimit, { error: `takes ${adHocLimit} at most; more belong into an organization's document` }),
    selectors: z.array(z.string()).min(1).optional(),
  }),
};

/** The body of `POST evaluations/{evaluation}`. */
export const adHocBody = z.union([adHocBodies.domains, adHocBodies.subject, adHocBodies.facts], { error: wanted });

/** @throws Problem 404 when there is no such evaluation */
export function evaluationName(text: string | undefined): EvaluationId {
  const found = evaluationIds.find((id) => id === text);
  if (found === undefined)
    throw new Problem(
      404,
      `There is no evaluation "${String(text).slice(0, 60)}"; there are ${evaluationIds.join(', ')}.`,
    );
  return found;
}

/**
 * What an {@link adHocBody} asks for.
 *
 * @throws InvalidDocument naming what is wrong and where
 */
export function adHocRequest(evaluation: EvaluationId, body: unknown): Omit<AdHoc, 'now'> {
  const keys = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  if (keys.includes('facts')) {
    const { facts } = parseDocument('request', adHocBodies.facts, body);
    const content = new TextEncoder().encode(JSON.stringify(facts ?? null));
    const supply = readSupplied(evaluation, [{ name: 'facts', content, writtenAt: new Date().toISOString() }]);
    return { evaluation, subjects: limited(supply.subjects), supply };
  }
  if (keys.includes('subject')) {
    const { subject: one } = parseDocument('request', adHocBodies.subject, body);
    return { evaluation, subjects: [ofKind(evaluation, one)] };
  }
  if (!keys.includes('domains')) throw new InvalidDocument('request', [wanted]);
  if (evaluation !== 'dkim')
    throw new Problem(400, `"domains" is for dkim only; ${evaluation} wants {"subject": {…}} or {"facts": …}.`);
  const { domains, selectors = ['selector1', 'selector2'] } = parseDocument('request', adHocBodies.domains, body);
  return { evaluation, subjects: domains.map((id) => ({ kind: 'mail-domain', id, selectors })) };
}

function ofKind(evaluation: EvaluationId, one: Subject): Subject {
  const kind = {
    dkim: 'mail-domain',
    'teams-exchange-interop': 'exchange-organization',
    'smtp-source-ip': 'smtp-service',
  }[evaluation];
  if (one.kind !== kind)
    throw new Problem(400, `subject.kind is "${one.kind}"; ${evaluation} looks at subjects of kind "${kind}".`);
  return one;
}

function limited(subjects: readonly Subject[]): readonly Subject[] {
  if (subjects.length === 0) throw new Problem(400, 'The facts name no subject.');
  if (subjects.length > adHocLimit)
    throw new Problem(413, `The facts are of ${subjects.length} subjects; one request takes ${adHocLimit}.`);
  return subjects;
}
