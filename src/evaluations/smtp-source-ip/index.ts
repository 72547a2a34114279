import { collectorsFor } from '../../facts/smtp-service/service.ts';
import { smtpService } from '../../facts/smtp-service/subject.ts';
import { smtpNodeFiles } from '../../sources/bindings/smtp-source-ip/files.ts';
import { haproxyFiles } from '../../sources/bindings/smtp-source-ip/haproxy.ts';
import { kempFiles } from '../../sources/bindings/smtp-source-ip/kemp.ts';
import { otherLoadBalancerFiles } from '../../sources/bindings/smtp-source-ip/load-balancer-file.ts';
import { netscalerFiles } from '../../sources/bindings/smtp-source-ip/netscaler.ts';
import { smtpServiceSources } from '../../sources/bindings/smtp-source-ip/sources.ts';
import type { Registration } from '../registration.ts';
import { baselineOf } from './baseline.ts';
import { smtpSourceIpDoors } from './doors.ts';
import { smtpSourceIp as evaluation } from './evaluation.ts';
import { smtpSourceIpInShell } from './in-shell.ts';
import { arrangeRunbook, runbookOf } from './runbook.ts';

/** Everything the product knows of this evaluation. */
export const smtpSourceIp: Registration = {
  ...evaluation,
  bind: smtpServiceSources,
  files: [smtpNodeFiles, haproxyFiles, netscalerFiles, kempFiles, otherLoadBalancerFiles],
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
  runbook: {
    of(subject, facts, run, planned) {
      const service = smtpService.parse(subject);
      if (service.mode !== 'dsr') return undefined;
      const json = runbookOf(service, facts, run, planned);
      return { json, arranged: arrangeRunbook(json), answer: json.planned?.answer ?? json.answer };
    },
    nothing(subject) {
      const { id, mode } = smtpService.parse(subject);
      return `${id} is declared as ${mode}, and the runbook leads to Direct Server Return; declare mode "dsr" to plan that.`;
    },
  },
  inShell: smtpSourceIpInShell,
  doors: smtpSourceIpDoors,
};
