/**
 * An error of PowerShell without the sentence that it puts before the reason when it was made to stop. The sentence is in the
 * language of the server; the variable that it names is not.
 */
export function reasonFirst(message: string): string {
  return message.replace(/(^|: )[^:]*ErrorActionPreference[^:]*\bStop\b[^:]*:\s*/s, '$1').trim();
}

/** Does an error of Windows or Exchange say that access is denied, in English, German, French or Spanish? */
export function saysDenied(message: string): boolean {
  return /denied|not authori[sz]ed|unauthori[sz]ed|(sufficient|have) permission|verweigert|refusé|denegado/i.test(
    message,
  );
}
