/** An error of PowerShell without the sentence that it puts before the reason when it was made to stop. */
export function reasonFirst(message: string): string {
  return message.replace(/The running command stopped because .*? is set to Stop: /s, '').trim();
}
