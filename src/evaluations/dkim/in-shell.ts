import { normaliseDomainName } from '../../domain/domain-name.ts';
import type { OrganizationDocument } from '../../domain/organization.ts';
import type { Subject } from '../../domain/subject.ts';
import type { Call, EvaluationInShell } from '../in-shell.ts';
import { dkim } from './evaluation.ts';
import { answerOfPlan, recordsPlan } from './records.ts';
import { type RecordsFormat, recordsFormats, recordsText } from './records-text.ts';

/** What this evaluation adds to `evaluate` in a shell. */
export const dkimInShell: EvaluationInShell = {
  named: 'mail domains',
  options: [
    { flags: '--signing-config <file>', description: 'output of Get-DkimSigningConfig as JSON' },
    { flags: '--accepted-domains <file>', description: 'output of Get-AcceptedDomain as JSON' },
    {
      flags: '--selector <name>',
      description: 'selector to look at without a signing configuration; repeatable',
      repeatable: true,
    },
  ],
  files: ({ signingConfig, acceptedDomains }) => [
    ...(typeof signingConfig === 'string' ? [{ path: signingConfig, kind: 'signing-configuration' }] : []),
    ...(typeof acceptedDomains === 'string' ? [{ path: acceptedDomains, kind: 'accepted-domain' }] : []),
  ],
  async subjects(call) {
    const { named, document, inFiles, values } = call;
    const selectors = values.selector as readonly string[];
    if (named.length > 0) return domains(call, document ?? { id: 'shell' }, named.map(domainOf), selectors);
    return document === undefined && selectors.length > 0 && inFiles.length > 0
      ? domains(call, { id: 'shell' }, inFiles, selectors)
      : undefined;
  },
  commands: [
    {
      usage: 'explain <file>',
      description:
        'explain a bounce: why a message was not verified, from a delivery report, the message or its header; - reads what is typed or piped',
      looks: true,
    },
  ],
  findingsCommands: [
    {
      name: 'dkim-records',
      description: 'print what is missing in DNS and in Exchange Online until all domains sign; changes nothing',
      options: [
        { flags: '--format <format>', description: 'zone lines, or commands', choices: recordsFormats },
        {
          flags: '--zone <name>',
          description: 'a zone that holds the records, where DNS does not tell; repeatable',
          repeatable: true,
        },
        { flags: '--resource-group <name>', description: 'az: where the zones are in Azure' },
      ],
      of({ format, zone, resourceGroup }) {
        const zones = (zone as readonly string[]).map(domainOf);
        const group = typeof resourceGroup === 'string' ? resourceGroup : undefined;
        return (runs) => {
          const plan = recordsPlan(runs, zones);
          return { json: plan, text: recordsText(plan, format as RecordsFormat, group), answer: answerOfPlan(plan) };
        };
      },
    },
  ],
  nothing:
    'There is no domain to look at: name one (evaluate dkim contoso.com), or give --signing-config, --organization or --facts.',
};

/** @throws Error when it is no domain name */
function domainOf(text: string): string {
  const domain = normaliseDomainName(text);
  if ('problem' in domain) throw new Error(`${domain.problem}.`);
  return domain.name;
}

/** Domains as the document would watch them, had it named them; in the order in which they were named. */
async function domains(
  { checked }: Call,
  base: Pick<OrganizationDocument, 'id'> & Partial<OrganizationDocument>,
  names: readonly string[],
  selectors: readonly string[],
): Promise<readonly Subject[]> {
  const settings = {
    ...base.evaluations?.[dkim.id],
    domains: [...names],
    ...(selectors.length > 0 ? { selectors: [...selectors] } : {}),
  };
  const document = await checked({ ...base, evaluations: { ...base.evaluations, [dkim.id]: settings } });
  const watched = dkim.subjects(document, dkim.settings.parse(document.evaluations[dkim.id]), []);
  return names.flatMap((name) => watched.filter(({ id }) => id === name));
}
