import { afterAll, describe, expect, it, vi } from 'vitest';
import { evaluations } from '../../../src/evaluations/index.ts';
import { openPowerShellHost, type PowerShellHost } from '../../powershell/host.ts';
import { goldenCases, judgeCase } from '../cases.ts';

// The first run of a host compiles the engine: some seconds, more where others work on the same machine.
vi.setConfig({ testTimeout: 90_000 });
const host = await openPowerShellHost();
const engine = host as PowerShellHost;
afterAll(() => host?.close());

/** A line that is run, not read: a cmdlet, a variable, or a program of Windows that remedies use. */
const isCommand = (line: string) => /^(\$\w+ = |[A-Z][A-Za-z]+-[A-Z]\w+( |$)|netsh |devcon\.exe |arp )/.test(line);

const evaluation = evaluations.of('smtp-source-ip');
const remedies = goldenCases(evaluation).flatMap((golden) =>
  judgeCase(evaluation, golden).findings.flatMap(({ rule, target, remedy }) =>
    remedy === undefined ? [] : [{ where: `${golden.name}: ${rule} ${target ?? ''}`, lines: remedy.split('\n') }],
  ),
);
const withCommands = remedies.filter(({ lines }) => lines.some(isCommand));

describe('remedies of the golden cases', () => {
  it('write commands on lines of their own, and no placeholder into them', () => {
    const inProse = remedies.flatMap(({ where, lines }) =>
      lines
        .filter((line) =>
          isCommand(line) ? /<[a-z][^>]*>/.test(line) : / [A-Z][a-z]+-[A-Z][A-Za-z]+ (-[A-Z]|')/.test(line),
        )
        .map((line) => `${where}: ${line}`),
    );
    expect(inProse).toEqual([]);
  });

  it.runIf(host)('are read by PowerShell without an error', async () => {
    expect(withCommands.length).toBeGreaterThan(50);
    const scripts = new Map(
      withCommands.map(({ where, lines }) => [lines.filter(isCommand).join('\n'), where] as const),
    );
    const errors: string[] = [];
    for (const [text, where] of scripts) {
      const found = await engine.parse({ text });
      errors.push(...found.map(({ line, message }) => `${where}, line ${line}: ${message}\n${text}`));
    }
    expect(errors).toEqual([]);
  });
});
