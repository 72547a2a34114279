// Every page in a real browser: Debian's Chromium. Where there is none these tests say so and skip. Whoever wants to look
// names a folder in FIELDCHECK_PICTURES, which gets a picture of each page in each shape: nothing is painted otherwise.
import { existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AxeResults, RunOptions } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { longDomain, type PagesSite, startSite } from './site.ts';

const program = process.env.CHROMIUM ?? '/usr/bin/chromium';
const hasBrowser = existsSync(program);

test.skipIf(hasBrowser)(`there is no browser at ${program}: the pages were not looked at`, () => {});

const contoso = '/api/pages/organizations/contoso';

/** Every page, by name. */
const pages = {
  overview: '/api/pages',
  organization: contoso,
  dkim: `${contoso}/dkim`,
  interop: `${contoso}/teams-exchange-interop`,
  smtp: `${contoso}/smtp-source-ip`,
  subject: `${contoso}/dkim/subjects/dresden.contoso.com`,
  node: `${contoso}/smtp-source-ip/subjects/smtp-in`,
  run: '/api/pages/runs/contoso.dkim.20261128T060000Z',
  rules: '/api/pages/rules',
  rule: '/api/pages/rules/dkim/active-key-published',
  health: '/api/pages/health',
  explain: '/api/pages/explain',
  hostile: '/api/pages/organizations/hostile',
  'hostile-watch': '/api/pages/organizations/hostile/dkim',
  'hostile-subject': `/api/pages/organizations/hostile/dkim/subjects/${longDomain}`,
  missing: '/api/pages/organizations/nobody',
  report: '/api/organizations/contoso/report',
  'hostile-report': '/api/organizations/hostile/report',
} as const;

/** What a person may have: a desk or a telephone, by day or by night; each is one step from the one before. */
const shapes = [
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
  { width: 390, scheme: 'dark' },
  { width: 390, scheme: 'light' },
] as const;
type Shape = (typeof shapes)[number];

/** The pages, each to be opened in the shape that the one before was left in: laying out that one anew would be for nobody. */
const looks = Object.entries(pages).map(([name, path], place) => ({
  name,
  path,
  order: place % 2 === 0 ? shapes : shapes.toReversed(),
}));

/** Axe-core's rules on colours, but for the one that it does not run unless it is asked to. */
const ofColours: RunOptions = {
  runOnly: { type: 'tag', values: ['cat.color'] },
  rules: { 'color-contrast-enhanced': { enabled: false } },
};

const pictures = process.env.FIELDCHECK_PICTURES;

const args = [
  '--no-sandbox',
  '--disable-gpu',
  // Nobody types into the address bar, whose suggestions are two pages of their own.
  '--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess',
  // What a page runs is over before optimized code pays, and its litter is thrown away with it.
  '--js-flags=--no-maglev --no-turbofan --single-threaded-gc --min-semi-space-size=64',
  // Without this thread a page is laid out whenever somebody asks, and painted never.
  ...(pictures === undefined ? ['--disable-threaded-compositing'] : []),
];

/** What a page says of itself in one shape. */
interface Look {
  readonly dark: boolean;
  readonly tooWide: number;
  readonly headings: number;
  readonly violations: AxeResults['violations'];
  /** Where everything is and whether it is seen. */
  readonly layout: readonly string[];
}

