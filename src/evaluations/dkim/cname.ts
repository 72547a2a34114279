import { canonicalName, sameName } from '../../domain/domain-name.ts';
import type { DnsChange } from '../../domain/finding.ts';
import { enumerate } from '../../domain/words.ts';
import type { SelectorCname, SelectorKey } from '../../facts/mail-domain/selector.ts';

/** Where the name itself points; a zone that is in order has one CNAME at a name at most. */
export function ownTargets({ name, chain }: SelectorCname): readonly string[] {
  return chain.filter((hop) => sameName(hop.name, name)).map(({ target }) => canonicalName(target));
}

export type CnameState = 'match' | 'mismatch' | 'missing' | 'wrong-type' | 'several';

/**
 * How the CNAME that the zone has compares with the target that Exchange Online wants. The target anywhere in the chain is
 * right: a DNAME, or a vendor's CNAME, may stand before it.
 */
export function cnameState(cname: SelectorCname, target: string): CnameState {
  switch (cname.outcome) {
    case 'cname':
      if (cname.chain.length > 1 && ownTargets(cname).length > 1) return 'several';
      return cname.chain.some((hop) => sameName(hop.target, target)) ? 'match' : 'mismatch';
    case 'other-record':
      return 'wrong-type';
    case 'no-name':
    case 'no-record':
      return 'missing';
  }
}

/** What is to be said of a CNAME, in the words that `active-`, `next-` and `passive-` rules share. */
export interface CnameVerdict {
  readonly state: CnameState;
  readonly sentence: string;
  readonly observed: string;
  readonly remedy: string;
  /** The records that mend it. */
  readonly dns: readonly DnsChange[];
}

type Told = Omit<CnameVerdict, 'state' | 'dns'>;

/**
 * The verdict on a CNAME.
 *
 * @param other the target of the other selector, where the configuration names it
 */
export function judgeCname(cname: SelectorCname, target: string, other?: string): CnameVerdict {
  const state = cnameState(cname, target);
  const wanted = canonicalName(target);
  const publish = `Publish in the zone of the domain: ${cname.name}. CNAME ${wanted}. (TTL 3600 or more, no proxying).`;
  return { state, ...tell[state](cname, wanted, publish, other), dns: changes[state](cname, wanted) };
}

/** What has to go, then what has to come. A wildcard may stay: the record of its own takes precedence over it. */
const changes: Readonly<Record<CnameState, (cname: SelectorCname, wanted: string) => readonly DnsChange[]>> = {
  match: () => [],
  several(cname, wanted) {
    const targets = ownTargets(cname);
    return [
      ...targets.filter((one) => one !== wanted).map((one) => change('remove', cname, 'CNAME', one)),
      ...(targets.includes(wanted) ? [] : [change('publish', cname, 'CNAME', wanted)]),
    ];
  },
  mismatch: (cname, wanted) => [
    ...(cname.wildcard === undefined ? ownTargets(cname).map((one) => change('remove', cname, 'CNAME', one)) : []),
    change('publish', cname, 'CNAME', wanted),
  ],
  'wrong-type'(cname, wanted) {
    const found = cname.beside === undefined ? undefined : canonicalName(cname.beside.target);
    return [
      ...(cname.wildcard === undefined ? cname.otherTypes.map((type) => change('remove', cname, type)) : []),
      ...(found === undefined || found === wanted ? [] : [change('remove', cname, 'CNAME', found)]),
      ...(found === wanted ? [] : [change('publish', cname, 'CNAME', wanted)]),
    ];
  },
  missing(cname, wanted) {
    const { name, doubledAt, doubledType = 'CNAME' } = cname;
    // What was appended is the zone in which it landed.
    const doubled = doubledAt === undefined ? [] : [{ name: doubledAt, zone: doubledAt.slice(name.length + 1) }];
    return [...doubled.map((at) => change('remove', at, doubledType)), change('publish', cname, 'CNAME', wanted)];
  },
};

function change(
  action: DnsChange['action'],
  { name, zone }: Pick<SelectorCname, 'name' | 'zone'>,
  type: string,
  data?: string,
): DnsChange {
  return { action, name, type, ...(data === undefined ? {} : { data }), ...(zone === undefined ? {} : { zone }) };
}

