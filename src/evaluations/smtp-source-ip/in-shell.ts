import type { Answer } from '../../domain/finding.ts';
import { parseDocument } from '../../domain/organization.ts';
import { type SmtpService, smtpServiceDeclaration } from '../../facts/smtp-service/subject.ts';
import { analyseSmtpLogs, describeSmtpLogs, type SmtpLogAnalysis } from '../../sources/smtp-log/analysis.ts';
import { findLogFiles } from '../../sources/smtp-log/files.ts';
import type { EvaluationInShell } from '../in-shell.ts';

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
