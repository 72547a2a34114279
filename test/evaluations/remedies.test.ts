import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { evaluations } from '../../src/evaluations/index.ts';
import type { SmtpService } from '../../src/facts/smtp-service/subject.ts';
import { openPowerShellHost, type PowerShellHost } from '../powershell/host.ts';
import { goldenCases, judgeCase } from './cases.ts';

// The first run of a host compiles the engine: some seconds, more where others work on the same machine.
vi.setConfig({ testTimeout: 90_000 });
const host = await openPowerShellHost();
const engine = host as PowerShellHost;

/** A line that is run, not read: a cmdlet, a variable, or a program of Windows that remedies use. */
const isCommand = (line: string) => /^(\$\w+ = |[A-Z][A-Za-z]+-[A-Z]\w+( |$)|netsh |devcon\.exe |arp )/.test(line);

const evaluation = evaluations.of('smtp-source-ip');
const remedies = [evaluation, evaluations.of('dkim')].flatMap((one) =>
  goldenCases(one).flatMap((golden) =>
    judgeCase(one, golden).findings.flatMap(({ rule, target, remedy }) =>
      remedy === undefined ? [] : [{ where: `${golden.name}: ${rule} ${target ?? ''}`, lines: remedy.split('\n') }],
    ),
  ),
);
/** A line for a shell of Linux. */
const isShellCommand = (line: string) =>
  /^(\w+='' |sysctl -w |echo |ip (-\d )?\w+ |nft |postconf |systemctl |ss )/.test(line);
const ofLinux = goldenCases(evaluation).flatMap((golden) => {
  const { nodes } = golden.facts.subject as unknown as SmtpService;
  return judgeCase(evaluation, golden).findings.flatMap(({ rule, target = '', remedy }) => {
    const node = nodes.find(({ name }) => target.split('/')[0] === name);
    if (remedy === undefined || node === undefined) return [];
    return [{ where: `${golden.name}: ${rule} ${target}`, system: node.system, lines: remedy.split('\n') }];
  });
});
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

  it('are for the system of the node: no PowerShell on Linux, and no shell of Linux on Windows', () => {
    const wrong = ofLinux.flatMap(({ where, system, lines }) =>
      lines
        .filter((line) =>
          system === 'linux' ? isCommand(line) || / -\w+ \$(true|false)/.test(line) : isShellCommand(line),
        )
        .map((line) => `${where}: ${line}`),
    );
    expect(wrong).toEqual([]);
  });

  it('are read by a shell without an error, where the node runs Linux', () => {
    const scripts = ofLinux
      .filter(({ system }) => system === 'linux')
      .map(({ where, lines }) => ({ where, script: lines.filter(isShellCommand).join('\n') }))
      .filter(({ script }) => script !== '');
    expect(scripts.length).toBeGreaterThan(20);
    const errors = scripts.flatMap(({ where, script }) => {
      const { status, stderr } = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' });
      return status === 0 && !/<[a-z][^>]*>/.test(script) ? [] : [`${where}: ${stderr}\n${script}`];
    });
    expect(errors).toEqual([]);
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
