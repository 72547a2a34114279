import { z } from 'zod';
import { domainName } from '../domain/domain-name.ts';
import { parseDocument } from '../domain/organization.ts';
import { type EvaluationId, evaluationIds } from '../domain/rule.ts';
import { type Subject, subject } from '../domain/subject.ts';
import type { AdHoc } from './ad-hoc.ts';
import { Problem } from './problem.ts';
import { readSupplied } from './supplied.ts';

/** Subjects of one ad hoc request. More belong into an organization's document. */
const adHocLimit = 100;

/** The body of `POST evaluations/{evaluation}`. */
export const adHocBody = z.union(
  [
    z.strictObject({
      domains: z.array(domainName).min(1).max(adHocLimit),
      selectors: z.array(z.string()).min(1).optional(),
    }),
    z.strictObject({ subject }),
    z.strictObject({ facts: z.unknown() }),
  ],
  { error: `is none of {"domains": […]} (up to ${adHocLimit}, dkim only), {"subject": {…}}, {"facts": …}` },
);

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
  const parsed = parseDocument('request', adHocBody, body);
  if ('facts' in parsed) {
    const content = new TextEncoder().encode(JSON.stringify(parsed.facts ?? null));
    const supply = readSupplied(evaluation, [{ name: 'facts', content, writtenAt: new Date().toISOString() }]);
    return { evaluation, subjects: limited(supply.subjects), supply };
  }
  if ('subject' in parsed) return { evaluation, subjects: [ofKind(evaluation, parsed.subject)] };
  if (evaluation !== 'dkim')
    throw new Problem(400, `"domains" is for dkim only; ${evaluation} wants {"subject": {…}} or {"facts": …}.`);
  const selectors = parsed.selectors ?? ['selector1', 'selector2'];
  return { evaluation, subjects: parsed.domains.map((id) => ({ kind: 'mail-domain', id, selectors })) };
}

function ofKind(evaluation: EvaluationId, one: Subject): Subject {
  const wanted = {
    dkim: 'mail-domain',
    'teams-exchange-interop': 'exchange-organization',
    'smtp-source-ip': 'smtp-service',
  }[evaluation];
  if (one.kind !== wanted)
    throw new Problem(400, `subject.kind is "${one.kind}"; ${evaluation} looks at subjects of kind "${wanted}".`);
  return one;
}

function limited(subjects: readonly Subject[]): readonly Subject[] {
  if (subjects.length === 0) throw new Problem(400, 'The facts name no subject.');
  if (subjects.length > adHocLimit)
    throw new Problem(413, `The facts are of ${subjects.length} subjects; one request takes ${adHocLimit}.`);
  return subjects;
}
