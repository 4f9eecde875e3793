import test from 'ava';
import { isLedgerText } from '../../node/ledger/text.ts';

const units = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code));

test('names and purposes of several scripts are ledger text', (t) => {
  for (const text of ['', 'Rent 03/2026', 'příkaz č. 1', 'Müller & Söhne', 'Ελλάδα', 'платёж', '€ 5', '支払い', '예금'])
    t.true(isLedgerText(text.normalize('NFC')), text);
});

test('no control, formatting, bidirectional, private or surrogate character is one', (t) => {
  const found = units.filter(
    (each) => /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(each) && isLedgerText(each),
  );
  t.deepEqual(found, []);
  for (const text of ['\n', '\t', '\u0000', '\u00ad', '\u200b', '\u202e', '\u2066', '\ufeff', '\ufffd', '\ud800', '😀'])
    t.false(isLedgerText(text), JSON.stringify(text));
});

test('no character is one that Unicode has not assigned: its normal form may yet change', (t) => {
  t.deepEqual(
    units.filter((each) => /\p{Cn}/u.test(each) && isLedgerText(each)),
    [],
  );
});

test('text has one form: composed', (t) => {
  t.true(isLedgerText('é'));
  for (const text of ['e\u0301', '\u212b', 'A\u030a', '\u1100\u1161', '\u0340', '\u0958', '\uf900']) {
    t.false(isLedgerText(text), JSON.stringify(text));
    t.true(text.normalize('NFC') !== text || !isLedgerText(text));
  }
});

test('the set is the same 34,716 characters on every platform', (t) => {
  t.is(units.filter(isLedgerText).length, 34_716);
});
