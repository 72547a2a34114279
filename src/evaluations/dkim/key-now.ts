import { blocksAnswers } from '../../domain/answer.ts';
import { everyPart, type FactSet, type Gathered, known } from '../../domain/fact-set.ts';
import type { Finding } from '../../domain/finding.ts';
import { judge } from '../../domain/judge.ts';
import type { Instant } from '../../domain/time.ts';
import type { SelectorKey } from '../../facts/mail-domain/selector.ts';
import {
  type SigningConfiguration,
  type SigningConfigurationRow,
  selectorNames,
  selectorRoles,
} from '../../facts/mail-domain/signing-configuration.ts';
import type { MailDomain } from '../../facts/mail-domain/subject.ts';
import { dkim } from './evaluation.ts';
import type { SignatureExplained } from './explanation.ts';
import { rowOf } from './selectors.ts';

/** What a receiver gets now for the key of a signature, judged by the rules as if this selector signed today. */
export interface KeyNow {
  readonly state: SignatureExplained['key'];
  /** What the rules call the selector. */
  readonly part: string;
  readonly configured: SignatureExplained['configured'];
  /** The text of the record, when it can be verified with. */
  readonly record: string | undefined;
  readonly bits: number | undefined;
  /** What the signing configuration holds for the domain: key records. */
  readonly configuredKeys: readonly string[];
  /** When its newest key was made; ISO 8601, UTC. */
  readonly renewedAt: string | undefined;
  /** The selector that signs in its place by the configuration, and since when; undefined where it signs itself. */
  readonly replacedBy: { readonly selector: string; readonly since: string | undefined } | undefined;
  /** Why receivers cannot verify with it. */
  readonly fault: Finding | undefined;
  /** What else its length gives rise to. */
  readonly advice: Finding | undefined;
  /** Why nobody could look. */
  readonly notLooked: string | undefined;
}

/** The signing configuration of a domain, as far as it is known. */
export function configurationIn(facts: FactSet): Gathered<SigningConfiguration> | undefined {
  return facts.facts['signing-configuration'] as Gathered<SigningConfiguration> | undefined;
}

/** Judges the key that a signature names. Pure. */
export function keyNow(domain: string, selector: string, facts: FactSet, now: Instant): KeyNow {
  const parts = facts.parts.selector ?? {};
  const keyOf = (part: string) => parts[part]?.['selector-key'] as Gathered<SelectorKey> | undefined;
  const name = `${selector}._domainkey.${domain}`;
  const part =
    Object.keys(parts).find((one) => {
      const key = keyOf(one);
      return key?.status === 'known' && key.value.name === name;
    }) ?? selector;
  const gathered = keyOf(part) ?? keyOf(everyPart);
  const configuration = configurationIn(facts);
  const row = configuration?.status === 'known' ? rowOf(configuration.value) : undefined;
  const findings = judgedAsActive(domain, part, facts, row, now).filter(({ target }) => target === part);
  const verifiableNow = (finding: Finding) =>
    dkim.rules.some(({ id, blocks }) => id === finding.rule && blocks.includes('verifiable-now'));
  const key = gathered?.status === 'known' ? gathered.value : undefined;
  const state = key === undefined ? 'could_not_look' : stateOf(key);
  const record = key?.records[0];
  const strong = findings.find(({ rule }) => rule === 'dkim/active-key-strong');
  return {
    state,
    part,
    configured: key?.sameAsConfigured === undefined ? 'unknown' : key.sameAsConfigured ? 'same' : 'other',
    record: state === 'answers' ? record?.text : undefined,
    bits: record?.says.key?.bits,
    configuredKeys: selectorNames.flatMap((one) => row?.selectors[one].publicKey ?? []),
    renewedAt: row?.keyCreationTime,
    replacedBy: row === undefined ? undefined : replacedBy(part, row, now),
    fault: findings.find(
      (finding) =>
        blocksAnswers(finding) &&
        verifiableNow(finding) &&
        // Behind a wrong CNAME a key that answers is what receivers get.
        (state !== 'answers' || finding.rule !== 'dkim/active-cname-correct'),
    ),
    advice: strong?.verdict === 'fail' ? strong : undefined,
    notLooked: gathered?.status === 'unobtainable' ? gathered.detail : undefined,
  };
}

function replacedBy(part: string, row: SigningConfigurationRow, now: Instant): KeyNow['replacedBy'] {
  const roles = selectorRoles(row, now);
  const active = selectorNames.find((name) => roles?.[name] === 'active');
  const isPassive = selectorNames.some((name) => name === part && roles?.[name] === 'passive');
  return isPassive && active !== undefined ? { selector: active, since: row.rotateOnDate } : undefined;
}

function stateOf({ records }: SelectorKey): KeyNow['state'] {
  const [record, ...more] = records;
  if (record === undefined) return 'missing';
  if (more.length > 0) return 'broken';
  if (record.says.revoked) return 'revoked';
  return record.says.problems.length === 0 && record.says.key !== undefined ? 'answers' : 'broken';
}

/** The findings about a domain as if this selector were the one that signs; a selector that is not configured is judged by DNS alone. */
function judgedAsActive(
  domain: string,
  part: string,
  set: FactSet,
  row: SigningConfigurationRow | undefined,
  now: Instant,
): readonly Finding[] {
  const subject: MailDomain = { kind: 'mail-domain', id: domain, selectors: [part] };
  const name = selectorNames.find((one) => one === part);
  const { 'signing-configuration': configuration, ...others } = set.facts;
  if (name === undefined || row === undefined || configuration?.status !== 'known') {
    const ofPart = set.parts.selector?.[part] ?? set.parts.selector?.[everyPart];
    const alone = { facts: others, parts: ofPart === undefined ? {} : { selector: { [part]: ofPart } } };
    return judge(dkim, subject, alone, { now }).findings;
  }
  const { rotateOnReadings: _, ...rest } = row;
  const active: SigningConfigurationRow = {
    ...rest,
    enabled: true,
    // Whatever is to come, long ago it switched to this one.
    rotateOnDate: '1970-01-01T00:00:00.000Z',
    selectorBeforeRotateOnDate: name,
    selectorAfterRotateOnDate: name,
  };
  const value: SigningConfiguration = { state: 'configured', row: active };
  const facts = { ...others, 'signing-configuration': known(value, configuration.source, configuration.observedAt) };
  return judge(dkim, subject, { ...set, facts }, { now }).findings;
}
