// Why a receiver did not verify a message: each signature is looked at on its own, then one of them leads. Pure.

import { isMicrosoftsOwn } from '../../domain/cloud.ts';
import type { Finding } from '../../domain/finding.ts';
import { judge } from '../../domain/judge.ts';
import type { Instant } from '../../domain/time.ts';
import { enumerate, minuteOf } from '../../domain/words.ts';
import type { MailClaim, MailMessage, MailSignature } from '../../facts/mail-domain/message.ts';
import { usualSelectors } from '../../facts/mail-domain/subject.ts';
import type { Seen } from '../looking.ts';
import { dkim } from './evaluation.ts';
import type { Explanation, SignatureExplained } from './explanation.ts';
import { configurationIn, type KeyNow, keyNow } from './key-now.ts';
import { type KeyThen, keyThen } from './key-then.ts';
import { refusalWords } from './refusal-words.ts';
import { exportCommand, recommendedBits, rotationIsNoHelp, rowOf } from './selectors.ts';

/** What is to be said of a message or of one signature: it verifies, it does not, or nobody could tell. */
interface Told extends Pick<Explanation, 'sentence' | 'owner' | 'remedy' | 'supportCase'> {
  readonly answer: Explanation['answer'];
}

interface Examined {
  readonly signature: MailSignature;
  readonly key: KeyNow;
  readonly then: KeyThen;
  readonly shown: SignatureExplained;
  readonly told: Told;
}

export function explainMessage(message: MailMessage, seen: Seen): Explanation {
  const time = timeOf(message);
  const signatures = message.signatures.map((signature) => examine(message, signature, time, seen));
  const { by, status, diagnostic } = message.report ?? {};
  const report = message.report && {
    ...(by === undefined ? {} : { by }),
    ...(status === undefined ? {} : { status }),
    says: refusalWords(status, diagnostic).says,
    ...(diagnostic === undefined ? {} : { diagnostic }),
  };
  const { answer, sentence, owner, remedy, supportCase } = conclude(message, signatures, time, seen);
  return {
    at: seen.now.toISOString(),
    in: message.in,
    time,
    ...(report === undefined ? {} : { report }),
    signatures: signatures.map(({ shown }) => shown),
    claims: message.claims.map(({ by: whose, result, detail }) => ({ by: whose, dkim: result, detail })),
    answer,
    sentence,
    ...(owner === undefined ? {} : { owner }),
    remedy,
    ...(supportCase === undefined ? {} : { supportCase }),
  };
}

/** The time in question, and where it comes from. */
export function timeOf({ received, signatures }: MailMessage): Explanation['time'] {
  if (received !== undefined) return { value: received.at, from: 'received' };
  const signed = signatures.flatMap(({ signedAt }) => signedAt ?? [])[0];
  return signed === undefined ? { from: 'none' } : { value: signed, from: 'signature' };
}

