/** Who says so has to be asked again later; it tells nothing about what stands there. */
export const isBusy = (status: number) => status === 429 || status >= 500;

/** In words, with what is behind it. */
export function sayBusy(status: number): string {
  if (status === 429) return '429: too many requests, something in front throttles callers';
  if (status === 503) return '503: unavailable, what is behind is down or something in front is busy';
  return String(status);
}
