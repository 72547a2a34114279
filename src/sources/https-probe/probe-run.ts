import type { ExchangeOrganization } from '../../facts/exchange-organization/subject.ts';
import { AutodiscoverProbe } from './autodiscover-probe.ts';
import { ExchangeOnlineProbe } from './exchange-online-probe.ts';
import { HostProbe } from './host-probe.ts';
import { sampleUsersOf } from './sample-users.ts';
import { type ProbeOptions, Wire } from './wire.ts';

/** Milliseconds of a run: what is not answered by then is unobtainable. */
const runMs = 70_000;

/** The anonymous probes of one run over an organization. */
export interface ProbeRun {
  readonly organization: ExchangeOrganization;
  readonly domains: readonly string[];
  readonly wire: Wire;
  readonly autodiscover: AutodiscoverProbe;
  readonly exchangeOnline: ExchangeOnlineProbe;
  readonly hosts: HostProbe;
}

/**
 * Every question (a name, a handshake, an endpoint and kind of request) is put once, however many facts its answer tells
 * about; what does not depend on each other runs side by side. What lies beyond the limits of users, hosts and addresses
 * is left out the same in every run, and said in the findings.
 */
export function startProbes(
  organization: ExchangeOrganization,
  domains: readonly string[],
  options: ProbeOptions,
  at: { readonly now: Date; readonly signal: AbortSignal },
): ProbeRun {
  const wire = new Wire(options, {
    now: at.now,
    signal: AbortSignal.any([at.signal, AbortSignal.timeout(runMs)]),
  });
  const users = sampleUsersOf(organization.sampleUsers);
  const autodiscover = new AutodiscoverProbe(wire, users);
  const exchangeOnline = new ExchangeOnlineProbe(wire, users, domains, autodiscover);
  const named = { domains, declared: organization.hosts };
  const hosts = new HostProbe(wire, users, named, { autodiscover, exchangeOnline });
  return { organization, domains, wire, autodiscover, exchangeOnline, hosts };
}
