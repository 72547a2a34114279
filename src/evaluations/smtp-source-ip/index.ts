import { collectorsFor } from '../../facts/smtp-service/service.ts';
import { smtpService } from '../../facts/smtp-service/subject.ts';
import { smtpNodeFiles } from '../../sources/bindings/smtp-source-ip/files.ts';
import { haproxyFiles } from '../../sources/bindings/smtp-source-ip/haproxy.ts';
import { smtpServiceSources } from '../../sources/bindings/smtp-source-ip/sources.ts';
import type { Registration } from '../registration.ts';
import { baselineOf } from './baseline.ts';
import { smtpSourceIpDoors } from './doors.ts';
import { smtpSourceIp as evaluation } from './evaluation.ts';
import { smtpSourceIpInShell } from './in-shell.ts';

/** Everything the product knows of this evaluation. */
export const smtpSourceIp: Registration = {
  ...evaluation,
  bind: smtpServiceSources,
  files: [smtpNodeFiles, haproxyFiles],
  grants: [],
  starts(subject) {
    const { vips, nodes } = smtpService.parse(subject);
    return [{ what: 'VIPs and nodes', count: vips.length + nodes.length, mostInAll: 50 }];
  },
  baseline: {
    of: (subject, supplied, accepted) => baselineOf(smtpService.parse(subject), supplied, accepted),
    nothing: (subject) =>
      `There are no facts about any node of ${subject.id}, or they have expired; run ${collectorsFor(smtpService.parse(subject))} on every node and supply its files first.`,
  },
  inShell: smtpSourceIpInShell,
  doors: smtpSourceIpDoors,
};
