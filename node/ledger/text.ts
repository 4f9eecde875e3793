// Which characters ledger text may hold. The set is fixed here and not left to the platform's Unicode tables: Node
// versions carry different ones, and a character that one normalises and another does not know would split a fleet.

/**
 * Blocks whose normalisation has not changed since Unicode 14 (2021); no control or bidirectional formatting character.
 */
const ranges: readonly (readonly [first: number, last: number])[] = [
  [0x20, 0x7e], // Basic Latin without controls
  [0xa0, 0xac], // Latin-1, without the soft hyphen
  [0xae, 0x377], // Latin, IPA, combining marks, Greek
  [0x37a, 0x52f], // Greek and Cyrillic
  [0x531, 0x58a], // Armenian
  [0x5d0, 0x5ea], // Hebrew letters
  [0x620, 0x669], // Arabic letters, marks and digits
  [0x900, 0x97f], // Devanagari
  [0xe01, 0xe5b], // Thai
  [0x10a0, 0x10ff], // Georgian
  [0x1e00, 0x1fff], // Latin and Greek extended
  [0x2010, 0x2027], // punctuation
  [0x2030, 0x205e],
  [0x20a0, 0x20c0], // currency signs
  [0x3001, 0x30ff], // CJK punctuation, kana
  [0x4e00, 0x9ffc], // CJK ideographs
  [0xac00, 0xd7a3], // Hangul syllables
];

const ascii = /^[\x20-\x7e]*$/;

/** True when every character is of the fixed set and the text is in normal form C. */
export function isLedgerText(text: string): boolean {
  if (ascii.test(text)) return true;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (!ranges.some(([first, last]) => code >= first && code <= last)) return false;
  }
  return text.normalize('NFC') === text;
}
