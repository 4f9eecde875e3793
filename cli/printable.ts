// Texts that others wrote, before a person sees them. A node's words may hold what a terminal obeys: colours, a moved
// cursor, lines that look like ours.

const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const lengthMax = 500;

/** On one line, of at most 500 characters, with a mark for each character that is no sign. */
export function oneLine(text: string): string {
  const shown = text.length > lengthMax ? `${text.slice(0, lengthMax)}...` : text;
  return shown.replaceAll(/\s+/g, ' ').replaceAll(unseen, '\ufffd');
}

/** With its lines and tabs, and a mark for every other character that is no sign. */
export function printable(text: string): string {
  return text.replaceAll(unseen, (each) => (each === '\n' || each === '\t' ? each : '\ufffd'));
}

export function hasUnseen(text: string): boolean {
  return text.search(unseen) >= 0;
}
