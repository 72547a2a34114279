import { answerWords, minuteOf, ownerWords, showInvisible } from '../../domain/words.ts';
import type { Explanation, SignatureExplained } from './explanation.ts';

const keyWords: Readonly<Record<SignatureExplained['key'], string>> = {
  answers: 'key answers',
  missing: 'no key',
  revoked: 'key revoked',
  broken: 'key broken',
  could_not_look: 'key not looked at',
};
const headerWords = { verifies: 'header verifies', differs: 'header differs', not_checked: 'header not checked' };
const bodyWords = { verifies: 'body verifies', differs: 'body differs', not_supplied: 'body not supplied' };
const configuredWords = { same: ', the configured key', other: ', not the configured key', unknown: '' };
const inWords = { report: 'A delivery report', message: 'A message', headers: 'Header fields' };

/** An explanation for a terminal. */
export function explanationText(explained: Explanation): string {
  const { answer, sentence, owner, remedy, time, report, signatures, claims, supportCase } = explained;
  const lines = [
    `${answerWords[answer].toUpperCase().padEnd(15)}Would receivers verify this message now?`,
    '',
    sentence,
    ...(owner === undefined ? [] : [`Owner: ${ownerWords[owner]}`]),
    `Step:  ${remedy}`,
    '',
    `${inWords[explained.in]}; time in question: ${timeWords(time)}.`,
    ...(report === undefined
      ? []
      : [
          `It came back${report.by === undefined ? '' : ` from ${report.by}`}: ${report.says}${report.status === undefined ? '' : ` (${report.status})`}.`,
          ...(report.diagnostic === undefined ? [] : [`  ${report.diagnostic}`]),
        ]),
    ...(signatures.length === 0 ? [] : ['', 'Signatures']),
    ...signatures.flatMap((one) => [
      `  d=${one.domain} s=${one.selector} a=${one.algorithm}${one.aligned === false ? ', not aligned with From' : ''}`,
      `    ${keyWords[one.key]}${configuredWords[one.configured]}; ${headerWords[one.header]}; ${bodyWords[one.body]}`,
      `    ${one.then}`,
    ]),
    ...(claims.length === 0 ? [] : ['', 'What servers on the way say (claims, no proof)']),
    ...claims.map(
      ({ by, dkim, detail }) => `  ${by === '' ? '(no name)' : by}: dkim=${dkim}${detail === '' ? '' : ` (${detail})`}`,
    ),
    ...(supportCase === undefined ? [] : ['', 'Support case, ready to paste', '', ...supportCase.split('\n')]),
  ];
  // What others wrote can do nothing to a terminal.
  return `${lines.map(showInvisible).join('\n')}\n`;
}

function timeWords({ value, from }: Explanation['time']): string {
  if (value === undefined) return 'not known';
  return `${minuteOf(value)} (${from === 'received' ? 'when the receiver took it' : 't= of the signature'})`;
}
