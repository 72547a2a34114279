import type { Evaluation, EvaluationId } from '../domain/rule.ts';
import type { AtDoors } from '../doors/door.ts';
import { dkimAtDoors } from './dkim/doors.ts';
import { dkim } from './dkim/index.ts';
import { smtpSourceIpAtDoors } from './smtp-source-ip/doors.ts';
import { smtpSourceIp } from './smtp-source-ip/index.ts';
import { teamsExchangeInteropAtDoors } from './teams-exchange-interop/doors.ts';
import { teamsExchangeInterop } from './teams-exchange-interop/index.ts';

/** THE list of evaluations. */
export const evaluations: readonly (Evaluation & AtDoors)[] = [
  { ...dkim, ...dkimAtDoors },
  { ...teamsExchangeInterop, ...teamsExchangeInteropAtDoors },
  { ...smtpSourceIp, ...smtpSourceIpAtDoors },
];

/** @throws Error when the list has no evaluation of that id, which is a fault of ours: ids are checked at every door. */
export function evaluationOf(id: EvaluationId): Evaluation {
  const found = evaluations.find((evaluation) => evaluation.id === id);
  if (found === undefined) throw new Error(`There is no evaluation ${id}.`);
  return found;
}

/** The questions of an evaluation as a person asks them, by id. */
export function questionTitles(id: EvaluationId): Readonly<Record<string, string>> {
  return Object.fromEntries(evaluationOf(id).questions.map((question) => [question.id, question.title]));
}
