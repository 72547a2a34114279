import { causeGroupsOf } from '../../src/domain/cause-groups.ts';
import { eventsOf } from '../../src/domain/event.ts';
import type { Answer, Finding } from '../../src/domain/finding.ts';
import type { Notice, NoticeSubject, PendingNotice } from '../../src/domain/notice.ts';
import { targetTables } from '../../src/domain/target-table.ts';
import type { Transition, TransitionKind, TransitionReason } from '../../src/domain/transition.ts';
import { answerWords } from '../../src/domain/words.ts';

type Of = Transition['of'];
type OfFinding = Extract<Of, { type: 'finding' }>;

export const contoso = { id: 'contoso', name: 'Contoso' };

const at = '2026-11-24T09:30:00.000Z';

const usualReason: Readonly<Record<TransitionKind, TransitionReason>> = {
  opened: 'was-good',
  reopened: 'fails-again',
  worsened: 'severity-rose',
  flapping: 'flaps-while-open',
  steady: 'steady-and-good',
  blind: 'nobody-can-look',
  seeing: 'can-be-judged-again',
  accepted: 'risk-accepted',
  silenced: 'silence-begins',
  reminded: 'still-failing',
  resolved: 'passes-again',
  went_unknown: 'unknown-in-a-row',
  reminder: 'still-failing',
  added: 'subject-added',
  removed: 'subject-removed',
};

export function transition(kind: TransitionKind, subject: string, of: Of, since = at): Transition {
  return { kind, reason: usualReason[kind], subject, at, since, of };
}

/** A missing key at Microsoft, unless told otherwise. */
export function finding(changes: Partial<OfFinding> = {}): OfFinding {
  return {
    type: 'finding',
    rule: 'dkim/active-key-published',
    target: 'selector1',
    verdict: 'fail',
    severity: 'critical',
    owner: 'microsoft',
    message:
      'The CNAME of selector1 is right, but Microsoft publishes no key at its target, so receivers cannot verify what is signed today.',
    observed: 'selector1-contoso-com._domainkey.contoso.onmicrosoft.com: NXDOMAIN (192.0.2.53, 198.51.100.53)',
    remedy: 'Open a support case with Microsoft and paste the evidence of this finding.',
    ...changes,
  };
}

export function answer(question: string, from: Answer | undefined, to: Answer): Of {
  return { type: 'answer', question, ...(from === undefined ? {} : { from }), to };
}

export function ofSubject(name: string, ...transitions: Transition[]): NoticeSubject {
  return { organization: contoso, subject: name, transitions, answers: {} satisfies PendingNotice['answers'] };
}

/** A notice about 74 mail domains of Contoso. */
export function notice({ causes, events, ...changes }: Partial<Notice> = {}): Notice {
  const given = {
    kind: 'changes',
    organization: contoso,
    organizations: [changes.organization ?? contoso],
    evaluation: {
      id: 'dkim',
      title: 'DKIM',
      questions: {
        'verifiable-now': 'Can receivers verify what we sign now?',
        'verifiable-after-rotation': 'And still after the next rotation?',
      },
      answerWords,
    },
    runId: 'contoso.dkim.2026-11-24T06-00',
    at,
    subjects: [],
    totals: {
      subjects: 74,
      answers: {
        'verifiable-now': { yes: 54, no: 20 },
        'verifiable-after-rotation': { yes: 50, no: 21, undetermined: 3 },
      },
    },
    link: 'https://fieldcheck.contoso.com/api/organizations/contoso/evaluations/dkim/subjects',
    ...changes,
  } satisfies Partial<Notice>;
  return {
    ...given,
    causes: causes ?? causeGroupsOf(given.subjects),
    events: events ?? eventsOf(given.evaluation.id, given.subjects),
  };
}

/** `count` domains, each with one new critical finding and the answer that turned by it. */
export function failingDomains(count: number, changes: Partial<OfFinding> = {}): Notice['subjects'] {
  return Array.from({ length: count }, (_, index) => {
    const name = `d${String(index + 1).padStart(5, '0')}.contoso.com`;
    const byCustomer = index % 5 === 4;
    const of = byCustomer
      ? finding({
          rule: 'dkim/active-cname-correct',
          owner: 'customer-dns',
          message: `selector1._domainkey.${name} points nowhere, so receivers find no key.`,
          observed: `selector1._domainkey.${name}: NODATA`,
          remedy: 'Publish the CNAME that the signing configuration names.',
          ...changes,
        })
      : finding(changes);
    return ofSubject(
      name,
      transition('opened', name, of),
      transition('opened', name, answer('verifiable-now', 'yes', 'no')),
    );
  });
}

/** A finding about a node (or `NODE/connector`) of an SMTP service: a fail when a severity is given. */
export function ofNode(
  rule: string,
  target: string,
  verdict: Finding['verdict'],
  severity?: NonNullable<Finding['severity']>,
): Finding {
  return {
    rule: `smtp-source-ip/${rule}`,
    target,
    verdict,
    ...(severity === undefined ? {} : { severity }),
    message: `${rule} of ${target}: ${verdict}.`,
    evidence: [],
  };
}

/** What a notice holds of a service's nodes. */
export function byNode(...findings: Finding[]): NonNullable<NoticeSubject['byNode']> {
  const [table] = targetTables({ findings });
  if (table === undefined) throw new Error('These findings give no table: it takes two targets and two rules.');
  return { at, ...table };
}

/** A notice about one SMTP service, or several, with a new critical finding each. */
export function smtpNotice(nodes: Readonly<Record<string, NonNullable<NoticeSubject['byNode']>>>): Notice {
  const of = finding({
    rule: 'smtp-source-ip/lan-weak-host-receive',
    target: 'EX2',
    owner: 'on-premises',
    message: 'EX2: weak host receive is off for LAN (IPv4).',
  });
  return notice({
    evaluation: {
      id: 'smtp-source-ip',
      title: 'SMTP source IP',
      questions: { 'dsr-ready': 'Are all nodes ready for Direct Server Return?' },
      answerWords,
    },
    subjects: Object.entries(nodes).map(([name, table]) => ({
      ...ofSubject(name, transition('opened', name, of)),
      byNode: table,
    })),
    totals: { subjects: Object.keys(nodes).length, answers: { 'dsr-ready': { no: Object.keys(nodes).length } } },
  });
}
