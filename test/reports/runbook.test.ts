import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/domain/finding.ts';
import type { Runbook } from '../../src/domain/runbook.ts';
import { htmlReport } from '../../src/pages/index.ts';
import { markdownReport, runbookMarkdown } from '../../src/reports/index.ts';

const hostile = '<script>alert(1)</script> [click](http://fabrikam.com)';
const runbook: Runbook = {
  title: `Direct Server Return for ${hostile}`,
  intro: ['As of now.'],
  chapters: [
    {
      title: 'EX1',
      steps: [
        {
          what: `Take the VIP off ${hostile}`,
          before: 'a\nb',
          run: '```\n</pre>\nRemove-NetIPAddress',
          undo: 'New-NetIPAddress',
        },
        { what: 'Call', before: hostile, run: 'curl kemp', undo: 'curl kemp', language: 'shell' },
      ],
      says: 'First, by somebody who decides:',
      items: [hostile],
    },
  ],
};
const run: Run = {
  evaluation: 'smtp-source-ip',
  subject: 'smtp-in',
  at: '2026-11-24T09:30:00.000Z',
  answers: { 'dsr-ready': 'no' },
  findings: [],
};
const options = {
  evaluations: { 'smtp-source-ip': { title: 'SMTP source IP', runbooks: new Map([['smtp-in', runbook]]) } },
};

describe('a runbook', () => {
  it('reads in a terminal as it is: number, state before, what to run, what undoes it', () => {
    expect(runbookMarkdown({ ...runbook, title: 'T', chapters: [] })).toBe('# T\n\nAs of now.\n');
    const text = runbookMarkdown(runbook);
    expect(text).toContain('## 1. EX1\n\n### 1.1 Take the VIP off');
    expect(text).toContain('Before:\n\n```text\na\nb\n```\n\n````powershell\n```\n</pre>\nRemove-NetIPAddress\n````');
    expect(text).toContain('```shell\ncurl kemp\n```\n\nTo undo:');
    expect(text).toContain(`First, by somebody who decides:\n\n- ${hostile}\n`);
  });

  it('stands closed in reports, and nothing in it becomes markup there', () => {
    const html = htmlReport([run], options);
    expect(html).toContain('<summary class="pad">Runbook: Direct Server Return for &lt;script&gt;');
    expect(html).toContain('>```\n&lt;/pre&gt;\nRemove-NetIPAddress</pre>');
    expect(html).not.toContain('<script>');
    const markdown = markdownReport([run], options);
    expect(markdown).toContain('<summary>Runbook: Direct Server Return for \\<script\\>');
    expect(markdown).toContain('##### 1.1 Take the VIP off \\<script\\>');
    expect(markdown).not.toMatch(/[^\\]<script>|[^\\]\]\(http/);
  });
});
