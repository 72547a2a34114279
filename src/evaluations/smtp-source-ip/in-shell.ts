import type { Answer } from '../../domain/finding.ts';
import { gather } from '../../domain/gather.ts';
import { judge } from '../../domain/judge.ts';
import { InvalidDocument, parseDocument } from '../../domain/organization.ts';
import { bound } from '../../domain/source.ts';
import { type SmtpService, smtpServiceDeclaration } from '../../facts/smtp-service/subject.ts';
import { readSmtpNodeFiles, smtpFactsOf } from '../../sources/bindings/smtp-source-ip/collector.ts';
import { smtpSources } from '../../sources/bindings/smtp-source-ip/sources.ts';
import { analyseSmtpLogs, describeSmtpLogs, type SmtpLogAnalysis } from '../../sources/smtp-log/analysis.ts';
import { findLogFiles } from '../../sources/smtp-log/files.ts';
import type { EvaluationInShell } from '../in-shell.ts';
import { smtpSourceIp } from './evaluation.ts';
import { describeRunbook, runbookOf } from './runbook.ts';

/** What this evaluation adds to `evaluate` in a shell. */
export const smtpSourceIpInShell: EvaluationInShell = {
  options: [
    { flags: '--service <file>', description: 'one service, as in an organization document' },
    {
      flags: '--log <path>',
      description: 'receive logs to analyse, files or folders; repeatable',
      repeatable: true,
    },
    { flags: '--probe', description: 'connect to the service and its nodes from here' },
    { flags: '--relay-test', description: 'with --probe, also ask to relay (MAIL FROM and RCPT TO, never DATA)' },
  ],
  subjects: async ({ values: { service: file }, readJson }) =>
    typeof file === 'string' ? [serviceIn(await readJson(file), file)] : undefined,
  async world({ log, probe, relayTest }) {
    const paths = log as readonly string[];
    return {
      ...(paths.length > 0 ? { logFiles: await findLogFiles(paths) } : {}),
      ...(probe === true ? { probe: { relayTest: relayTest === true } } : {}),
    };
  },
  nothing:
    'There is nothing to look at: give --organization FILE with evaluations.smtp-source-ip, --service FILE, or --facts FILE.',
  commands: [
    {
      usage: 'smtp-logs <paths...>',
      description: 'count SMTP receive logs: who connects, and what that proves about source addresses',
      options: [
        {
          flags: '--service <file>',
          description: 'the service whose logs these are, as in an organization document',
          required: true,
        },
      ],
      async run(paths, { values: { service: file }, now, readJson }) {
        const service = serviceIn(await readJson(String(file)), String(file));
        const analysis = await analyseSmtpLogs(paths, service, now);
        return { json: analysis, text: describeSmtpLogs(analysis), answer: answerOf(analysis) };
      },
    },
    {
      usage: 'runbook <evaluation>',
      description: 'print, node by node, what is missing for Direct Server Return, with what undoes it',
      options: [
        { flags: '--service <file>', description: 'the service, as in an organization document', required: true },
        { flags: '--facts <file>', description: 'fact file of a node; repeatable', repeatable: true },
      ],
      async run([name = ''], { values: { service: file, facts: paths }, now, readJson }) {
        if (name !== smtpSourceIp.id) {
          throw new InvalidDocument('runbook', [`there is none for ${name}; write: runbook ${smtpSourceIp.id}`]);
        }
        const service = serviceIn(await readJson(String(file)), String(file));
        const files = await Promise.all(
          (paths as readonly string[]).map(async (path) => ({ name: path, rows: rowsIn(await readJson(path)) })),
        );
        const supplied = smtpFactsOf(readSmtpNodeFiles(files), service);
        const facts = await gather(smtpSourceIp, service, bound(smtpSources()), { now, supplied });
        const run = judge(smtpSourceIp, service, facts, { now });
        const runbook = runbookOf(service, facts, run);
        return { json: runbook, text: describeRunbook(runbook), answer: runbook.answer };
      },
    },
  ],
};

/** Of the nodes that the logs tell of: no when one hides its clients, yes when all show them, undetermined otherwise. */
function answerOf({ log, nodes }: SmtpLogAnalysis): Answer {
  const proofs = nodes.filter(({ name }) => log.nodes.some((one) => one.name === name)).map(({ proof }) => proof);
  if (proofs.some((proof) => 'translation' in proof && proof.translation !== 'preserved')) return 'no';
  return proofs.length > 0 && proofs.every((proof) => 'translation' in proof) ? 'yes' : 'undetermined';
}

/** One entry of `services` alone. @throws InvalidDocument naming file and path */
export function serviceIn(value: unknown, file: string): SmtpService {
  return { kind: 'smtp-service', ...parseDocument(file, smtpServiceDeclaration, value) };
}

/** A fact file holds one host, or a list of them. */
function rowsIn(value: unknown): Readonly<Record<string, unknown>>[] {
  return [value].flat() as Readonly<Record<string, unknown>>[];
}
