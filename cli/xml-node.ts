// Reading a parsed XML tree without trusting its shape: an element that must stand once does, or the file is refused
// with the element's name.

export type XmlNode = { readonly [name: string]: unknown };

/** The XML is not of the shape that the message has. */
export class XmlShapeError extends Error {
  override name = 'XmlShapeError';
}

function isNode(value: unknown): value is XmlNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The one element of this name. An empty one parses to '' and has no children. */
export function child(node: unknown, name: string): XmlNode {
  const found = optionalChild(node, name);
  if (found === undefined) throw new XmlShapeError(`${name} is missing`);
  return found;
}

export function optionalChild(node: unknown, name: string): XmlNode | undefined {
  const value = isNode(node) ? node[name] : undefined;
  if (value === undefined) return undefined;
  if (typeof value === 'string') return { '#text': value };
  if (!isNode(value)) throw new XmlShapeError(`${name} stands more than once`);
  return value;
}

/** The elements of a name that may stand many times (the parser gives a list for these). */
export function children(node: XmlNode, name: string): XmlNode[] {
  const value = node[name];
  const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.map((item) => (isNode(item) ? item : { '#text': item }));
}

/** The text of an element that must be there and hold text. */
export function textOf(node: XmlNode, name: string): string {
  const found = optionalText(node, name);
  if (found === undefined) throw new XmlShapeError(`${name} is missing`);
  return found;
}

export function optionalText(node: XmlNode, name: string): string | undefined {
  const found = optionalChild(node, name);
  return found === undefined ? undefined : ownText(found, name);
}

export function ownText(node: XmlNode, name: string): string {
  const value = node['#text'] ?? '';
  if (typeof value !== 'string') throw new XmlShapeError(`${name} is no text`);
  return unescapeXml(value, name);
}

const named: { readonly [name: string]: string } = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The five entities of XML itself and character references; without a DTD there can be no others (XML 1.0, 4.1). */
function unescapeXml(value: string, name: string): string {
  return value.replace(/&([^;&]*)(;?)/g, (whole, inner: string, end: string) => {
    const code = /^#(?:([0-9]{1,7})|x([0-9A-Fa-f]{1,6}))$/.exec(inner);
    const point =
      code === null ? undefined : Number.parseInt(code[1] ?? code[2] ?? '', code[1] === undefined ? 16 : 10);
    const known = point === undefined ? (Object.hasOwn(named, inner) ? named[inner] : undefined) : characterOf(point);
    if (end !== ';' || known === undefined) throw new XmlShapeError(`${name}: ${whole} is no character of XML`);
    return known;
  });
}

function characterOf(point: number): string | undefined {
  const isCharacter = point >= 0x20 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return isCharacter ? String.fromCodePoint(point) : undefined;
}
