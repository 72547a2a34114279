// Delivery reports: message/delivery-status (RFC 3464), and the answers of servers that people copy with a header.
import type { DeliveryReport } from '../../facts/mail-domain/message.ts';
import { type Field, valueIn } from './fields.ts';
import { said, withoutAddresses } from './said.ts';

/** More of an answer nobody needs: the code stands first. */
const mostDiagnostic = 500;

/** What a delivery-status part says of the first recipient that was refused; whose address it is, it does not. */
export function reportOf(groups: readonly (readonly Field[])[]): { report: DeliveryReport; arrivedAt?: string } {
  const [ofMessage = [], ...recipients] = groups;
  const refused =
    recipients.find((fields) => /failed|delayed/i.test(valueIn(fields, 'action') ?? '')) ?? recipients[0] ?? [];
  const diagnostic = valueIn(refused, 'diagnostic-code')?.replace(/^\s*[\w-]+\s*;\s*/, '');
  const by = hostIn(valueIn(refused, 'remote-mta')) ?? hostIn(valueIn(ofMessage, 'reporting-mta'));
  const status = enhanced(diagnostic) ?? enhanced(valueIn(refused, 'status'));
  const arrivedAt = valueIn(ofMessage, 'arrival-date');
  return {
    report: {
      ...(by === undefined ? {} : { by }),
      ...(status === undefined ? {} : { status }),
      ...(diagnostic === undefined ? {} : { diagnostic: said(withoutAddresses(diagnostic), mostDiagnostic) }),
    },
    ...(arrivedAt === undefined ? {} : { arrivedAt }),
  };
}

/** The answer of a server in what was copied before a header: `550 5.7.26 …`. */
export function answerIn(text: string): DeliveryReport | undefined {
  const [, found] = /(?:^|[^\d.])([45]\d\d[ -]+[45]\.\d{1,3}\.\d{1,3}[^\d.][^\n]{0,400})/.exec(text) ?? [];
  if (found === undefined) return undefined;
  const status = enhanced(found);
  const by = /remote server[^\n]{0,20}\(([A-Za-z0-9.-]{3,253})\)/i.exec(text)?.[1];
  return {
    ...(by === undefined ? {} : { by: said(by, 253) }),
    ...(status === undefined ? {} : { status }),
    diagnostic: said(withoutAddresses(found.replace(/^'|['"]\s*$/g, '')), mostDiagnostic),
  };
}

/** `dns; mx.fabrikam.com` */
function hostIn(text: string | undefined): string | undefined {
  const host = text?.replace(/^\s*[\w-]+\s*;\s*/, '').split(/\s/)[0];
  return host === undefined || host === '' ? undefined : said(host, 253);
}

function enhanced(text: string | undefined): string | undefined {
  return /(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(text ?? '')?.[1];
}
