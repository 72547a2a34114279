import { noFacts } from '../../domain/fact-set.ts';
import { declaredService, isSmtpNodeFile, readSmtpNodeFiles, smtpFactsOf } from '../../sources/smtp-node-facts.ts';
import type { Family } from './family.ts';

/** Fact files of `Collect-SmtpSourceIpFacts.ps1`, one for each node. */
export const smtpFiles: Family = {
  wanted: 'a fact file of Collect-SmtpSourceIpFacts.ps1',
  recognises: ({ rows }) => rows.every(isSmtpNodeFile),
  read(files) {
    const hosts = readSmtpNodeFiles(files);
    const service = declaredService(hosts);
    return {
      name: `node/${hosts.map(({ facts }) => facts.host.name).join('+')}`,
      subjects: service === undefined ? [] : [service],
      factsFor: (subject) => (subject.kind === 'smtp-service' ? smtpFactsOf(hosts, subject) : noFacts),
    };
  },
};
