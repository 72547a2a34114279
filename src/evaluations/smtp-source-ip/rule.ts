import { type RuleContext as ContextOf, ruleFactory } from '../../domain/rule.ts';
import type { SmtpServiceFacts } from '../../facts/smtp-service/index.ts';
import type { SmtpService } from '../../facts/smtp-service/subject.ts';

/** Declares a rule about a load-balanced SMTP service. */
export const rule = ruleFactory<SmtpServiceFacts, SmtpService>();

/** What a rule about a load-balanced SMTP service knows besides its facts. */
export type RuleContext = ContextOf<SmtpServiceFacts, SmtpService>;
