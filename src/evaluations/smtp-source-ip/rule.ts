import { type RuleContext as ContextOf, ruleFactory, type Variant, variantFactory } from '../../domain/rule.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import { isLinuxNode } from '../../facts/smtp-service/service.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/** Declares a rule about a load-balanced SMTP service. */
export const rule = ruleFactory<SmtpServiceFacts, SmtpService>();

const linux = variantFactory<SmtpServiceFacts, SmtpService, 'node'>(isLinuxNode);

/** How a rule is judged on a Linux node. */
export const onLinux = linux.judged;

/** A rule about Windows or Exchange alone, and why Linux nodes have no need of it. */
export function windowsOnly(why: string): Variant {
  return linux.outside(({ part }) => `${part} runs Linux: ${why}`);
}

/** What a rule about a load-balanced SMTP service knows besides its facts. */
export type RuleContext = ContextOf<SmtpServiceFacts, SmtpService>;
