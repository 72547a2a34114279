import { compareBuilds, type ExchangeBuild, parseBuild } from '../../facts/exchange-organization/builds.ts';
import type { PublishedVersion } from '../../facts/exchange-organization/published.ts';
import type { GetAnswer } from '../../http/anonymous-get.ts';

type Reading = PublishedVersion['readings'][number];

/** Outlook on the web: a header and the paths of its pages tell the build. */
export const webPath = '/owa/';
/** The manifest of the eDiscovery export tool: asked when the others do not agree or are not enough. */
export const exportToolPath = '/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application';

/** Every build that answers of a host show, one for each method. */
export function readVersions(answers: readonly Pick<GetAnswer, 'header' | 'body' | 'hops'>[]): readonly Reading[] {
  const found = new Map<Reading['method'], ExchangeBuild>();
  const note = (method: Reading['method'], text: string | undefined) => {
    const build = text === undefined ? undefined : parseBuild(text);
    if (build !== undefined && build.parts[0] !== 0 && !found.has(method)) found.set(method, build);
  };
  for (const { header, body, hops } of answers) {
    note('x-owa-version', header('x-owa-version')[0]);
    note('x-server-application', /^Exchange\/([\d.]+)/.exec(header('x-serverapplication')[0] ?? '')?.[1]);
    for (const { location } of hops)
      note('owa-path', /\/owa\/(?:auth\/)?(\d+\.\d+\.\d+(?:\.\d+)?)\//.exec(location)?.[1]);
    note('owa-path', /\/owa\/(?:auth\/)?(\d{1,3}\.\d{1,3}\.\d{1,5}(?:\.\d{1,5})?)\//.exec(body)?.[1]);
    note('export-tool', /<(?:\w+:)?assemblyIdentity\b[^>]{0,500}\bversion="(\d+\.\d+\.\d+\.\d+)"/.exec(body)?.[1]);
  }
  return [...found].map(([method, build]) => ({ method, build }));
}

const order: readonly Reading['method'][] = [
  'collector',
  'x-owa-version',
  'x-server-application',
  'export-tool',
  'owa-path',
];

/**
 * The build that counts, and how sure it is: headers can be stripped or faked, so only two methods that agree (to the
 * cumulative update; the export tool lags behind security updates) or the collector, where no answer contradicts it, give
 * `high`.
 *
 * @returns undefined when there is no reading
 */
export function concludeVersion(readings: readonly Reading[]): PublishedVersion | undefined {
  const sorted = [...readings].sort((a, b) => order.indexOf(a.method) - order.indexOf(b.method));
  const [best] = sorted;
  if (best === undefined) return undefined;
  const agree = sorted.every(({ build }) => compareBuilds(updateOf(build), updateOf(best.build)) === 0);
  // What the collector knows by the name of the host may be another server than the one that shows another update.
  const sure = sorted.length > 1 || best.method === 'collector';
  const confidence = agree ? (sure ? 'high' : 'medium') : 'low';
  return { readings: sorted, build: best.build, confidence };
}

function updateOf({ parts }: ExchangeBuild): ExchangeBuild {
  return { text: parts.slice(0, 3).join('.'), parts: parts.slice(0, 3) };
}