describe.skipIf(!hasBrowser)('in Chromium', () => {
  let site: PagesSite;
  let browser: Browser;
  let tab: Page;
  let axe: string;

  beforeAll(async () => {
    if (pictures !== undefined) mkdirSync(pictures, { recursive: true });
    [site, browser, axe] = await Promise.all([
      startSite(12),
      chromium.launch({ executablePath: program, args }),
      readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8'),
    ]);
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    tab = await context.newPage();
    tab.on('console', (message) => {
      // A page that is not there says so with its status, which the browser notes.
      if (message.type() === 'error' && !message.text().includes('404 (Not Found)')) complaints.push(message.text());
    });
    tab.on('pageerror', (error) => complaints.push(String(error)));
    tab.on('dialog', async (dialog) => {
      complaints.push(`a script said ${dialog.message()}`);
      await dialog.dismiss();
    });
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** What the page that is open complains of: scripts, styles and addresses that its policy refused, and errors. */
  let complaints: string[];

  async function take({ width, scheme }: Shape): Promise<void> {
    await tab.emulateMedia({ media: 'screen', colorScheme: scheme });
    await tab.setViewportSize({ width, height: 900 });
  }

  /** Opens a page, mostly as a person with a desk does by day; in the same tab, because each new one compiles axe-core anew. */
  async function open(path: string, shape: Shape = shapes[0]): Promise<void> {
    await take(shape);
    complaints = [];
    await tab.goto(site.url + path);
  }

  /** One question for all: each costs a way to the page and back. What passed axe-core would cost as much as the looking. */
  const look = (options: RunOptions) =>
    tab.evaluate(`axe.run(${JSON.stringify({ ...options, resultTypes: ['violations'] })}).then(({ violations }) => ({
      dark: matchMedia('(prefers-color-scheme: dark)').matches,
      tooWide: document.documentElement.scrollWidth - innerWidth,
      headings: document.querySelectorAll('h1').length,
      violations,
      layout: [...document.querySelectorAll('*')].map((one) => {
        const { x, y, width, height } = one.getBoundingClientRect();
        return [one.checkVisibility({ opacityProperty: true, visibilityProperty: true }), x, y, width, height].join(' ');
      }),
    }))`) as Promise<Look>;

  describe.each(looks)('$name', ({ name, path, order }) => {
    const layouts: Record<number, readonly string[]> = {};
    beforeAll(async () => {
      await open(path, order[0]);
      // Through the debugger, which no policy of a page stops; the policy itself stays as it is.
      await tab.evaluate(axe);
    });

    // One page that is made narrow and dark, as a person's is: nothing of it looks at the width or the scheme but its style.
    test.each(order)(
      'at $width, $scheme: nothing that axe-core or its policy complains of, nothing cut off',
      async (shape) => {
        const { width, scheme } = shape;
        await take(shape);
        if (pictures !== undefined)
          await tab.screenshot({ path: join(pictures, `${name}-${width}-${scheme}.png`), fullPage: true });
        // By night nothing but colours is different, so only what axe-core says of colours can be.
        const { dark, tooWide, headings, violations, layout } = await look(scheme === 'dark' ? ofColours : {});
        expect(dark).toBe(scheme === 'dark');
        expect(tooWide).toBeLessThanOrEqual(0);
        expect(layout).toEqual(layouts[width] ?? layout);
        layouts[width] = layout;
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.length}, ${nodes[0]?.html.slice(0, 200)}`)).toEqual(
          [],
        );
        expect(headings).toBe(1);
        expect(complaints).toEqual([]);
      },
    );
  });

  test('names, messages and DNS texts of anybody stay text', async () => {
    for (const path of [
      pages.overview,
      pages.hostile,
      pages['hostile-watch'],
      pages['hostile-subject'],
      pages['hostile-report'],
    ]) {
      await open(path);
      expect(await tab.evaluate(`document.querySelectorAll('img, body script, b > b').length`)).toBe(0);
      const text = (await tab.textContent('body')) ?? '';
      expect(text).toContain('<script>alert("1")</script> & "Cöntoso" אבג 北京');
      expect(text).not.toMatch(/\u202e/);
      expect([path, complaints]).toEqual([path, []]);
      if (path === pages['hostile-subject']) expect(text).toContain('v=DKIM1; p=<b>AAAA');
    }
  });

  test('the overview is filtered with the keyboard, with and without the script', async () => {
    await open(pages.overview);
    await tab.keyboard.press('Tab');
    expect(await tab.evaluate('document.activeElement.textContent')).toBe('To the content');
    await tab.focus('input[name=q]');
    await tab.keyboard.type('contoso');
    expect(await tab.textContent('[role=status]')).toBe('1 of 12 shown');
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('n');
    expect(await tab.textContent('[role=status]')).toMatch(/^\d+ of 12 shown$/);
    const withoutScript = await browser.newContext({ javaScriptEnabled: false });
    const plain = await withoutScript.newPage();
    await plain.goto(site.url + pages.overview);
    await plain.fill('input[name=q]', 'customer 10');
    await plain.press('input[name=q]', 'Enter');
    expect(await plain.textContent('[role=status]')).toBe('1 of 12 shown');
    expect(await plain.locator('#organizations tbody tr').count()).toBe(1);
    await withoutScript.close();
  });

  test('a table is sorted, a text copied and a bounce pasted with the keyboard alone', async () => {
    await open(pages.dkim);
    const first = () => tab.textContent('#subjects tbody tr:first-child th');
    const link = tab.locator('#subjects th a', { hasText: 'Domain' });
    await link.focus();
    await tab.keyboard.press('Enter');
    expect([await first(), await tab.getAttribute('#subjects th[aria-sort]', 'aria-sort')]).toEqual([
      'amsterdam.contoso.com',
      'ascending',
    ]);
    await tab.keyboard.press('Enter');
    expect([await first(), await tab.getAttribute('#subjects th[aria-sort]', 'aria-sort')]).not.toContain('ascending');
    const copy = tab.locator('button[data-copy]').first();
    await copy.focus();
    await tab.keyboard.press('Enter');
    await tab.locator('button[data-copy]:text-is("Copied")').waitFor();
    const copied = await tab.evaluate('navigator.clipboard.readText()');
    expect(copied).toContain('15 domains: The active selector selector2 of … has no key');
    for (const place of ['amsterdam', 'milan'])
      expect(copied).toContain(`DKIM: no usable key of selector2 for ${place}.contoso.com`);
    await tab.goto(site.url + pages.explain);
    await tab.focus('textarea');
    await tab.keyboard.type('hello');
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('Tab');
    await tab.keyboard.press('Enter');
    await tab.waitForSelector('.note');
    expect(await tab.textContent('.note')).toContain('It could not be explained.');
    expect(await tab.inputValue('textarea')).toBe('hello');
  });

  test('on paper stands every finding, whatever is folded on the screen', async () => {
    for (const path of [pages.subject, pages.report]) {
      await open(path);
      await tab.emulateMedia({ media: 'print' });
      if (pictures !== undefined)
        await tab.pdf({
          path: join(pictures, `${path === pages.report ? 'report' : 'subject'}.pdf`),
          preferCSSPageSize: true,
        });
      const hidden = await tab.evaluate(
        `[...document.querySelectorAll('main details:not(.form) > *, main tr, main .panel li, main pre')]
          .filter((one) => one.getBoundingClientRect().height === 0)
          .map((one) => one.textContent.slice(0, 80))`,
      );
      expect([path, hidden]).toEqual([path, []]);
      const head = await tab.evaluate(`getComputedStyle(document.querySelector('.bar, .doc')).display`);
      expect(head).toBe(path === pages.report ? 'flex' : 'none');
    }
  });
});
