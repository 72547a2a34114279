import { createHash } from 'node:crypto';
import { glyph, sprite } from './glyphs.ts';
import { type Content, type Html, html, nothing, trusted } from './html.ts';
import { script } from './script.ts';
import { address, type Site, to } from './site.ts';
import { style } from './style.ts';
import { moment } from './time.ts';

/** What a page of the site has around it. */
interface Frame {
  readonly title: string;
  /** Which entry of the bar it belongs to. */
  readonly place: 'organizations' | 'health' | 'rules' | 'explain' | undefined;
  /** The way to it: names and addresses, without the page itself. */
  readonly trail?: readonly (readonly [name: string, address: string])[];
  readonly heading: Content;
  readonly lead?: Content;
  readonly actions?: readonly Content[];
  /** Looks again by itself after so many seconds. */
  readonly refresh?: number;
}

/** Changes with what is in the files, so that a browser may keep them. */
const mark = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
const versions = { style: mark(style), script: mark(script) };

/** Nothing inline, nothing from elsewhere, and no form that goes elsewhere. */
export const pagePolicy =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** A page of the site. */
export function page(site: Site, frame: Frame, ...body: readonly Content[]): string {
  const entry = (place: Frame['place'], name: string, href: string) =>
    html`<a href="${href}"${frame.place === place ? html` aria-current="true"` : nothing}>${name}</a>`;
  const asset = (name: string, version: string) => address(site, ['pages', name], { v: version });
  return document(
    frame.title,
    html`<link rel="stylesheet" href="${asset('style.css', versions.style)}">
<script src="${asset('script.js', versions.script)}" defer></script>${
      frame.refresh === undefined ? nothing : html`<meta http-equiv="refresh" content="${frame.refresh}">`
    }`,
    html`<a class="skip" href="#main">To the content</a>
<header class="bar"><div class="in">
<a class="brand" href="${to.overview(site)}">${glyph('logo')} fieldcheck</a>
<nav aria-label="Pages">${entry('organizations', 'Organizations', to.overview(site))}${entry(
      'health',
      'Runs and channels',
      to.health(site),
    )}${entry('rules', 'Rules', to.rules(site))}${entry('explain', 'Explain a bounce', to.explain(site))}</nav>
<span class="who">${site.who}, times in UTC</span>
</div></header>
<main id="main" tabindex="-1">
${frame.trail === undefined ? nothing : trailOf(frame.trail, frame.title)}
<div class="head"><div><h1>${frame.heading}</h1>${frame.lead === undefined ? nothing : html`<p class="lead">${frame.lead}</p>`}</div>
${frame.actions === undefined || frame.actions.length === 0 ? nothing : html`<div class="actions">${frame.actions}</div>`}</div>
${body}
<footer><p>Made ${moment(site.now.toISOString())}. fieldcheck reads; it changes no tenant, server or DNS.</p></footer>
</main>`,
  );
}

function trailOf(trail: NonNullable<Frame['trail']>, title: string): Html {
  return html`<nav class="trail" aria-label="Where this page is"><ol>${trail.map(
    ([name, href]) => html`<li><a href="${href}">${name}</a></li>`,
  )}<li><span aria-current="page">${title}</span></li></ol></nav>`;
}

/** One file that needs nothing else: the styles are in it, and its own policy lets nothing else in. */
export function file(title: string, ...body: readonly Content[]): string {
  return document(
    title,
    html`<meta http-equiv="Content-Security-Policy" content="${filePolicy}"><style>${trusted(style)}</style>`,
    html`<main id="main" class="file">${body}</main>`,
  );
}

const styleHash = createHash('sha256').update(style).digest('base64');
export const filePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`;

function document(title: string, head: Html, body: Html): string {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${head}
</head>
<body>
${sprite}
${body}
</body>
</html>
`);
}
