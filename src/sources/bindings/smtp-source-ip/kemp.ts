import { parseEndpoint } from '../../../domain/ip-range.ts';
import { InvalidDocument } from '../../../domain/organization.ts';
import type { SmtpLoadBalancer } from '../../../facts/smtp-service/load-balancer.ts';
import type { SmtpService } from '../../../facts/smtp-service/subject.ts';
import type { OpenedFile } from '../../supplied/format.ts';
import { isObject } from '../../supplied/powershell-json.ts';
import { xmlElements } from '../../supplied/xml.ts';
import { addressOf, type LoadBalancerFile, loadBalancerFormat, translated } from './load-balancer-file.ts';

/**
 * What a Kemp LoadMaster answers to `listvs` or `showvs`: XML of its RESTful API, or JSON of the second version of it (Kemp,
 * "RESTful API", Virtual Services). What its page of templates exports, and its backups, are documented nowhere.
 */
export const kempFiles = loadBalancerFormat({
  product: 'Kemp LoadMaster',
  wanted: 'the answer of a Kemp LoadMaster to listvs (an exported template or a backup cannot be read)',
  isText: isKempXml,
  recognises: ({ text, rows }) =>
    text === undefined ? rows.length > 0 && rows.every((row) => virtualServicesIn(row).length > 0) : isKempXml(text),
  commandFor: (_, text) => (/kemp|loadmaster|^\s*<Response\b/i.test(text) ? kempCommand : undefined),
  open: readKemp,
});

/** Reads and nothing else; the address of the LoadMaster and who asks are the administrator's. */
const kempCommand = 'curl --insecure --user bal "https://$LOADMASTER/access/listvs" --output kemp.xml';

function isKempXml(text: string): boolean {
  return /^\s*(?:<\?xml[^>]*>\s*)?<Response\b/.test(text) && text.includes('<VSAddress');
}

type Element = Readonly<Record<string, unknown>>;

/** Reads an answer. @throws InvalidDocument when it was cut short */
export function readKemp({ name, text, rows }: Pick<OpenedFile, 'name' | 'text' | 'rows'>): LoadBalancerFile {
  const all = (text === undefined ? rows : [parsed(name, text)]).flatMap(virtualServicesIn);
  const told = new Set([
    'Index',
    'Enable',
    'VSAddress',
    'VSPort',
    'MasterVSID',
    'ForceL4',
    'ForceL7',
    'Transparent',
    'SubnetOriginating',
    'CheckType',
    'NickName',
    'Rs',
    'SubVS',
  ]);
  return {
    services: all.filter((one) => textOf(one.VSAddress) !== '').length,
    ignored: all.reduce((sum, one) => sum + Object.keys(one).filter((key) => !told.has(key)).length, 0),
    of: (service) => waysIn(all, service),
  };
}

function parsed(name: string, text: string): unknown {
  try {
    return xmlElements(text);
  } catch (error) {
    throw new InvalidDocument(name, [
      `is no XML, or was cut short (${error instanceof Error ? error.message : String(error)}); ask again: ${kempCommand}`,
    ]);
  }
}

/** Whatever stands around them: an answer, its data, a list. */
function virtualServicesIn(value: unknown, depth = 0): readonly Element[] {
  if (depth > 6) return [];
  if (Array.isArray(value)) return value.flatMap((one) => virtualServicesIn(one, depth + 1));
  if (!isObject(value)) return [];
  if (Object.hasOwn(value, 'VSAddress') || Object.hasOwn(value, 'MasterVSID')) return [value];
  return ['Response', 'Success', 'Data', 'VS'].flatMap((key) =>
    Object.hasOwn(value, key) ? virtualServicesIn(value[key], depth + 1) : [],
  );
}

function waysIn(all: readonly Element[], service: SmtpService): ReturnType<LoadBalancerFile['of']> {
  const found = service.vips.flatMap((vip) => {
    const { address, port } = parseEndpoint(vip) ?? {};
    return all
      .filter((one) => !isOff(one))
      .filter((one) => parseEndpoint(textOf(one.VSAddress))?.address === address && textOf(one.VSPort) === String(port))
      .flatMap((main) => {
        const index = textOf(main.Index);
        const subs =
          index === '' ? [] : all.filter((one) => one !== main && !isOff(one) && textOf(one.MasterVSID) === index);
        return [main, ...subs].map((part) => ({ vip, main, part }));
      });
  });
  const ways = found.flatMap(({ vip, main, part }) => waysOf(vip, main, part, service));
  return {
    addresses: [...new Set(ways.flatMap(({ source = [] }) => source))],
    ways,
    written: found.flatMap(({ vip, part }) => [
      `${vip}: ${['ForceL4', 'ForceL7', 'Transparent', 'SubnetOriginating'].flatMap((key) => (textOf(part[key]) === '' ? [] : `${key}=${textOf(part[key])}`)).join(' ')}`,
      ...elements(part.Rs).map(
        (server) => `${textOf(server.Addr)}:${textOf(server.Port)}: Forward=${textOf(server.Forward)}`,
      ),
    ]),
  };
}

/**
 * What the server sees (Kemp, "Routing" section 1): the client at layer 4 and where transparency is on; else the
 * LoadMaster's own address in the server's network with Subnet Originating Requests, and the virtual service's without.
 */
function waysOf(vip: string, main: Element, part: Element, service: SmtpService): SmtpLoadBalancer['ways'] {
  const isLayer4 = isOn(main.ForceL4) || (textOf(main.ForceL7) !== '' && !isOn(main.ForceL7));
  const keepsClient = isLayer4 || isOn(part.Transparent);
  const check = textOf(part.CheckType);
  const servers = elements(part.Rs).filter((one) => !isOff(one));
  return servers.map((server) => {
    const address = addressOf(textOf(server.Addr), service);
    return {
      vip,
      through: textOf(part.NickName) === '' ? vip : textOf(part.NickName),
      server: textOf(server.DnsName) === '' ? address : textOf(server.DnsName),
      address,
      ...translated(Number(textOf(server.Port)) || undefined, vip),
      keepsClient,
      ...(isLayer4 && textOf(server.Forward).toLowerCase() === 'route' ? { direct: true } : {}),
      ...(keepsClient || isOn(part.SubnetOriginating) ? {} : { source: parseEndpoint(vip)?.address ?? vip }),
      sendsProxy: false,
      ...(check === '' || check === 'none' ? {} : { monitors: [check] }),
    };
  });
}

function elements(value: unknown): readonly Element[] {
  return [value].flat().filter(isObject);
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Switched off, a virtual service or a server: nothing is led there. */
function isOff({ Enable }: Element): boolean {
  return textOf(Enable) !== '' && !isOn(Enable);
}

/** `Y` in XML, true in JSON. */
function isOn(value: unknown): boolean {
  return /^(y|yes|1|true)$/i.test(textOf(value));
}
