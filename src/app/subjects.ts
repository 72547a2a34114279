import { matchesDomainPattern, normaliseDomainName } from '../domain/domain-name.ts';
import type { OrganizationDocument } from '../domain/organization.ts';
import type { EvaluationId, RulePolicy } from '../domain/rule.ts';
import type { Cloud, ExchangeOrganization, MailDomain, SmtpService, Subject } from '../domain/subject.ts';

/**
 * The subjects that an organization's document puts under watch for an evaluation, in order of their ids, so that slices
 * are contiguous. Empty when the evaluation is not declared.
 *
 * @param discovered the tenant's own domains, where the document names none
 */
export function subjectsOf(
  document: OrganizationDocument,
  evaluation: EvaluationId,
  discovered: readonly string[] = [],
): readonly Subject[] {
  switch (evaluation) {
    case 'dkim': {
      const settings = document.evaluations.dkim;
      if (settings === undefined) return [];
      const names = [...new Set(settings.domains ?? discovered)].sort();
      return names.map((id): MailDomain => {
        const ignoredBy = settings.ignore.find((pattern) => matchesDomainPattern(pattern, id));
        return {
          kind: 'mail-domain',
          id,
          selectors: settings.selectors,
          ...(ignoredBy === undefined ? {} : { ignoredBy }),
          ...tenantOf(document),
        };
      });
    }
    case 'teams-exchange-interop': {
      const settings = document.evaluations['teams-exchange-interop'];
      if (settings === undefined) return [];
      const { hosts, sampleUsers, intents, declared } = settings;
      const one: ExchangeOrganization = {
        kind: 'exchange-organization',
        id: document.id,
        domains: [...(settings.domains ?? discovered)],
        hosts,
        sampleUsers,
        intents,
        declared,
        cloud: 'worldwide',
        ...tenantOf(document),
      };
      return [one];
    }
    case 'smtp-source-ip':
      return (document.evaluations['smtp-source-ip']?.services ?? [])
        .map((service): SmtpService => ({ kind: 'smtp-service', ...service }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

function tenantOf({ tenant }: OrganizationDocument): { tenantId?: string; cloud?: Cloud } {
  if (tenant === undefined) return {};
  return { cloud: tenant.cloud, ...(tenant.id === undefined ? {} : { tenantId: tenant.id }) };
}

/** The id of the subject that a person calls `name`: a mail domain has many spellings. */
export function subjectId(evaluation: EvaluationId, name: string): string {
  if (evaluation !== 'dkim') return name;
  const domain = normaliseDomainName(name);
  return 'name' in domain ? domain.name : name;
}

/** What the document sets for the rules of an evaluation. */
export function policiesOf(
  document: OrganizationDocument,
  evaluation: EvaluationId,
): Readonly<Record<string, RulePolicy>> {
  return document.evaluations[evaluation]?.rules ?? {};
}
