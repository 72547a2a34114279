import { declaredOf } from '../../../domain/declaration.ts';
import { type Gathered, type Known, known, type NotKnown, Unobtainable } from '../../../domain/fact-set.ts';
import type { CloudSyncJobs, ExchangeOnlineRecipients } from '../../../facts/exchange-organization/cloud.ts';
import type {
  Declarations,
  EntraConnect,
  ExchangeServers,
  HybridOption,
  KnownBuilds,
  MailBuilds,
  MailboxHomes,
  Writeback,
} from '../../../facts/exchange-organization/on-premises.ts';
import type { PublishedVersion } from '../../../facts/exchange-organization/published.ts';

// Facts that several worlds can tell. Collector over probe over declaration; what is not there is left out, and only
// when nobody knows anything the fact is unobtainable, for the reason of the foremost that was asked.

/** The Exchange hybrid option, from whatever shows it. @throws Unobtainable when nothing does */
export function composeHybridOption(from: {
  readonly entraConnect: Gathered<EntraConnect>;
  readonly cloudSync: Gathered<CloudSyncJobs>;
  readonly writeback: Gathered<Writeback>;
  readonly recipients: Gathered<ExchangeOnlineRecipients>;
}): Known<HybridOption> {
  const proofs: HybridOption['proofs'] = [];
  const unknownUsers: string[] = [];
  // A staging server exports nothing, so its options prove nothing.
  const staging = from.entraConnect.status === 'known' && from.entraConnect.value.staging === true;
  if (from.entraConnect.status === 'known' && !staging) {
    const { exchangeHybrid, rules } = from.entraConnect.value;
    const ofUsers = rules.filter(({ name }) => /user/i.test(name));
    // Who changes a rule of Microsoft's clones it under another name and disables it. The same name twice is of two forests.
    const disabled = ofUsers.filter(
      (one) => !one.enabled && !ofUsers.some(({ name, enabled }) => enabled && name !== one.name),
    );
    proofs.push({
      from: 'entra-connect',
      on: exchangeHybrid && disabled.length === 0,
      observed:
        disabled.length > 0
          ? `Entra Connect: the rule "${disabled[0]?.name}" is disabled`
          : `Entra Connect: the option is ${exchangeHybrid ? 'on' : 'off'}`,
    });
  }
  if (from.cloudSync.status === 'known') {
    const job = from.cloudSync.value.jobs.find(({ template }) => template === 'AAD2ADExchangeHybridWriteback');
    proofs.push({
      from: 'cloud-sync',
      on: job?.scheduled === true && job.status.toLowerCase() === 'active',
      observed:
        job === undefined
          ? 'Cloud Sync: no job writes Exchange attributes back'
          : `Cloud Sync job ${job.template}: ${job.status}, last success ${job.lastSuccess ?? 'never'}`,
    });
  }
  // What stands in the directory may have been written long ago: before the option was switched off, or by a server that is
  // gone, where a staging one looked.
  const saidOff = proofs.some(({ from, on }) => from === 'entra-connect' && !on);
  if (from.writeback.status === 'known' && from.writeback.value.staging !== true && !saidOff) {
    for (const { forest, sampled, populated } of from.writeback.value.effect) {
      // Nothing written back may also be missing permissions, which is a rule of its own.
      if (populated === 0) continue;
      proofs.push({
        from: 'writeback-effect',
        on: true,
        observed: `${forest}: written back in ${populated} of ${sampled} mailbox users`,
      });
    }
  }
  if (from.recipients.status === 'known') {
    const { recipients } = from.recipients.value;
    unknownUsers.push(...recipients.filter(({ kind }) => kind === 'not-found').map(({ user }) => user));
    const users = recipients.filter(({ kind }) => kind === 'mail-user');
    const withGuid = users.filter(({ hasExchangeGuid }) => hasExchangeGuid);
    if (users.length > 0) {
      proofs.push({
        from: 'exchange-guid',
        on: withGuid.length === users.length,
        observed: `ExchangeGuid is set for ${withGuid.length} of ${users.length} mail users in Exchange Online`,
      });
    }
  }
  const option = { proofs, ...(unknownUsers.length === 0 ? {} : { unknownUsers }), ...(staging ? { staging } : {}) };
  return compose(proofs.length === 0 && unknownUsers.length === 0 && !staging ? undefined : option, [
    from.entraConnect,
    from.cloudSync,
    from.writeback,
    from.recipients,
  ]);
}

