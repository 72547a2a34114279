/** The one style sheet: tokens first. Screen, phone and paper are the same order of content. */
export const style = `
:root {
  color-scheme: light dark;
  --bg: light-dark(#f5f6f8, #15171a); --surface: light-dark(#ffffff, #1d2024); --sunken: light-dark(#eef0f3, #111316);
  --hover: light-dark(#f0f4f9, #24292f); --code: light-dark(#f3f5f8, #15181c);
  --ink: light-dark(#1b1f24, #f2f4f7); --ink-2: light-dark(#4a525c, #c3cad3); --ink-3: light-dark(#5f6873, #a1aab5);
  --line: light-dark(#d9dde3, #33383f); --line-strong: light-dark(#7d8794, #7f8a97);
  --accent: light-dark(#0f5fae, #7cbcff); --on-accent: light-dark(#ffffff, #08233f); --focus: light-dark(#0f5fae, #a9d3ff);
  --no: light-dark(#b0182a, #ff8f98); --no-bg: light-dark(#fdeef0, #3a1a1f); --no-line: light-dark(#e8a5ad, #7d3a42);
  --yes: light-dark(#0b6a34, #76d69a); --yes-bg: light-dark(#e9f6ee, #14301f);
  --und: light-dark(#7a4a00, #f2c063); --und-bg: light-dark(#fff4dc, #352710); --und-line: light-dark(#e3bd72, #7a5c21);
  --man: light-dark(#5b3aa6, #c2a8ff); --na: light-dark(#5f6873, #a1aab5);
  --sans: "Segoe UI Variable Text", "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif;
  --mono: "Cascadia Mono", "Cascadia Code", Consolas, ui-monospace, SFMono-Regular, Menlo, monospace;
}
:root[data-theme="light"] { color-scheme: light } :root[data-theme="dark"] { color-scheme: dark }
* { box-sizing: border-box }
body { margin: 0; background: var(--bg); color: var(--ink); font: .9375rem/1.5333 var(--sans); overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
h1, h2, h3, h4, p, ul, ol, dl, dd, pre, figure { margin: 0 }
h1 { font-size: 1.75rem; line-height: 1.2143; font-weight: 700; letter-spacing: -.01em; text-wrap: balance }
h2 { font-size: 1.25rem; line-height: 1.4; font-weight: 600; margin: 2rem 0 .75rem }
h3 { font-size: 1.0625rem; line-height: 1.4118; font-weight: 600 }
h4 { font-size: .8125rem; line-height: 1.3846; font-weight: 600; color: var(--ink-2) }
time { white-space: nowrap } abbr { text-decoration: none }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .2em } a:hover { text-decoration-thickness: 2px }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 4px }
main:focus { outline: none }
code, pre { font-family: var(--mono); font-size: .8125rem; line-height: 1.55 }
ul, ol { padding: 0; list-style: none }
[hidden] { display: none !important }
.sprite { position: absolute; width: 0; height: 0 }
.g { width: 1em; height: 1em; flex: none; vertical-align: -.125em; fill: none; stroke: none }
.gf { fill: currentColor } .gl { fill: none; stroke: currentColor; stroke-width: 1.4; stroke-linecap: round; stroke-linejoin: round }
.gm { fill: none; stroke: var(--surface); stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round } .gt { stroke-width: 1.2 } .gmf { fill: var(--surface) } .go { fill: none; stroke: currentColor; stroke-width: .7 }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.skip { position: absolute; left: 1rem; top: -4rem; background: var(--surface); padding: .5rem .75rem; z-index: 2 } .skip:focus { top: .5rem }
.bar { background: var(--surface); border-bottom: 1px solid var(--line) }
.bar .in { display: flex; align-items: center; gap: 1.5rem; max-width: 1280px; margin: 0 auto; padding: 0 2rem; min-height: 3rem }
.brand { display: flex; align-items: center; gap: .5rem; font-weight: 600; color: var(--ink); text-decoration: none; min-height: 2.25rem } .brand .g { color: var(--accent); width: 1.375rem; height: 1.375rem }
.bar nav { display: flex; align-self: stretch } .bar nav a { display: flex; align-items: center; padding: 0 .75rem; color: var(--ink-2); text-decoration: none; font-size: .875rem; border-bottom: 2px solid transparent; border-top: 2px solid transparent }
.bar nav a:hover { color: var(--ink); border-bottom-color: var(--line-strong) } .bar nav a[aria-current] { color: var(--ink); font-weight: 600; border-bottom-color: var(--accent) }
.who { margin-left: auto; color: var(--ink-2); font-size: .8125rem }
main { max-width: 1280px; margin: 0 auto; padding: 1.5rem 2rem 2rem }
footer { margin-top: 2.5rem; color: var(--ink-3); font-size: .8125rem }
.trail ol { display: flex; flex-wrap: wrap; font-size: .8125rem; line-height: 1.5rem } .trail li + li::before { content: "/"; color: var(--ink-3); margin: 0 .5rem }
.head { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; align-items: start; justify-content: space-between; margin-top: .25rem } .head > div:first-child { flex: 1 1 20rem; min-width: 0 }
.lead { color: var(--ink-2); margin-top: .25rem; max-width: 70ch }
.actions { display: flex; flex-wrap: wrap; gap: .5rem }
.b, button, select, input, textarea { font: inherit; font-size: .875rem; color: var(--ink); background: var(--surface); border: 1px solid var(--line-strong); border-radius: 4px; min-height: 2.25rem; padding: .25rem .75rem; max-width: 100% }
.b, button { display: inline-flex; align-items: center; justify-content: center; font-weight: 600; text-decoration: none; cursor: pointer } .b:hover, button:hover { background: var(--hover) }
.b.first, button.first { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
textarea { width: 100%; min-height: 14rem; padding: .75rem; font: .8125rem/1.55 var(--mono) }
.panel { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; margin-top: 1rem; min-width: 0 }
.panel:not(.pad) > * + * { border-top: 1px solid var(--line) } .panel > h2:first-child { margin-top: 0 } .pad { padding: .875rem 1.25rem } .pad + .pad { border-top: 1px solid var(--line) }
.a { display: inline-flex; align-items: center; gap: .35em; white-space: nowrap; text-decoration: none } .e { display: inline-flex; align-items: baseline; gap: .4em; font-weight: 600; white-space: nowrap } .e .g { align-self: center }
.no { color: var(--no) } .yes { color: var(--yes) } .und { color: var(--und) } .man { color: var(--man) } .na { color: var(--na) }
.a.no, .a.und, .a.man { font-weight: 700 }
.chip { padding: .125rem .5rem; border-radius: 4px; margin-left: -.5rem } a.chip:hover { text-decoration: underline } .chip.no { background: var(--no-bg) } .chip.und { background: var(--und-bg) }
.sub { color: var(--ink-3); font-size: .8125rem; font-weight: 400 } .new { color: var(--no); font-weight: 600; font-size: .8125rem }
.sev { display: inline-flex; align-items: center; gap: .35em; white-space: nowrap }
.qs > li { display: grid; grid-template-columns: 14.5rem minmax(0, 1fr) minmax(0, 20rem); gap: .5rem 1.5rem; align-items: center; padding: .875rem 1.25rem } .qs > li + li { border-top: 1px solid var(--line) }
.qs > li.one { grid-template-columns: 14.5rem minmax(0, 1fr) } .qs .big { white-space: nowrap; display: flex; align-items: center; gap: .75rem; font-size: 1.25rem; font-weight: 700 } .qs .big .g { width: 2.25rem; height: 2.25rem } .ask { font-size: 1rem; font-weight: 600 }
.share { width: 100%; height: 18px; display: block } .share .r-no { fill: var(--no) } .share .r-yes { fill: var(--yes) } .share .r-und { fill: var(--und-bg); stroke: var(--und); stroke-width: 1.5 } .share .r-na { stroke: var(--na); stroke-width: 2; stroke-dasharray: 2 3 }
.said { display: flex; flex-wrap: wrap; gap: .125rem 1rem; font-size: .8125rem; color: var(--ink-2) }
.cause { display: grid; grid-template-columns: 1.5rem minmax(0, 1fr); gap: 0 .75rem } .cause > .g { width: 1.375rem; height: 1.375rem; margin-top: .1rem }
.facts { display: flex; flex-wrap: wrap; gap: .125rem 1rem; font-size: .8125rem; color: var(--ink-2); margin-top: .25rem } .facts .k { color: var(--ink-3) }
.two { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr) } .two > * { min-width: 0; padding: .875rem 1.25rem } .two > * + * { border-left: 1px solid var(--line) }
.names { columns: 2 13rem; column-gap: 1.5rem; font-size: .875rem; margin-top: .375rem } .names li { break-inside: avoid; padding: .0625rem 0 }
.cmd { border: 1px solid var(--line); border-radius: 4px; margin-top: .5rem; background: var(--code); min-width: 0 }
.cmd figcaption { display: flex; align-items: center; justify-content: space-between; gap: .5rem; min-height: 2.25rem; padding: .125rem .375rem .125rem .75rem; border-bottom: 1px solid var(--line); font-size: .8125rem; color: var(--ink-2); background: var(--sunken) }
.cmd button { min-height: 1.75rem; padding: 0 .625rem; font-size: .8125rem } .cmd pre { overflow: auto; max-height: 18rem; padding: .625rem .75rem; white-space: pre; overflow-wrap: normal; tab-size: 2 }
.steps > li { display: grid; grid-template-columns: 1.75rem minmax(0, 1fr); gap: 0 .75rem; padding: .875rem 1.25rem; counter-increment: step } .steps > li + li { border-top: 1px solid var(--line) }
.steps > li::before { content: counter(step); display: grid; place-items: center; width: 1.625rem; height: 1.625rem; border: 1px solid var(--line-strong); border-radius: 50%; font-size: .8125rem; font-weight: 600 }
.steps p, .found p { margin-top: .375rem } .steps p:not(.facts), .found p:not(.facts) { max-width: 90ch }
.ev { display: grid; grid-template-columns: minmax(6rem, 11rem) minmax(0, 1fr); gap: .25rem 1rem; margin-top: .375rem; font-size: .8125rem } .ev dt { color: var(--ink-3) } .ev code { overflow-wrap: anywhere }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .875rem; line-height: 1.25rem; overflow-wrap: break-word } caption { text-align: left }
th, td { text-align: left; vertical-align: middle; padding: .5625rem .75rem; border-bottom: 1px solid var(--line) } tbody tr:last-child > * { border-bottom: 0 } thead th { font-weight: 600; font-size: .8125rem; vertical-align: bottom; color: var(--ink-2) } thead a { color: inherit; text-decoration: none } thead a:hover { text-decoration: underline }
tbody th, td.any { font-weight: 600; overflow-wrap: anywhere; min-width: 9rem } td.any { font-weight: 400; min-width: 16rem } tbody tr:hover { background: var(--hover) } th:first-child, td:first-child { padding-left: 1.25rem } .num { text-align: right }
thead th[aria-sort="ascending"] a::after { content: " \\2191" } thead th[aria-sort="descending"] a::after { content: " \\2193" }
.matrix th, .matrix td { padding-inline: .5rem .375rem } .matrix thead th { font-size: .75rem } .matrix .chip { margin-left: -.375rem; padding-inline: .375rem } .matrix td { font-size: .8125rem } .matrix thead { border-bottom: 1px solid var(--line) } .matrix .g1 { border-left: 1px solid var(--line) } .matrix tbody th { min-width: 9.5rem; max-width: 16rem } .matrix thead tr:first-child th { vertical-align: middle } .matrix td .sub { display: block }
.filters { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: end; margin-top: 1.5rem } .filters label { display: grid; gap: .1875rem; font-size: .8125rem; color: var(--ink-2) } .filters input { width: 13rem } .filters select { max-width: 10.5rem } .filters [role=status] { margin-left: auto; font-size: .8125rem; color: var(--ink-2); padding-bottom: .5rem }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .8125rem; color: var(--ink-2); margin-top: .625rem }
.note { display: flex; gap: .625rem; padding: .75rem 1rem; border-left: 3px solid var(--line-strong); background: var(--surface); border-radius: 0 8px 8px 0; margin-top: 1rem } .note > .g { margin-top: .25rem } .note.und { color: var(--ink); background: var(--und-bg); border-color: var(--und) } .note.no { color: var(--ink); background: var(--no-bg); border-color: var(--no) } .note.und > .g { color: var(--und) } .note.no > .g { color: var(--no) } .note.yes { color: var(--ink); border-color: var(--yes) } .note.yes > .g { color: var(--yes) }
.log { display: grid; grid-template-columns: auto auto minmax(0, 1fr); } .log > li { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; gap: 1.5rem; padding: .5rem 1.25rem; align-items: baseline } .log > li + li { border-top: 1px solid var(--line) }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; margin-top: 1.5rem } .cards .panel { margin: 0; padding: .875rem 1.25rem } .cards h2 { margin: 0 } .cards ul { margin-top: .5rem } .cards li { display: flex; justify-content: space-between; gap: 1rem; align-items: center; padding: .4375rem 0; border-top: 1px solid var(--line) } .cards li:first-child { border-top: 0 } .cards .panel > * + * { border-top: 0 }
.split { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 0 1.5rem; align-items: start }
.kv { display: grid; grid-template-columns: minmax(6rem, 9rem) minmax(0, 1fr); gap: .5rem 1rem; font-size: .875rem } .kv dt { color: var(--ink-3) }
.strip { display: block; width: 100%; height: 58px; margin-top: .25rem; overflow: visible } .strip text { font: .6875rem var(--sans); fill: var(--ink-2) } .strip .axis { stroke: var(--line-strong) } .strip .s-no { fill: var(--no); stroke: var(--no) } .strip .s-yes { fill: var(--yes) } .strip .s-und { fill: var(--und-bg); stroke: var(--und); stroke-width: 1.5 } .strip .s-na { fill: var(--na) } .strip .s-unseen { stroke: var(--line-strong); stroke-width: 2; stroke-dasharray: 2 3 }
.line { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .125rem 1rem; align-items: baseline }
summary { cursor: pointer; min-height: 1.5rem } details > summary + * { margin-top: .625rem } summary .sub { font-weight: 400 } summary b { font-weight: 600 }
.page h2 { margin: 1.25rem 0 .5rem } .page h2:first-child { margin-top: 0 } .page p, .page ul { margin-top: .5rem; max-width: 75ch } .page ul { padding-left: 1.25rem; list-style: disc } .page table { margin-top: .5rem } .page td { vertical-align: top } .page th:first-child, .page td:first-child { padding-left: .5rem } .page code { background: var(--code); padding: 0 .2em; border-radius: 3px }
.bars { width: 100%; height: 10px; display: block; margin-top: .5rem } .bars .of { fill: var(--sunken); stroke: var(--line-strong) } .bars .done { fill: var(--accent) }
pre.said { display: block; white-space: pre-wrap; padding: .875rem 1.25rem; color: var(--ink) }
.doc { display: flex; justify-content: space-between; gap: 1.5rem; border-bottom: 2px solid var(--ink); padding-bottom: .75rem } .doc h1 { font-size: 2.125rem } .doc .by { text-align: right; font-size: .8125rem; color: var(--ink-2) } .doc img { max-height: 3.5rem; max-width: 14rem; display: block; margin: 0 0 .25rem auto } .gist { font-size: 1.125rem; line-height: 1.5; margin: 1rem 0 } .box { display: inline-block; width: .9rem; height: .9rem; border: 1px solid var(--line-strong); border-radius: 2px }
@media screen and (max-width: 760px) {
  h1 { font-size: 1.5rem; line-height: 1.25 } main { padding: 1rem } .bar .in { flex-wrap: wrap; gap: 0 1rem; padding: 0 1rem } .bar nav { order: 3; width: 100%; overflow-x: auto; margin: 0 -.5rem } .bar nav a { padding: .5rem; min-height: 2.75rem; white-space: nowrap } .who { font-size: .75rem }
  .b, button, select, input { min-height: 2.75rem } .cmd button { min-height: 2.25rem } .filters label, .filters input, .filters select { width: 100%; max-width: none; flex: 1 1 40% } .filters label:first-of-type { flex-basis: 100% } .filters [role=status] { margin: 0; width: 100% }
  .qs > li, .qs > li.one, .two, .split { grid-template-columns: minmax(0, 1fr) } .two > * + * { border-left: 0; border-top: 1px solid var(--line) } .names { columns: 1 } .ev, .kv { grid-template-columns: minmax(0, 1fr); gap: 0 } .ev dd, .kv dd { margin-bottom: .375rem } .ev dd code { word-break: break-all }
  .log { display: block } .log > li { display: flex; flex-wrap: wrap; gap: 0 .75rem } .doc { display: block } .doc .by { text-align: left; margin-top: .5rem } .doc img { margin-left: 0 }
  .stack, .stack tbody, .stack tr, .stack td, .stack tbody th { display: block } .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) } .stack tr { padding: .75rem 1rem; border-bottom: 1px solid var(--line) } .stack tbody tr:last-child { border-bottom: 0 } .stack tbody th, .stack td { border: 0 !important; padding: .1875rem 0 !important; max-width: none } .stack td { display: grid; grid-template-columns: 8.5rem minmax(0, 1fr); align-items: center; text-align: left } .stack td::before { content: attr(data-l); color: var(--ink-3); font-size: .8125rem } .stack .quiet { display: none } .stack .sum { display: grid } .stack .chip { margin-left: 0; justify-self: start }
}
@media screen and (min-width: 761px) { .stack .sum { display: none } }
@media print {
  :root { color-scheme: light; --bg: #fff; --sunken: #fff } @page { size: A4; margin: 16mm 18mm; @bottom-right { content: counter(page) " of " counter(pages); font: 8pt sans-serif } }
  body { font-size: 9pt } h1 { font-size: 22pt } h2 { font-size: 13pt; margin-top: 6mm } h3 { font-size: 10pt } table { font-size: 8.25pt } code, pre { font-size: 7.5pt } main { max-width: none; padding: 0 } .bar, .trail, .actions, .filters, .form, .skip, .cmd button { display: none !important }
  .stack .sum { display: none } .panel { border-color: #bbb } .wide { overflow: visible } .cmd pre { max-height: none; white-space: pre-wrap; overflow-wrap: anywhere } th, td { padding: 1.2mm 2mm } td.any, tbody th { min-width: 0 } .names { columns: 3 } .gist { font-size: 11pt; margin: 3mm 0 } .matrix th, .matrix td { padding-inline: 1mm; font-size: 7pt } .matrix tbody th { min-width: 0 }
  .qs > li { grid-template-columns: 46mm minmax(0, 1fr) minmax(0, 45mm); padding: 1.2mm 3mm } .qs > li.one { grid-template-columns: 46mm minmax(0, 1fr) } .qs { break-inside: avoid } .ask { font-size: 9.5pt } .panel { margin-top: 2mm } .qs .big { font-size: 11pt } .qs .big .g { width: 6mm; height: 6mm } tr, li, .cause, .qs > li { break-inside: avoid } .steps > li { break-inside: auto } h2, h3, h4, thead { break-after: avoid } .two { display: block } .two > * + * { border-left: 0 } details::details-content { content-visibility: visible; block-size: auto } details > summary { list-style: none } tr[hidden] { display: table-row !important } a { color: inherit; text-decoration: none }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: auto } }
@media (forced-colors: active) { .gm { stroke: Canvas } .chip, .note { border: 1px solid } .share rect, .strip rect, .bars rect { forced-color-adjust: none } }
`;
