import { XMLBuilder } from 'fast-xml-parser';

/** An element: attributes begin with `@`, `#` is its text, everything else are elements in it. */
export interface XmlElement {
  readonly [name: string]: string | number | XmlElement | readonly XmlElement[] | undefined;
}

const builder = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  textNodeName: '#',
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
  format: true,
});

/** Well-formed XML 1.0: what is markup in a text is escaped, and what no document may hold (section 2.2) is left out. */
export function xmlOf(root: XmlElement): string {
  const text = builder.build(root).replace(/[^\t\n\r -\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '');
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}`;
}