const tell: Readonly<
  Record<CnameState, (cname: SelectorCname, wanted: string, publish: string, other: string | undefined) => Told>
> = {
  match,
  several,
  mismatch,
  'wrong-type': wrongType,
  missing,
};

function match({ name, chain }: SelectorCname, wanted: string): Told {
  const targets = chain.map((hop) => canonicalName(hop.target));
  const before = targets.slice(0, targets.indexOf(wanted));
  const ttl = chain[0]?.ttl ?? 0;
  const observed = `CNAME ${targets[0]}, TTL ${ttl}`;
  if (before.length > 0)
    return { sentence: `${name} leads to ${wanted} by way of ${enumerate(before)}.`, observed, remedy: '' };
  // A resolver's cache counts the TTL down, so a low one is a hint and no more.
  const short = ttl < 3600 ? ` (TTL seen: ${ttl} s; Microsoft recommends 3600 s or more in the zone)` : '';
  return { sentence: `${name} points to ${wanted}${short}.`, observed, remedy: '' };
}

function several(cname: SelectorCname, wanted: string, publish: string): Told {
  const targets = ownTargets(cname);
  const wrong = targets.filter((one) => one !== wanted);
  return {
    sentence: `${cname.name} has ${targets.length} CNAMEs (${enumerate(targets)}), where a name may have one only (RFC 2181 section 10.1): which one a receiver follows depends on its resolver.`,
    observed: `${targets.length} CNAMEs: ${targets.join(', ')}`,
    remedy: targets.includes(wanted)
      ? `Delete the CNAME to ${enumerate(wrong)} at ${cname.name}; keep the one to ${wanted}.`
      : `Delete these CNAMEs. ${publish}`,
  };
}

function mismatch(cname: SelectorCname, wanted: string, publish: string, other: string | undefined): Told {
  const found = canonicalName(cname.chain[0]?.target ?? '');
  const observed = `CNAME ${found}`;
  if (cname.wildcard !== undefined) return wildcard(cname, `a CNAME to ${found}`, observed, wanted, publish);
  if (cname.rightKey === true) {
    return {
      sentence: `${cname.name} points to ${found}, where the right key answers, but ${wanted} is not on the way: somebody serves a copy of the key, or flattens the CNAME.`,
      observed,
      remedy: `${publish} Or have whoever serves ${found} point on to ${wanted}.`,
    };
  }
  if (found.startsWith(`${wanted}.`)) {
    return {
      sentence: `${cname.name} points to ${found}: the zone ${found.slice(wanted.length + 1)} was appended to the right target, because the dot at its end is missing.`,
      observed,
      remedy: `Write the target with a dot at its end: ${cname.name}. CNAME ${wanted}. (TTL 3600 or more, no proxying).`,
    };
  }
  if (found !== wanted && found.replaceAll('\\.', '.').startsWith(wanted)) {
    return {
      sentence: `${cname.name} points to ${found}: dots of the target became part of a label (shown with a backslash, RFC 1035 section 5.1), so it is another name than ${wanted}.`,
      observed,
      remedy: `Enter the target anew, its dots without backslashes and without quotation marks around it. ${publish}`,
    };
  }
  const whose = other !== undefined && sameName(found, other) ? swapped : whoseTarget(found, wanted);
  return {
    sentence: `${cname.name} points to ${found}${whose === undefined ? '' : `, ${whose}`}; the signing configuration wants ${wanted}.`,
    observed,
    remedy: whose === swapped ? publish : `${publish} Take the target from Get-DkimSigningConfig, never build it.`,
  };
}

const swapped = 'the target of the other selector: the two were swapped, or one was entered twice';

/** `selector1-contoso-com._domainkey.contoso.n-v1.dkim.mail.microsoft`: a label for the domain, then the tenant. */
const ofMicrosoft =
  /^(selector[12]-[^.]+)\._domainkey\.([^.]+)\.(.*\.)?(onmicrosoft\.(?:com|us)|onmschina\.cn|dkim\.mail\.microsoft)$/;

