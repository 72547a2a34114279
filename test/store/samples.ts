import type { SubjectState } from '../../src/domain/compare.ts';
import type { PendingNotice } from '../../src/domain/notice.ts';
import type { RunRecord, SliceResult, StoredFacts, SubjectChange, Watch } from '../../src/store/store.ts';

export const watch: Watch = { organization: 'contoso', evaluation: 'dkim' };
export const runId = 'contoso.dkim.2026-11-24T06:00:00Z';

/** 06:00 UTC on 24 November 2026, and so many minutes later. */
export function time(minutes = 0): string {
  return new Date(Date.UTC(2026, 10, 24, 6, minutes)).toISOString();
}

export function stateOf(
  subject: string,
  { run = runId, at = time(), message = 'One key is published.' } = {},
): SubjectState {
  return {
    runId: run,
    run: {
      evaluation: 'dkim',
      subject,
      at,
      answers: { 'verifiable-now': 'yes' },
      findings: [
        {
          rule: 'dkim/active-key-published',
          target: 'selector1',
          verdict: 'pass',
          message,
          evidence: [{ fact: 'selector', observed: 'v=DKIM1; k=rsa; p=', at, source: 'dns' }],
        },
      ],
    },
    since: at,
    runs: 1,
    findings: { 'dkim/active-key-published#selector1': { verdict: 'pass', since: at, unknownRuns: 0 } },
    answers: { 'verifiable-now': { answer: 'yes', since: at } },
  };
}

export function noticeOf(subject: string, { channel = 'mail-team', run = runId, at = time() } = {}): PendingNotice {
  return {
    organization: watch.organization,
    evaluation: watch.evaluation,
    channel,
    runId: run,
    subject,
    at,
    transitions: [
      {
        kind: 'opened',
        reason: 'first-seen',
        subject,
        at,
        since: at,
        of: { type: 'answer', question: 'verifiable-now', to: 'no' },
      },
    ],
    answers: { 'verifiable-now': 'no' },
  };
}

export function changeOf(subject: string, rest: Partial<SubjectChange> = {}): SubjectChange {
  return { subject, state: stateOf(subject), pending: [], ...rest };
}

export function resultOf(slice: number, subjects: number, run = runId): SliceResult {
  return {
    runId: run,
    slice,
    subjects,
    answers: { 'verifiable-now': { yes: subjects } },
    verdicts: { pass: subjects },
  };
}

export function runOf(rest: Partial<RunRecord> = {}): RunRecord {
  return {
    ...watch,
    runId,
    trigger: 'schedule',
    startedAt: time(),
    deadline: time(60),
    subjects: 2,
    slices: 2,
    state: 'running',
    ...rest,
  };
}

export function factsOf(rest: Partial<StoredFacts> = {}): StoredFacts {
  return {
    ...watch,
    subject: 'contoso.com',
    name: 'signing-configuration',
    observedAt: time(),
    expiresAt: time(60),
    content: { domains: ['contoso.com'] },
    ...rest,
  };
}

/** The longest that was asked for: every shorter one is its beginning. */
let noise = '';

/** Text that does not get smaller when it is compressed, the same in every test run. */
export function incompressible(length: number): string {
  if (noise.length < length) {
    const characters = Buffer.alloc(length);
    let seed = 1;
    for (let at = 0; at < length; at += 1) {
      seed = (seed * 48271) % 2147483647;
      characters[at] = 33 + (seed % 90);
    }
    noise = characters.toString('latin1');
  }
  return noise.slice(0, length);
}
