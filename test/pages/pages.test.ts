// Every page in a real browser: Debian's Chromium. Where there is none these tests say so and skip. Pictures are kept as
// artefacts in the folder of the system's temporary files.
import { existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
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

describe.skipIf(!hasBrowser)('in Chromium', () => {
  let site: PagesSite;
  let browser: Browser;
  const pictures = join(tmpdir(), 'fieldcheck-pages');

  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    [site, browser] = await Promise.all([
      startSite(100),
      chromium.launch({ executablePath: program, args: ['--no-sandbox'] }),
    ]);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  /** Opens a page, and notes what it complains of: scripts, styles and addresses that its policy refused, and errors. */
  async function open(path: string, options: { width?: number; scheme?: 'light' | 'dark' } = {}) {
    const context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: 900 },
      colorScheme: options.scheme ?? 'light',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      // A page that is not there says so with its status, which the browser notes.
      if (message.type() === 'error' && !message.text().includes('404 (Not Found)')) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(site.url + path);
    return { page, complaints, close: () => context.close() };
  }

  async function violations(page: Page): Promise<readonly string[]> {
    // Through the debugger, which no policy of a page stops; the policy itself stays as it is.
    await page.evaluate(await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8'));
    const { violations: found } = (await page.evaluate('axe.run()')) as AxeResults;
    return found.map(({ id, nodes }) => `${id}: ${nodes.length}, ${nodes[0]?.html.slice(0, 200)}`);
  }

  const cases = Object.entries(pages).flatMap(([name, path]) =>
    ([1280, 390] as const).flatMap((width) =>
      (['light', 'dark'] as const).map((scheme) => ({ name, path, width, scheme })),
    ),
  );

  test.each(cases)(
    '$name at $width, $scheme: nothing that axe-core or its policy complains of, nothing cut off',
    async ({ name, path, width, scheme }) => {
      const { page, complaints, close } = await open(path, { width, scheme });
      await page.screenshot({ path: join(pictures, `${name}-${width}-${scheme}.png`), fullPage: true });
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate(`document.querySelectorAll('h1').length`)).toBe(1);
      expect(complaints).toEqual([]);
      await close();
    },
  );

  test('names, messages and DNS texts of anybody stay text', async () => {
    for (const path of [
      pages.overview,
      pages.hostile,
      pages['hostile-watch'],
      pages['hostile-subject'],
      pages['hostile-report'],
    ]) {
      const { page, close } = await open(path);
      page.on('dialog', () => expect.unreachable(`a script ran at ${path}`));
      expect(await page.evaluate(`document.querySelectorAll('img, body script, b > b').length`)).toBe(0);
      const text = (await page.textContent('body')) ?? '';
      expect(text).toContain('<script>alert("1")</script> & "Cöntoso" אבג 北京');
      expect(text).not.toMatch(/\u202e/);
      await close();
    }
    const { page, close } = await open(pages['hostile-subject']);
    expect(await page.textContent('body')).toContain('v=DKIM1; p=<b>AAAA');
    await close();
  }, 90_000);

  test('the overview is filtered with the keyboard, with and without the script', async () => {
    const { page, close } = await open(pages.overview);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('To the content');
    await page.focus('input[name=q]');
    await page.keyboard.type('contoso');
    expect(await page.textContent('[role=status]')).toBe('1 of 100 shown');
    await page.keyboard.press('Tab');
    await page.keyboard.press('n');
    expect(await page.textContent('[role=status]')).toMatch(/^\d+ of 100 shown$/);
    await close();
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    await plain.goto(site.url + pages.overview);
    await plain.fill('input[name=q]', 'customer 12');
    await plain.press('input[name=q]', 'Enter');
    expect(await plain.textContent('[role=status]')).toBe('1 of 100 shown');
    expect(await plain.locator('#organizations tbody tr').count()).toBe(1);
    await context.close();
  });

  test('a table is sorted, a text copied and a bounce pasted with the keyboard alone', async () => {
    const { page, close } = await open(pages.dkim);
    const first = () => page.textContent('#subjects tbody tr:first-child th');
    const link = page.locator('#subjects th a', { hasText: 'Domain' });
    await link.focus();
    await page.keyboard.press('Enter');
    expect([await first(), await page.getAttribute('#subjects th[aria-sort]', 'aria-sort')]).toEqual([
      'amsterdam.contoso.com',
      'ascending',
    ]);
    await page.keyboard.press('Enter');
    expect([await first(), await page.getAttribute('#subjects th[aria-sort]', 'aria-sort')]).not.toContain('ascending');
    const copy = page.locator('button[data-copy]').first();
    await copy.focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(`document.querySelector('button[data-copy]').textContent === 'Copied'`);
    const copied = await page.evaluate('navigator.clipboard.readText()');
    expect(copied).toContain('15 domains: The active selector selector2 of … has no key');
    for (const place of ['amsterdam', 'milan'])
      expect(copied).toContain(`DKIM: no usable key of selector2 for ${place}.contoso.com`);
    await page.goto(site.url + pages.explain);
    await page.focus('textarea');
    await page.keyboard.type('hello');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.note');
    expect(await page.textContent('.note')).toContain('It could not be explained.');
    expect(await page.inputValue('textarea')).toBe('hello');
    await close();
  });

  test('on paper stands every finding, whatever is folded on the screen', async () => {
    for (const path of [pages.subject, pages.report]) {
      const { page, close } = await open(path);
      await page.emulateMedia({ media: 'print' });
      await page.pdf({
        path: join(pictures, `${path === pages.report ? 'report' : 'subject'}.pdf`),
        preferCSSPageSize: true,
      });
      const hidden = await page.evaluate(
        `[...document.querySelectorAll('main details:not(.form) > *, main tr, main .panel li, main pre')]
          .filter((one) => one.getBoundingClientRect().height === 0)
          .map((one) => one.textContent.slice(0, 80))`,
      );
      expect([path, hidden]).toEqual([path, []]);
      const head = await page.evaluate(`getComputedStyle(document.querySelector('.bar, .doc')).display`);
      expect(head).toBe(path === pages.report ? 'flex' : 'none');
      await close();
    }
  });
});
