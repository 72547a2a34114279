// A fourth evaluation that the product knows nothing of: what a box of marbles needs is said here, and nowhere else.
import { z } from 'zod';
import { evaluation } from '../../src/domain/evaluation.ts';
import { factKinds } from '../../src/domain/fact.ts';
import { known, noFacts } from '../../src/domain/fact-set.ts';
import { InvalidDocument, settingsOf } from '../../src/domain/organization.ts';
import { ruleFactory } from '../../src/domain/rule.ts';
import { bound } from '../../src/domain/source.ts';
import type { Registration } from '../../src/evaluations/registration.ts';
import type { SuppliedFormat } from '../../src/sources/supplied/format.ts';
import { suppliedOnly } from '../../src/sources/supplied/only.ts';

const box = z.strictObject({ kind: z.literal('box'), id: z.string(), marbles: z.array(z.string()) });
type Box = z.infer<typeof box>;

const lid = z.object({ closed: z.boolean() }).meta({ title: 'lid' });
const marble = z.object({ colour: z.string(), grams: z.number() }).meta({ title: 'marble', goodForHours: 24 });

const boxFacts = factKinds({ lid, marble }, { marble: 'marble' });
type BoxFacts = typeof boxFacts;

const rule = ruleFactory<BoxFacts, Box>();

const lidClosed = rule({
  id: 'toy/lid-closed',
  title: 'The lid is closed',
  severity: 'high',
  blocks: ['nothing-lost'],
  needs: ['lid'],
  judge: ({ lid: { closed } }, { subject }) =>
    closed
      ? { verdict: 'pass', message: `The lid of ${subject.id} is closed.` }
      : {
          verdict: 'fail',
          owner: 'tenant',
          message: `The lid of ${subject.id} is open.`,
          remedy: `Close ${subject.id}.`,
        },
});

const marbleHeavy = rule({
  id: 'toy/marble-heavy',
  title: 'The marble is of glass',
  severity: 'medium',
  blocks: ['nothing-lost'],
  needs: ['marble'],
  per: 'marble',
  judge: ({ marble: { grams } }, { part }) =>
    grams >= 5
      ? { verdict: 'pass', message: `${part} weighs ${grams} g.` }
      : { verdict: 'fail', owner: 'tenant', message: `${part} weighs ${grams} g only.`, remedy: `Replace ${part}.` },
});

const coloursDiffer = rule({
  id: 'toy/colours-differ',
  title: 'No two marbles have one colour',
  severity: 'low',
  blocks: [],
  needs: ['marble'],
  per: 'marble',
  peers: ['marble'],
  judge({ marble: { colour } }, { part, peers }) {
    const twin = Object.entries(peers).find(([, other]) => other.marble.colour === colour)?.[0];
    return twin === undefined
      ? { verdict: 'pass', message: `No other marble is ${colour}.` }
      : { verdict: 'fail', owner: 'tenant', message: `${part} is ${colour}, like ${twin}.`, remedy: 'Paint one.' };
  },
});

const file = z.strictObject({
  box: z.string(),
  closed: z.boolean(),
  marbles: z.record(z.string(), z.object({ colour: z.string(), grams: z.number() })),
});

const boxFiles: SuppliedFormat = {
  wanted: 'a list of what is in a box',
  recognises: ({ rows }) => rows.every((row) => 'box' in row),
  read(files) {
    const boxes = files.flatMap(({ name, rows, writtenAt }) =>
      rows.map((row) => {
        const parsed = file.safeParse(row);
        if (!parsed.success) throw new InvalidDocument(name, ['is no list of what is in a box']);
        return { ...parsed.data, writtenAt };
      }),
    );
    return {
      name: 'box-file',
      subjects: boxes.map(({ box: id, marbles }): Box => ({ kind: 'box', id, marbles: Object.keys(marbles) })),
      factsFor({ id }) {
        const found = boxes.find((one) => one.box === id);
        if (found === undefined) return noFacts;
        const marbles = Object.entries(found.marbles).map(([name, value]) => [
          name,
          { marble: known(value, 'box file', found.writtenAt) },
        ]);
        return {
          facts: { lid: known({ closed: found.closed }, 'box file', found.writtenAt) },
          parts: { marble: Object.fromEntries(marbles) },
        };
      },
    };
  },
};

export const toy: Registration = {
  ...evaluation({
    id: 'toy',
    title: 'Boxes of marbles',
    subjectKind: 'box',
    subject: box,
    facts: boxFacts,
    subjectId: { is: 'a box', example: 'attic' },
    questions: [{ id: 'nothing-lost', title: 'Can nothing get lost?' }],
    rules: [lidClosed, marbleHeavy, coloursDiffer],
    settings: settingsOf('0 15 6 * * *', { boxes: z.record(z.string(), z.array(z.string())).default({}) }),
    subjects: (_, { boxes }) =>
      Object.entries(boxes)
        .sort()
        .map(([id, marbles]): Box => ({ kind: 'box', id, marbles })),
    parts: ({ marbles }) => ({ marble: marbles }),
  }),
  bind: () =>
    bound<BoxFacts, Box>({
      lid: suppliedOnly('lid', 'write down what is in the box'),
      marble: suppliedOnly('marble', 'write down what is in the box'),
    }),
  files: [boxFiles],
  grants: [],
};
