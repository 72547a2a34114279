import { XMLParser } from 'fast-xml-parser';
import type { Row } from './powershell-json.ts';

/** An element as fast-xml-parser gives it in order: `{ S: [{ '#text': 'contoso.com' }], ':@': { '@N': 'Domain' } }`. */
type Element = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  trimValues: false,
});

/**
 * The rows of what `Export-Clixml` wrote (MS-PSRP section 2.2.5): object by object, or a list of objects. Times are ISO
 * text, an enumeration is its name, other objects are what they call themselves.
 *
 * @throws Error when it is not well-formed
 */
export function clixmlRows(text: string): readonly Row[] {
  const root = (parser.parse(text, true) as readonly Element[]).find((element) => nameOf(element) === 'Objs');
  const known = new Map<string, Element>();
  return root === undefined ? [] : childrenOf(root).flatMap((element) => rowsIn(element, known));
}

function rowsIn(element: Element, known: Map<string, Element>): readonly Row[] {
  if (nameOf(element) !== 'Obj') return [];
  const list = childrenOf(element).find((child) => ['LST', 'IE', 'STK', 'QUE'].includes(nameOf(child)));
  return list === undefined ? [rowOf(element, known)] : childrenOf(list).flatMap((child) => rowsIn(child, known));
}

/** Properties of the type stand in `Props`, those that a script added in `MS`. */
function rowOf(element: Element, known: Map<string, Element>): Row {
  const properties = childrenOf(element)
    .filter((child) => nameOf(child) === 'Props' || nameOf(child) === 'MS')
    .flatMap(childrenOf);
  return Object.fromEntries(
    properties.flatMap((property) => {
      const name = attribute(property, 'N');
      return name === undefined ? [] : [[name, propertyOf(property, known)]];
    }),
  );
}

function propertyOf(element: Element, known: Map<string, Element>): unknown {
  switch (nameOf(element)) {
    case 'Nil':
      return null;
    case 'B':
      return textOf(element) === 'true';
    // What stood before is only pointed at.
    case 'Ref': {
      const meant = known.get(attribute(element, 'RefId') ?? '');
      return meant === undefined ? undefined : propertyOf(meant, new Map());
    }
    case 'Obj': {
      known.set(attribute(element, 'RefId') ?? '', element);
      const said = childrenOf(element).find((child) => nameOf(child) === 'ToString');
      return said === undefined ? undefined : textOf(said);
    }
    default:
      return textOf(element);
  }
}

function nameOf(element: Element): string {
  return Object.keys(element).find((key) => key !== ':@') ?? '';
}

function childrenOf(element: Element): readonly Element[] {
  const children = element[nameOf(element)];
  return Array.isArray(children) ? children : [];
}

function attribute(element: Element, name: string): string | undefined {
  const value = (element[':@'] as Readonly<Record<string, unknown>> | undefined)?.[`@${name}`];
  return typeof value === 'string' ? value : undefined;
}

/** Line breaks and the like are written `_x000A_`. */
function textOf(element: Element): string {
  const text = childrenOf(element)
    .map((child) => child['#text'])
    .join('');
  return text.replace(/_x([0-9A-F]{4})_/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