/** Whose target a wrong one is, where its name tells: people copy those of other domains and of the tenant before. */
function whoseTarget(found: string, wanted: string): string | undefined {
  const [, label, tenant, , form] = ofMicrosoft.exec(found) ?? [];
  const [, ownLabel, ownTenant, , ownForm] = ofMicrosoft.exec(wanted) ?? [];
  if (label === undefined || ownLabel === undefined) return undefined;
  if (tenant !== ownTenant) return `a target of another tenant (${tenant}), or one that somebody built`;
  if (form !== ownForm) {
    return ownForm === 'dkim.mail.microsoft' ? 'a target in the old form' : 'a target in another form';
  }
  return label === ownLabel ? undefined : 'a target for another domain, or one that somebody built';
}

function wrongType(cname: SelectorCname, wanted: string, publish: string): Told {
  const types = cname.otherTypes.join(' and ');
  const observed = `${cname.otherTypes.join(', ')} in place of a CNAME`;
  if (cname.wildcard !== undefined) return wildcard(cname, `${types} records`, observed, wanted, publish);
  const sentence = `${cname.name} holds ${types} records instead of a CNAME to ${wanted}.`;
  if (!cname.otherTypes.includes('TXT')) {
    return {
      sentence,
      observed,
      remedy: `Delete the address records (${types}) at ${cname.name}; if the DNS host proxies the name, switch that off for it. ${publish}`,
    };
  }
  if (cname.beside !== undefined) return beside(cname, canonicalName(cname.beside.target), wanted, publish);
  if (cname.rightKey === true) {
    return {
      sentence: `${cname.name} answers with the right key, but without the CNAME to ${wanted}: the DNS host flattens the CNAME, or somebody copied the key by hand.`,
      observed,
      remedy: `If the DNS host flattens or proxies CNAMEs, switch that off for ${cname.name}. If a TXT record stands there, delete the TXT. ${publish}`,
    };
  }
  return {
    sentence,
    observed,
    remedy: `Delete the TXT record at ${cname.name}, or change its type to CNAME. ${publish} If the DNS host flattens CNAMEs, switch that off for this name.`,
  };
}

function beside(cname: SelectorCname, found: string, wanted: string, publish: string): Told {
  const right = found === wanted;
  const which = right ? 'which is the right one' : `where the signing configuration wants ${wanted}`;
  return {
    sentence: `${cname.name} holds a TXT record beside a CNAME to ${found}, ${which}: a name with a CNAME may hold nothing else (RFC 1034 section 3.6.2), and what a receiver gets depends on its resolver.`,
    observed: `TXT beside CNAME ${found}`,
    remedy: right
      ? `Delete the TXT record at ${cname.name} and nothing else; the CNAME to ${wanted} stands there already and is right.`
      : `Delete the TXT record and the CNAME at ${cname.name}. ${publish}`,
  };
}

function wildcard(cname: SelectorCname, what: string, observed: string, wanted: string, publish: string): Told {
  return {
    sentence: `${cname.name} has no record of its own: the wildcard ${cname.wildcard} answers for it with ${what}; it should be a CNAME to ${wanted}.`,
    observed: `${observed}, from the wildcard ${cname.wildcard}`,
    remedy: `${publish} It takes precedence over the wildcard (RFC 4592), which may stay.`,
  };
}

function missing(cname: SelectorCname, wanted: string, publish: string): Told {
  const what = cname.outcome === 'no-name' ? 'no such name' : 'no such record';
  const where = cname.doubledAt === undefined ? '' : ` (${cname.doubledAt})`;
  const hint = cname.doubledZone ? ` It stands at the name with the zone appended twice${where}.` : '';
  const form =
    ' The form of the DNS host appends the zone itself: enter the name without it, and delete the record at the doubled name.';
  return {
    sentence: `${cname.name} does not exist as a CNAME (${what}); it should point to ${wanted}.${hint}`,
    observed: outcomesOf(cname.asked),
    remedy: cname.doubledZone ? `${publish}${form}` : publish,
  };
}

/** `NXDOMAIN from 192.0.2.53 and 198.51.100.53`, or with one resolver `NXDOMAIN from 192.0.2.53, asked twice`. */
export function outcomesOf(asked: SelectorKey['asked']): string {
  return [...Map.groupBy(asked, ({ outcome }) => outcome)]
    .map(([outcome, questions]) => {
      const resolvers = [...new Set(questions.map(({ resolver }) => resolver))];
      const again = resolvers.length === 1 && questions.length > 1 ? ', asked twice' : '';
      return `${outcome} from ${resolvers.join(' and ')}${again}`;
    })
    .join('; ');
}
