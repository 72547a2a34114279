import { enumerateFirst } from '../../domain/words.ts';
import type { SmtpLog } from '../../facts/smtp-service/log.ts';

/** Files of a receive log that could not be read to their end, as a sentence that follows others; empty without any. */
export function notReadToTheEnd({ unreadable }: SmtpLog): string {
  const files = unreadable.map(({ file, why }) => `${file} (${why})`);
  return files.length === 0 ? '' : ` Not read to the end: ${enumerateFirst(files)}.`;
}

/** What somebody does about it. */
export const giveThemAgain =
  'Have them read whole, and judge again: give the files anew, or run the collector as somebody who may read the log.';
