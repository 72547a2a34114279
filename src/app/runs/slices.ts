import type { OrganizationDocument } from '../../domain/organization.ts';
import { receiversIn } from '../../domain/route.ts';
import type { Subject } from '../../domain/subject.ts';
import { messageLimit, type SliceMessage } from '../../queue/queue.ts';
import { policiesOf } from '../organizations/subjects.ts';

/** Subjects in a slice of several: state rows and the slice's result fit into one entity-group transaction of 100 operations. */
const sliceSize = 96;

/** As many as this are one slice all the same: a second transaction costs less than a second message. */
export const singleSlice = 100;

/** Cuts the subjects of a run into messages, each complete in itself. */
export function slicesOf(
  document: OrganizationDocument,
  evaluation: string,
  runId: string,
  subjects: readonly Subject[],
): SliceMessage[] {
  const policies = policiesOf(document, evaluation);
  const receivers = receiversIn(document, evaluation);
  const groups: Subject[][] = [];
  const most = subjects.length <= singleSlice ? singleSlice : sliceSize;
  let room = 0;
  for (const subject of subjects) {
    // Its id may stand among those that were added as well.
    const size = Buffer.byteLength(JSON.stringify(subject)) + Buffer.byteLength(subject.id) + 4;
    const last = groups.at(-1);
    if (last === undefined || last.length === most || size > room) {
      groups.push([subject]);
      room = messageLimit - 4_000 - Buffer.byteLength(JSON.stringify({ policies, receivers })) - size;
    } else {
      last.push(subject);
      room -= size;
    }
  }
  return groups.map((group, index) => ({
    organization: document.id,
    evaluation,
    runId,
    slice: index,
    slices: groups.length,
    subjects: group,
    policies: { ...policies },
    receivers,
    added: [],
  }));
}

/** A slice with those of its subjects that came into the watch with the run. */
export function withAdded(message: SliceMessage, added: ReadonlySet<string>): SliceMessage {
  return { ...message, added: message.subjects.map(({ id }) => id).filter((id) => added.has(id)) };
}
