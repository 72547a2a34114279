import { dayMs } from '../domain/time.ts';
import { type Html, html } from './html.ts';

/** `2026-11-28 06:00 UTC`, for programs too. */
export function moment(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

/** `2026-11-28`. */
export function day(iso: string): Html {
  return html`<time datetime="${iso}" title="${iso.slice(0, 16).replace('T', ' ')} UTC">${iso.slice(0, 10)}</time>`;
}

/** `2026-11-11, 17 days`. */
export function since(iso: string, now: Date): Html {
  return html`${day(iso)}, ${ago(iso, now)}`;
}

/** How long before `now`: `today`, `1 day`, `17 days`. */
export function ago(iso: string, now: Date): string {
  const days = Math.floor((now.getTime() - Date.parse(iso)) / dayMs);
  if (days < 1) return 'today';
  return days === 1 ? '1 day' : `${days} days`;
}

/** `in 4 days`, `today`, `ended 2 days ago`. */
export function until(iso: string, now: Date): string {
  const days = Math.floor((Date.parse(iso) - now.getTime()) / dayMs);
  if (Date.parse(iso) < now.getTime()) return `ended ${ago(iso, now) === 'today' ? 'today' : `${ago(iso, now)} ago`}`;
  if (days === 0) return 'today';
  return days === 1 ? 'in 1 day' : `in ${days} days`;
}
