import { showInvisible } from '../../domain/words.ts';

/** Text of somebody else on one line, every character to be seen, and no more of it than a sentence can hold. */
export function said(text: string, most: number): string {
  const line = showInvisible(text.toWellFormed().replaceAll(/\s+/g, ' ').trim());
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

/** Whose mail it is stays with whoever handed it in: of addresses the domain is left. */
export function withoutAddresses(text: string): string {
  return text.replaceAll(/(?:"[^"@]{0,80}"|[^\s<>()[\]:;,"'@=]{1,200})@(?=[A-Za-z0-9[])/g, '…@');
}
