// Which characters ledger text may hold. The set is fixed here and not left to the platform's Unicode tables: Node
// versions carry different ones, and a character that one normalises and another does not know would split a fleet.

/**
 * All assigned in Unicode 14 (2021), which every supported Node knows: the normal form of text made of assigned
 * characters never changes, of others nothing is promised, so the gaps within a script are left out too. No control,
 * formatting or bidirectional character, and none beyond the basic plane: a character is one UTF-16 unit.
 */
const characters: readonly (readonly [script: string, hexRanges: string])[] = [
  ['Latin, combining marks', '0020-007e 00a0-00ac 00ae-0377'],
  ['Greek, Cyrillic', '037a-037f 0384-038a 038c-038c 038e-03a1 03a3-052f'],
  ['Armenian', '0531-0556 0559-058a'],
  ['Hebrew letters', '05d0-05ea'],
  ['Arabic letters, marks and digits', '0620-0669'],
  ['Devanagari', '0900-097f'],
  ['Thai', '0e01-0e3a 0e3f-0e5b'],
  ['Georgian', '10a0-10c5 10c7-10c7 10cd-10cd 10d0-10ff'],
  ['Latin extended', '1e00-1eff'],
  ['Greek extended', '1f00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59-1f59 1f5b-1f5b 1f5d-1f5d 1f5f-1f7d'],
  ['Greek extended', '1f80-1fb4 1fb6-1fc4 1fc6-1fd3 1fd6-1fdb 1fdd-1fef 1ff2-1ff4 1ff6-1ffe'],
  ['punctuation', '2010-2027 2030-205e'],
  ['currency signs', '20a0-20c0'],
  ['CJK punctuation, kana', '3001-303f 3041-3096 3099-30ff'],
  ['CJK ideographs', '4e00-9ffc'],
  ['Hangul syllables', 'ac00-d7a3'],
];

const ascii = /^[\x20-\x7e]*$/;
const ledgerSet = new RegExp(
  `^[${characters.map(([, ranges]) => ranges.replaceAll(/[0-9a-f]{4}/g, '\\u$&').replaceAll(' ', '')).join('')}]*$`,
);

/** True when every character is of the fixed set and the text is in normal form C. */
export function isLedgerText(text: string): boolean {
  return ascii.test(text) || (ledgerSet.test(text) && text.normalize('NFC') === text);
}