/** Servers that home mailboxes: the collector's count, else the MAPI hops of mail, else a declaration. @throws Unobtainable */
export function composeMailboxHomes(
  from: {
    readonly servers: Gathered<ExchangeServers>;
    readonly mail: Gathered<MailBuilds>;
    readonly declarations: Gathered<Declarations>;
  },
  now: Date,
): Known<MailboxHomes> {
  const { servers, mail, declarations } = from;
  if (servers.status === 'known') {
    const homes = servers.value.servers.filter(
      ({ role, mailboxes }) => mailboxes !== undefined || role === undefined || /mailbox/i.test(role),
    );
    return {
      ...servers,
      value: {
        basis: 'collector',
        servers: homes.map(({ name, build, mailboxes }) => ({
          server: name,
          ...(build === undefined ? {} : { build }),
          ...(mailboxes === undefined ? {} : { mailboxes }),
        })),
      },
    };
  }
  const hops = mail.status === 'known' ? mail.value.hops.filter(({ kind }) => kind === 'mailbox') : [];
  if (mail.status === 'known' && hops.length > 0) {
    return { ...mail, value: { basis: 'mail-headers', servers: hops.map(({ server, build }) => ({ server, build })) } };
  }
  const word =
    declarations.status === 'known'
      ? declaredOf('mailboxes-on-supported-version', declarations.value.statements, now)
      : undefined;
  if (word?.state === 'valid' && declarations.status === 'known') {
    return {
      ...declarations,
      value: {
        basis: 'declared',
        servers: [],
        declared: { value: word.value === true, by: word.by, at: word.at, until: word.until },
      },
    };
  }
  return compose<MailboxHomes>(undefined, [servers, mail]);
}

/** Every build that anything told. @throws Unobtainable when nothing did */
export function composeKnownBuilds(from: {
  readonly servers: Gathered<ExchangeServers>;
  readonly mail: Gathered<MailBuilds>;
  readonly published: Readonly<Record<string, Gathered<PublishedVersion>>>;
}): Known<KnownBuilds> {
  const { servers, mail, published } = from;
  const builds: KnownBuilds['builds'] = [];
  if (servers.status === 'known') {
    for (const { name, build } of servers.value.servers) {
      if (build !== undefined) builds.push({ where: name, from: 'collector', build });
    }
  }
  if (mail.status === 'known') {
    for (const { server, build } of mail.value.hops) {
      builds.push({ where: nameIn(servers, server), from: 'mail-headers', build });
    }
  }
  for (const [where, version] of Object.entries(published)) {
    if (version.status !== 'known') continue;
    for (const { method, build } of version.value.readings) {
      if (method === 'collector') builds.push({ where, from: 'collector', build });
      // Only the header tells the security update; the others lag behind or have three parts.
      else if (method === 'x-owa-version' || build === version.value.build)
        builds.push({ where, from: 'probe', build });
    }
  }
  return compose(builds.length === 0 ? undefined : { builds }, [servers, mail, ...Object.values(published)]);
}

/** Mail names servers by their full name, the collector by the short one. */
function nameIn(servers: Gathered<ExchangeServers>, fqdn: string): string {
  const known = servers.status === 'known' ? servers.value.servers : [];
  return known.find((server) => server.fqdn?.toLowerCase() === fqdn.toLowerCase())?.name ?? fqdn;
}

/** As old as the oldest part of it, so that its shelf life is that of its parts. */
function compose<T>(value: T | undefined, parts: readonly Gathered<unknown>[]): Known<T> {
  const knownParts = parts.filter((part): part is Known<unknown> => part.status === 'known');
  if (value !== undefined) {
    const oldest = knownParts.map(({ observedAt }) => observedAt).sort()[0] ?? '';
    return known(value, [...new Set(knownParts.map(({ source }) => source))].join(', '), oldest);
  }
  const silent = parts.filter((part): part is NotKnown => part.status === 'unobtainable');
  const foremost = silent.find(({ reason }) => reason !== 'not_supplied') ?? silent[0];
  throw new Unobtainable(foremost?.reason ?? 'not_supplied', foremost?.detail ?? 'nothing that was supplied tells it');
}
