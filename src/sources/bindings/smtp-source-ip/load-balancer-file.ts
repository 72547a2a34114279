import { known, noFacts } from '../../../domain/fact-set.ts';
import { parseEndpoint } from '../../../domain/ip-range.ts';
import { InvalidDocument } from '../../../domain/organization.ts';
import { enumerate } from '../../../domain/words.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import { nodeNamed } from '../../../facts/smtp-service/service.ts';
import { type SmtpService, smtpService } from '../../../facts/smtp-service/subject.ts';
import type { OpenedFile, SuppliedFormat } from '../../supplied/format.ts';

/** A load balancer's configuration, read. */
export interface LoadBalancerFile {
  /** Virtual services that stand in it, whosever they are. */
  readonly services: number;
  /** Directives that say nothing of the way of a connection. */
  readonly ignored: number;
  of(service: SmtpService): Omit<SmtpLoadBalancer, 'product' | 'ignored'>;
}

/** The format of a product's configuration; of several files the newest counts. */
export function loadBalancerFormat({
  product,
  open,
  ...format
}: Pick<SuppliedFormat, 'wanted' | 'isText' | 'recognises' | 'commandFor'> & {
  /** As people call it. */
  readonly product: string;
  open(file: OpenedFile): LoadBalancerFile;
}): SuppliedFormat {
  return {
    ...format,
    read(files) {
      const newest = files.reduce((a, b) => (b.writtenAt > a.writtenAt ? b : a));
      const file = open(newest);
      return {
        name: `load-balancer/${product.toLowerCase()}`,
        subjects: [],
        notes: [
          `${newest.name}: ${product}; virtual services read: ${file.services}; directives passed over because they say nothing of the way of a connection: ${file.ignored}.`,
        ],
        foreignTo(subject) {
          const { data } = smtpService.safeParse(subject);
          return data === undefined || file.of(data).ways.length > 0
            ? undefined
            : `this configuration of ${product} has no way from ${enumerate(data.vips)} to a server`;
        },
        factsFor(subject) {
          const { data } = smtpService.safeParse(subject);
          if (data === undefined) return noFacts;
          const value = { product, ...file.of(data), ignored: file.ignored };
          return { facts: { 'smtp-load-balancer': known(value, newest.name, newest.writtenAt) }, parts: {} };
        },
      };
    },
  };
}

/** Configurations that nobody reads here, by what stands in them alone. */
const others: readonly (readonly [product: string, sign: RegExp])[] = [
  ['an F5 BIG-IP', /^ltm (virtual|pool|snatpool) \S+ \{/m],
  ['nginx', /^[ \t]*(stream|upstream \w+) ?\{/m],
  ['keepalived', /^[ \t]*virtual_server \S/m],
  ['an A10', /^slb (virtual-server|server|service-group) \S/m],
];

const otherProduct = (text: string) => others.find(([, sign]) => sign.test(text))?.[0];

/** Load balancers whose configuration is told but not read: refused with what to do instead. */
export const otherLoadBalancerFiles: SuppliedFormat = {
  isText: (text) => otherProduct(text) !== undefined,
  recognises: ({ text }) => text !== undefined && otherProduct(text) !== undefined,
  read([file]) {
    throw new InvalidDocument(file?.name ?? 'the file', [
      `is the configuration of ${otherProduct(file?.text ?? '')}, which is not read; say in the document what it does: its "mode", and the addresses that it connects from (self IPs, SNAT pool) as "loadBalancerAddresses"`,
    ]);
  },
};

/** Where a server is: as an address, or by a name that is a node's. */
export function addressOf(host: string, service: SmtpService): string {
  const address = parseEndpoint(host)?.address;
  if (address !== undefined) return address;
  const node = nodeNamed(service, host);
  return service.nodes.find(({ name }) => name === node)?.address ?? host;
}

/** The port of a server where it is another than that of the VIP: a translated one. */
export function translated(port: number | undefined, vip: string): { readonly port?: number } {
  return port === undefined || port === 0 || port === parseEndpoint(vip)?.port ? {} : { port };
}
