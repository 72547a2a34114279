import type { AutodiscoverV2 } from '../../facts/exchange-organization/published.ts';
import { isExchangeOnlineName } from '../../facts/exchange-organization/published.ts';
import { type GetAnswer, locationOf } from '../../http/anonymous-get.ts';

export type Protocol = 'EWS' | 'REST';

/** `https://<host>/autodiscover/autodiscover.json?Email=<address>&Protocol=<protocol>`, as Teams asks for it. */
export function autodiscoverUrl(origin: string, email: string, protocol: Protocol): URL {
  return new URL(`/autodiscover/autodiscover.json?Email=${encodeURIComponent(email)}&Protocol=${protocol}`, origin);
}

/** What an answer of Autodiscover V2 says, before anybody looks at where its URL leads. */
export interface ReadAnswer {
  readonly outcome: AutodiscoverV2['outcome'];
  readonly errorCode?: string;
  readonly location?: string;
  readonly protocol?: string;
  readonly url?: string;
}

/**
 * Reads an answer below 500 ([MS-OXDISCO] and recordings of Exchange 2016 to SE). Success is JSON with `Protocol` and
 * `Url`, Exchange's own errors are JSON with `ErrorCode`; anything else comes from somebody else.
 */
export function readAutodiscover(answer: Pick<GetAnswer, 'url' | 'status' | 'header' | 'body'>): ReadAnswer {
  const { status } = answer;
  const location = locationOf(answer);
  if (location !== undefined) {
    const outcome = isExchangeOnlineName(location.hostname) ? 'exchange-online' : 'redirect';
    return { outcome, location: location.href };
  }
  if (status === 403 || isRefusal(answer)) return { outcome: 'blocked' };
  const json = objectOf(answer.body);
  const text = (name: string): string | undefined => {
    const value = json?.[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [protocol, url, errorCode] = [text('Protocol'), text('Url'), text('ErrorCode')];
  if (status === 200 && url !== undefined) {
    return { outcome: 'answer', url, ...(protocol === undefined ? {} : { protocol }) };
  }
  if (status === 401) return { outcome: 'error' };
  if (status >= 400 && errorCode !== undefined) return { outcome: 'error', errorCode };
  return { outcome: 'page' };
}

/**
 * The page by which a filter in front refuses, in place of a 403: F5 Advanced WAF and Imperva answer 200, ModSecurity 406,
 * FortiWeb names an attack id.
 */
function isRefusal({ status, body, header }: Pick<GetAnswer, 'status' | 'body' | 'header'>): boolean {
  if (isFromExchange({ header })) return false;
  return (
    status === 406 ||
    /<title>Request Rejected<\/title>|Your support ID is|_Incapsula_Resource|Incapsula incident ID|Attack ID:|Mod_?Security/i.test(
      body,
    )
  );
}

function objectOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Headers that Exchange sets, and hardly anything in front of it does. */
export function isFromExchange({ header }: Pick<GetAnswer, 'header'>): boolean {
  return ['x-feserver', 'x-owa-version', 'x-calculatedbetarget', 'x-caserrorcode'].some(
    (name) => header(name).length > 0,
  );
}
