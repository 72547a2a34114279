import { noFacts } from '../../../domain/fact-set.ts';
import { smtpService } from '../../../facts/smtp-service/subject.ts';
import type { SuppliedFormat } from '../../supplied/format.ts';
import { declaredService, isSmtpNodeFile, readSmtpNodeFiles, smtpFactsOf, whyForeign } from './collector.ts';

/** Fact files of the collectors for Windows and for Linux, one for each node. */
export const smtpNodeFiles: SuppliedFormat = {
  wanted: 'a fact file of Collect-SmtpSourceIpFacts.ps1 or Collect-SmtpSourceIpFacts.sh',
  recognises: ({ rows }) => rows.length > 0 && rows.every(isSmtpNodeFile),
  read(files) {
    const hosts = readSmtpNodeFiles(files);
    const service = declaredService(hosts);
    return {
      name: `node/${hosts.map(({ facts }) => facts.host.name).join('+')}`,
      subjects: service === undefined ? [] : [service],
      foreignTo: (subject) => {
        const parsed = smtpService.safeParse(subject);
        return parsed.success ? whyForeign(hosts, parsed.data) : undefined;
      },
      factsFor: (subject) => {
        const parsed = smtpService.safeParse(subject);
        return parsed.success ? smtpFactsOf(hosts, parsed.data) : noFacts;
      },
    };
  },
};
