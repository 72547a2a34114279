import { z } from 'zod';
import { InvalidDocument, parseDocument } from '../../domain/organization.ts';
import { type Subject, subject } from '../../domain/subject.ts';
import type { Registration } from '../../evaluations/registration.ts';
import type { Registry } from '../../evaluations/registry.ts';
import { rowsOf } from '../../sources/supplied/rows.ts';
import { Problem } from '../problem.ts';
import { readOpened } from '../supplied/read.ts';
import type { AdHoc } from './ad-hoc.ts';

/** Subjects of one ad hoc request. More belong into an organization's document. */
const adHocLimit = 100;

/** The bodies of `POST evaluations/{evaluation}` that every evaluation takes. */
const facts = z.strictObject({ facts: z.unknown() });
const oneSubject = z.strictObject({ subject });

/** The body of `POST evaluations/{evaluation}`: those that any of the evaluations takes. */
export function adHocBodyOf({ all }: Registry) {
  const subjects = z.union(all.map((evaluation) => evaluation.subject));
  const named = all.flatMap(({ named }) => (named === undefined ? [] : [named.body]));
  return z.union([...named, z.strictObject({ subject: subjects }), facts]);
}

/** @throws Problem 404 when there is no such evaluation */
export function evaluationNamed(evaluations: Registry, text: string): Registration {
  const found = evaluations.find(text);
  if (found !== undefined) return found;
  throw new Problem(404, `There is no evaluation "${text.slice(0, 60)}"; there are ${evaluations.ids.join(', ')}.`);
}

/**
 * What the body of `POST evaluations/{evaluation}` asks for. Which of the bodies it is, its first key says, so that a fault
 * is named where it is.
 *
 * @throws InvalidDocument naming what is wrong and where, Problem when it is for another evaluation or too much
 */
export function adHocRequest(evaluations: Registry, name: string, body: unknown, now: Date): AdHoc {
  const request = adHocOf(evaluations, evaluationNamed(evaluations, name), body, now);
  checkBounds(request);
  return request;
}

/** Would a tenant be signed in to? All of them admitted the same application. */
export function namesTenant({ subjects }: Pick<AdHoc, 'subjects'>): boolean {
  return subjects.some((one) => 'tenantId' in one && one.tenantId !== undefined);
}

function adHocOf(evaluations: Registry, evaluation: Registration, body: unknown, now: Date): AdHoc {
  const keys = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  if (keys.includes('facts')) {
    const read = rowsOf('facts', parseDocument('request', facts, body).facts);
    const supply = readOpened(evaluation, [{ name: 'facts', ...read, writtenAt: now.toISOString() }]);
    if (supply.subjects.length === 0) throw new Problem(400, 'The facts name no subject.');
    return { evaluation, now, subjects: supply.subjects, supply };
  }
  if (keys.includes('subject')) return { evaluation, now, subjects: [subjectIn(evaluation, body)] };
  const whose = evaluations.all.find(({ named }) => named !== undefined && keys.includes(named.key));
  if (whose?.named === undefined) throw new InvalidDocument('request', [wanted(evaluations)]);
  const { key, subjectsOf } = whose.named;
  if (whose !== evaluation) {
    const bodies = evaluation.named === undefined ? '' : `{"${evaluation.named.key}": […]}, `;
    throw new Problem(
      400,
      `"${key}" is for ${whose.id} only; ${evaluation.id} wants ${bodies}{"subject": {…}} or {"facts": …}.`,
    );
  }
  return { evaluation, now, subjects: subjectsOf(body) };
}

function wanted({ all }: Registry): string {
  const named = all.flatMap(({ id, named }) =>
    named === undefined ? [] : [`{"${named.key}": […]} (up to ${adHocLimit}, ${id} only)`],
  );
  return `is none of ${[...named, '{"subject": {…}}', '{"facts": …}'].join(', ')}`;
}

/** @throws InvalidDocument, and Problem when it is a subject of another kind */
function subjectIn(evaluation: Registration, body: unknown): Subject {
  const { kind } = parseDocument('request', oneSubject, body).subject;
  if (kind !== evaluation.subjectKind)
    throw new Problem(
      400,
      `subject.kind is "${kind}"; ${evaluation.id} looks at subjects of kind "${evaluation.subjectKind}".`,
    );
  return parseDocument('request', z.strictObject({ subject: evaluation.subject }), body).subject;
}

/** A small body can ask for much. @throws Problem (413) with the bound that it is over */
function checkBounds({ evaluation, subjects }: AdHoc): void {
  const instead = "more belong into an organization's document";
  if (subjects.length > adHocLimit)
    throw new Problem(413, `This is about ${subjects.length} subjects; one request takes ${adHocLimit}, ${instead}.`);
  const inAll = new Map<string, number>();
  for (const subject of subjects) {
    for (const { what, count, mostOfOne, mostInAll } of evaluation.starts?.(subject) ?? []) {
      if (mostOfOne !== undefined && count > mostOfOne)
        throw new Problem(413, `${subject.id} has ${count} ${what}; one request takes ${mostOfOne} of each subject.`);
      const sum = (inAll.get(what) ?? 0) + count;
      inAll.set(what, sum);
      if (mostInAll !== undefined && sum > mostInAll)
        throw new Problem(
          413,
          `This would start more than ${mostInAll} ${what}; one request takes ${mostInAll}, ${instead}.`,
        );
    }
  }
}
