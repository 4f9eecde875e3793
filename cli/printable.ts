// Texts that others wrote, before a person sees them. A node's words may hold what a terminal obeys: colours, a moved
// cursor, lines that look like ours.

const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const lengthMax = 500;

/** On one line, of at most 500 characters, with a mark for each character that is no sign. */
export function oneLine(text: string): string {
  const shown = text.length > lengthMax ? `${text.slice(0, lengthMax)}...` : text;
  return unbroken(shown);
}

/** A verdict's line with others' words in it: as long as it is. */
export function unbroken(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(unseen, '\ufffd');
}

/** What `paint` writes. */
const ownColours = new RegExp(`(${'\u001b'}\\[(?:0|1|2|31|32|33)m)`);

/** With its lines, its tabs and our own colours, and a mark for every other character that is no sign. */
export function printable(text: string): string {
  const marked = (part: string) =>
    part.replaceAll(unseen, (each) => (each === '\n' || each === '\t' ? each : '\ufffd'));
  return text
    .split(ownColours)
    .map((part, i) => (i % 2 === 1 ? part : marked(part)))
    .join('');
}

export function hasUnseen(text: string): boolean {
  return text.search(unseen) >= 0;
}
