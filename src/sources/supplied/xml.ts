import { XMLParser } from 'fast-xml-parser';

const parser = new XMLParser({ parseTagValue: false });

/**
 * The elements of an XML document by their names, each text as it stands there; what stands there twice is a list. Attributes
 * are left out.
 *
 * @throws Error when it is not well-formed
 */
export function xmlElements(text: string): unknown {
  return parser.parse(text, true);
}