function examine(message: MailMessage, signature: MailSignature, time: Explanation['time'], seen: Seen): Examined {
  const { domain, selector, algorithm, aligned, signedAt, expiresAt, body } = signature;
  const key = keyNow(domain, selector, seen.factsOf(domain), seen.now);
  const then = keyThen(domain, selector, key.part, seen.pastOf(domain), seen.now);
  const verdict = key.record === undefined ? undefined : signature.verifiesWith(key.record);
  const signedAsConfigured = key.configuredKeys.some((record) => signature.verifiesWith(record) === true);
  const header =
    verdict === undefined
      ? signedAsConfigured
        ? 'verifies'
        : 'not_checked'
      : verdict === true
        ? 'verifies'
        : signature.problem === undefined
          ? 'differs'
          : 'not_checked';
  const isOther = header === 'differs' && signedAsConfigured;
  const shown: SignatureExplained = {
    domain,
    selector,
    algorithm,
    ...(aligned === undefined ? {} : { aligned }),
    ...(signedAt === undefined ? {} : { signedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    key: key.state,
    header,
    body,
    configured: isOther ? 'other' : key.configured,
    // biome-ignore lint/suspicious/noThenProperty: a text that tools read by this name; nobody awaits it
    then: then.words,
  };
  const told = tell({ message, signature, key, verdict, signedAsConfigured, time, now: seen.now });
  return { signature, key, then, shown, told };
}

interface At {
  readonly message: MailMessage;
  readonly signature: MailSignature;
  readonly key: KeyNow;
  /** With the key that DNS has now. */
  readonly verdict: boolean | string | undefined;
  readonly signedAsConfigured: boolean;
  readonly time: Explanation['time'];
  readonly now: Instant;
}

/** The first thing that keeps a receiver from verifying one signature. */
function tell(at: At): Told {
  const { message, signature, key, verdict, signedAsConfigured } = at;
  const { domain, selector } = signature;
  const name = `${selector}._domainkey.${domain}`;
  if (signature.problem !== undefined)
    return {
      answer: 'no',
      sentence: `The signature of ${domain} is not valid in itself: ${signature.problem}.`,
      ...(message.in === 'headers' ? {} : { owner: 'tenant' }),
      remedy:
        message.in === 'headers'
          ? 'Look whether the DKIM-Signature was copied whole; if it was, whoever signs for this domain has to mend what it writes.'
          : `Have whoever signs for ${domain} mend what it writes; nothing in DNS helps.`,
    };
  if (key.state === 'could_not_look')
    return {
      answer: 'undetermined',
      sentence: `Could not look at the key ${name}: ${key.notLooked ?? 'what was supplied does not speak of it'}.`,
      remedy: 'Ask again later, or ask another name server (--resolver 9.9.9.9).',
    };
  if (key.state !== 'answers') return replaced(at) ?? withoutKey(at);
  if (key.fault?.rule === 'dkim/active-key-strong') return ofFinding(key.fault);
  if (typeof verdict === 'string')
    return {
      answer: 'no',
      sentence: `The signature with ${selector} of ${domain} does not fit its key record: ${verdict}.`,
      owner: key.configured === 'unknown' ? 'customer-dns' : 'tenant',
      remedy: `Compare the record at ${name} with the one that the signing service names.`,
    };
  if (verdict !== true) return headerDiffers(at);
  const short = signedAsConfigured || key.configured === 'unknown' ? '' : ' It is not the configured key.';
  if (signature.body === 'differs') return bodyDiffers(at);
  return (
    expired(at) ?? {
      answer: 'yes',
      sentence: `The signature with ${selector} of ${domain} verifies${bodyWords(signature)}.${short}`,
      remedy: 'Nothing is to be done about DKIM.',
    }
  );
}

/** The key of a selector that signs no more may be gone: that is nobody's fault. */
function replaced({ signature: { domain, selector, signedAt }, key: { state, replacedBy } }: At): Told | undefined {
  if (replacedBy === undefined || (state !== 'missing' && state !== 'revoked')) return undefined;
  const { selector: active, since } = replacedBy;
  const from = since === undefined ? '' : ` since ${minuteOf(since)}`;
  if (signedAt !== undefined && since !== undefined && signedAt > since)
    return {
      answer: 'no',
      sentence: `The message was signed with ${selector} of ${domain} (${minuteOf(signedAt)}), which has no key, though by the configuration ${active} signs${from}.`,
      remedy: `If ${active} is active in a new export, too, open a support case with Microsoft: they sign with the wrong selector. Export the configuration anew, and supply it:\n${exportCommand}`,
    };
  return {
    answer: 'no',
    sentence: `The message was signed with ${selector} of ${domain}, which signs no more (${active} does${from}); its key is gone, as it may be, so this message can no longer be verified.`,
    remedy: `Send the message again: ${active} signs it now.`,
  };
}

function withoutKey({ message, signature: { domain, selector }, key, signedAsConfigured, time }: At): Told {
  const name = `${selector}._domainkey.${domain}`;
  const signedRight = signedAsConfigured ? ' The signature itself is right: it verifies with the configured key.' : '';
  if (key.fault === undefined) {
    const what = { missing: 'There is no key', revoked: 'The key is revoked', broken: 'There is no usable key' };
    return {
      answer: 'no',
      sentence: `${what[key.state as keyof typeof what]} at ${name}: receivers cannot verify this signature.${signedRight}`,
      owner: isMicrosoftsOwn(domain) ? 'microsoft' : 'customer-dns',
      remedy: `Publish the record that the signing service of ${domain} names for ${selector}.`,
    };
  }
  const told = ofFinding(key.fault);
  const sentence = `${told.sentence}${signedRight}`;
  if (told.supportCase === undefined) return { ...told, sentence };
  const { messageId, report } = message;
  const about = [
    ...(messageId === undefined ? [] : [`  Message-ID: ${messageId}`]),
    ...(time.value === undefined ? [] : [`  ${time.from === 'received' ? 'Received' : 'Signed'} (UTC): ${time.value}`]),
    ...(report?.diagnostic === undefined ? [] : [`  Answer of ${report.by ?? 'the receiver'}: ${report.diagnostic}`]),
  ];
  return {
    ...told,
    sentence,
    remedy: `Open a support case with Microsoft; the text to paste comes with this explanation. ${rotationIsNoHelp} When the key answers, send the message again.`,
    supportCase:
      about.length === 0
        ? told.supportCase
        : [told.supportCase, '', 'A message that was not verified:', ...about].join('\n'),
  };
}

function ofFinding({ message, owner, remedy, supportCase }: Finding): Told {
  return {
    answer: 'no',
    sentence: message,
    ...(owner === undefined ? {} : { owner }),
    remedy: remedy ?? '',
    ...(supportCase === undefined ? {} : { supportCase }),
  };
}

function headerDiffers({ message, signature: { domain, selector, signedAt }, key, signedAsConfigured }: At): Told {
  const name = `${selector}._domainkey.${domain}`;
  if (signedAsConfigured) {
    const {
      owner = 'customer-dns',
      remedy = `Put the record that Get-DkimSigningConfig names in place of the one at ${name}.`,
    } = key.fault ?? {};
    return {
      answer: 'no',
      sentence: `The message was signed with the configured key of ${selector}, but DNS serves another one at ${name}: receivers refuse the signature.`,
      owner,
      remedy,
    };
  }
  if (signedAt !== undefined && key.renewedAt !== undefined && signedAt < key.renewedAt)
    return {
      answer: 'undetermined',
      sentence: `The key of ${domain} was renewed ${minuteOf(key.renewedAt)}, after this message was signed (${minuteOf(signedAt)}): whether the signature was right nobody can tell any more.`,
      remedy: 'Explain a message that was signed since, or send this one again.',
    };
  if (message.in === 'headers')
    return {
      answer: 'undetermined',
      sentence: `${name} answers, but the header as it was copied does not verify with it: something changed it on the way, or copying did.`,
      remedy:
        'Hand in the message itself, as it was received (saved as .eml): what is copied often loses spaces and lines that were signed.',
    };
  const orKey =
    key.configured === 'same'
      ? ' The key is the configured one.'
      : ` Or ${domain} signs with another key than DNS has at ${name}.`;
  return {
    answer: 'no',
    sentence: `Header fields were changed on the way after ${domain} signed them: the header does not verify with the key of ${selector}, which answers.${orKey}`,
    owner: 'network',
    remedy: `Find what rewrites headers after signing (a gateway, a mailing list, a rule that marks the subject), and let it do so before, or sign itself.${key.configured === 'same' ? '' : ' Compare the key in DNS with the one that is signed with first.'}`,
  };
}

function bodyDiffers({ signature: { domain, bodyLength } }: At): Told {
  const part = bodyLength === undefined ? '' : ` (only its first ${bodyLength} bytes are signed, l=)`;
  return {
    answer: 'no',
    sentence: `The body was changed on the way after ${domain} signed it${part}: the header verifies, the body does not.`,
    owner: 'network',
    remedy:
      'Find what changes bodies after signing (a gateway that adds a footer or a warning, a mailing list, a scanner that rewrites links), and let it do so before, or sign itself.',
  };
}

/** By the time at which the receiver took it, where that is known. */
function expired({ signature: { domain, expiresAt }, time, now }: At): Told | undefined {
  const at = time.from === 'received' && time.value !== undefined ? time.value : now.toISOString();
  if (expiresAt === undefined || expiresAt >= at) return undefined;
  const when = time.from === 'received' ? `before the receiver took the message (${minuteOf(at)})` : 'before now';
  return {
    answer: 'no',
    sentence: `The signature of ${domain} expired ${minuteOf(expiresAt)} (x=), ${when}.`,
    owner: 'network',
    remedy: 'Send the message again, and look in its Received fields where it waited so long.',
  };
}

function bodyWords({ body, bodyLength }: MailSignature): string {
  if (body === 'not_supplied') return ' as far as it could be looked at: its header does, its body was not supplied';
  return bodyLength === undefined ? '' : `, for the first ${bodyLength} bytes of the body (l=)`;
}

/** One signature that would pass is enough; From has to be aligned with it. */
function conclude(message: MailMessage, signatures: readonly Examined[], time: Explanation['time'], seen: Seen): Told {
  if (message.withoutOriginal) return reportAlone(message);
  if (signatures.length === 0) return unsigned(message, seen);
  const ofSender = signatures.filter(({ signature: { aligned } }) => aligned !== false);
  const passes = signatures.filter(({ told }) => told.answer === 'yes');
  const passing = passes.find(({ signature: { aligned } }) => aligned === true);
  if (passing !== undefined) return wouldVerify(message, passing, time);
  const unsure = passes.find(({ signature: { aligned } }) => aligned === undefined);
  if (unsure !== undefined)
    return {
      answer: 'undetermined',
      sentence: `${unsure.told.sentence} But From is not there, so nobody can tell whether it is of the sender's domain.`,
      remedy: 'Copy the whole header, From included.',
    };
  const leading = ofSender.find(({ told }) => told.answer === 'undetermined') ?? ofSender[0];
  if (leading === undefined) return notAligned(message, signatures, seen);
  const { told, then } = leading;
  const others = passes.length === 0 ? '' : ` Only ${domainsOf(passes)} verifies, which is not aligned with From.`;
  const before = then.fault === undefined ? '' : ` ${then.fault.brief}`;
  return { ...told, sentence: `${told.sentence}${before}${others}` };
}

function domainsOf(signatures: readonly Examined[]): string {
  return enumerate([...new Set(signatures.map(({ signature: { domain } }) => domain))]);
}

/** It verifies now: what was then? */
function wouldVerify(
  { report, claims }: MailMessage,
  { signature, key, then, told }: Examined,
  time: Explanation['time'],
): Told {
  const { domain, selector } = signature;
  const when = time.value === undefined ? '' : ` at ${minuteOf(time.value)}`;
  const verifies = `Now the key answers, and the signature verifies${bodyWords(signature)}.`;
  const again = 'Send the message again.';
  if (then.fault !== undefined) {
    const { owner } = then.fault.finding;
    return {
      answer: 'yes',
      sentence: `Receivers could not verify it then${when}: ${then.words} ${verifies}`,
      ...(owner === undefined ? {} : { owner }),
      remedy: again,
    };
  }
  const own = claims.filter((claim) => isAbout(claim, domain, selector));
  const refusing = own.find(({ result }) => result !== 'pass' && result !== 'none');
  const answer = report?.diagnostic ?? '';
  const saidNoKey = own.find(({ result, detail }) => result !== 'pass' && noKey.test(detail));
  if (saidNoKey !== undefined || noKey.test(answer)) {
    const who = saidNoKey === undefined ? (report?.by ?? 'The receiver') : saidNoKey.by || 'The receiver';
    return {
      answer: 'yes',
      sentence: `${who} found no key of ${selector} for ${domain} then${when} ("${saidNoKey?.detail ?? answer}"). ${verifies} ${then.words}`,
      remedy: again,
    };
  }
  const says = refusing === undefined ? answer : `${refusing.result} ${refusing.detail}`;
  if (key.bits !== undefined && key.bits < recommendedBits && weakKey.test(says))
    return {
      ...(key.advice === undefined ? {} : ofFinding(key.advice)),
      answer: 'no',
      sentence: `The key of ${selector} of ${domain} has ${key.bits} bits, which is too weak for this receiver ("${says.trim()}"): the signature itself verifies.`,
      owner: key.advice?.owner ?? 'tenant',
      remedy: key.advice?.remedy ?? `Have a key of ${recommendedBits} bits made.`,
    };
  const { says: refusal, ofDkim } = refusalWords(report?.status, answer);
  if (refusing !== undefined)
    return {
      ...told,
      sentence: `${told.sentence} ${refusing.by || 'A server on the way'} says dkim=${refusing.result}${refusing.detail === '' ? '' : ` (${refusing.detail})`}, which this copy does not bear out: it was changed before that server looked, or the key was another then. ${then.words}`,
      remedy: `Send the message again; if it comes back again, explain the copy that the receiver got.`,
    };
  if (report !== undefined && ofDkim !== true)
    return {
      ...told,
      sentence: `DKIM is not why it came back: ${refusal}${report.status === undefined ? '' : ` (${report.status})`}. ${told.sentence}`,
      remedy: ofDkim === false ? 'Do what the report asks for; nothing is to be done about DKIM.' : told.remedy,
    };
  if (report !== undefined)
    return {
      ...told,
      sentence: `${told.sentence} Yet it came back: ${refusal}${report.status === undefined ? '' : ` (${report.status})`}. ${then.words}`,
      remedy: `${again} If it comes back again, ask the receiver for the Authentication-Results of their server: something changes it on the way to them.`,
    };
  return told;
}

const noKey =
  /\bno (?:valid )?key\b|\bkey (?:was |is )?(?:not found|missing|unavailable|not available)|key retrieval|\bNXDOMAIN\b|no (?:such )?record|(?:fetch|retrieve|get|find)[a-z]* (?:the )?(?:public )?key|DNS (?:error|failure|time-?out)/i;

const weakKey = /\bweak\b|\bpolicy\b|insecure key|short key|key (?:is )?too (?:short|small)|key (?:size|length)/i;

function isAbout(claim: MailClaim, domain: string, selector: string): boolean {
  return (
    (claim.domain === undefined || claim.domain === domain) &&
    (claim.selector === undefined || claim.selector === selector)
  );
}

function reportAlone({ report }: MailMessage): Told {
  const { says, ofDkim } = refusalWords(report?.status, report?.diagnostic);
  const what = `The report holds neither the message nor its header, so nobody can tell how it was signed. It says: ${says}${report?.status === undefined ? '' : ` (${report.status})`}.`;
  return {
    answer: 'undetermined',
    sentence: ofDkim === false ? `${what} That is no matter of DKIM.` : what,
    remedy:
      ofDkim === false
        ? 'Do what the report asks for.'
        : 'Hand in the header of the message as the receiver got it, or look at the sender’s domain: fieldcheck evaluate dkim DOMAIN.',
  };
}

/** No signature: is signing on at all? */
function unsigned(message: MailMessage, seen: Seen): Told {
  const [from] = message.from;
  if (from === undefined)
    return {
      answer: 'undetermined',
      sentence: 'Neither a DKIM-Signature nor From stands in what was handed in.',
      remedy: 'Hand in the whole header, or the message itself (saved as .eml).',
    };
  const passed = message.claims.find(({ result }) => result === 'pass');
  if (passed !== undefined)
    return {
      answer: 'undetermined',
      sentence: `No DKIM-Signature stands in what was handed in, though ${passed.by || 'a server on the way'} says that one passed (${passed.detail}): it was left out in copying, or taken out on the way.`,
      remedy: 'Hand in the whole header, or the message itself (saved as .eml).',
    };
  return signingOff(`The message from ${from} bears no DKIM signature`, from, message, seen);
}

/** Signed, but by nobody of the sender's organization. */
function notAligned(message: MailMessage, signatures: readonly Examined[], seen: Seen): Told {
  const [from = ''] = message.from;
  const isDefault = signatures.some(({ signature: { domain } }) => isMicrosoftsOwn(domain));
  const verifies = signatures.some(({ told }) => told.answer === 'yes') ? '' : ', and does not verify either';
  const what = `Only ${domainsOf(signatures)} signed, which is not aligned with From (${from})${verifies}${isDefault ? ": the tenant's default key signed" : ''}`;
  return signingOff(what, from, message, seen);
}

/** @param what happened, without a full stop */
function signingOff(what: string, from: string, message: MailMessage, { factsOf, now }: Seen): Told {
  const set = factsOf(from);
  const configuration = configurationIn(set);
  const subject = { kind: 'mail-domain', id: from, selectors: usualSelectors };
  const off = judge(dkim, subject, set, { now }).findings.find(
    ({ rule, verdict }) =>
      verdict === 'fail' && (rule === 'dkim/signing-configured' || rule === 'dkim/signing-enabled'),
  );
  if (off !== undefined) return { ...ofFinding(off), sentence: `${what}. ${off.message}` };
  const row = configuration?.status === 'known' ? rowOf(configuration.value) : undefined;
  if (row?.enabled === true) {
    const isOn = `although DKIM signing is on for ${from}`;
    if (message.signatures.length === 0 && message.in === 'report')
      return {
        answer: 'undetermined',
        sentence: `${what}, ${isOn}: the report may hold it as it was before it was signed.`,
        remedy: 'Hand in the header of the message as the receiver got it.',
      };
    return {
      answer: 'no',
      sentence: `${what}, ${isOn}: it left by another way than Exchange Online, signing was switched on since, or something took the signature out.`,
      owner: 'on-premises',
      remedy:
        'Look in its Received fields by which servers it left, and let it leave through Exchange Online, or let those sign.',
    };
  }
  const why =
    configuration?.status === 'unobtainable' && configuration.reason !== 'not_supplied'
      ? `the signing configuration could not be looked at (${configuration.detail})`
      : 'the signing configuration was not supplied';
  return {
    answer: 'no',
    sentence: `${what}: signing is off for ${from}, or it left by a way that does not sign; ${why}.`,
    owner: 'tenant',
    remedy: `Look at its property Enabled:\nGet-DkimSigningConfig -Identity ${from} | Format-List Enabled, Status\nor supply it (--facts dkim.json):\n${exportCommand}`,
  };
}
