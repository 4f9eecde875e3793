import test from 'ava';
import currencyCodes from 'currency-codes';
import fc from 'fast-check';
import { currencies, formatAmount, isCurrency, minorUnitDigits, parseAmount } from '../../node/ledger/amount.ts';
import { amountMax } from '../../node/ledger/limits.ts';

test('the table equals the published list of 2024-06-25 but for these differences', (t) => {
  const theirs = new Map(currencyCodes.data.map(({ code, digits }) => [code, digits]));
  t.is(currencyCodes.publishDate, '2024-06-25');
  const removed = [...theirs.keys()].filter((code) => !isCurrency(code)).sort();
  // Amendments since then: ANG became XCG (176), CUC left (178), XAD came (179); Bulgaria took the euro on 2026-01-01.
  const withdrawn = ['ANG', 'BGN', 'CUC'];
  // Their minor unit is "N.A." in the list: metals, units of account, tests, no currency.
  const noMinorUnit = 'XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX'.split(' ');
  t.deepEqual(removed, [...withdrawn, ...noMinorUnit]);
  t.deepEqual(
    currencies.filter((code) => !theirs.has(code)),
    ['XAD', 'XCG'],
  );
  for (const code of currencies) {
    if (theirs.has(code)) t.is(minorUnitDigits(code), theirs.get(code), code);
    t.regex(code, /^[A-Z]{3}$/);
  }
  t.is(currencies.length, 165);
});

test('currencies whose digits are often wrong elsewhere', (t) => {
  for (const [code, digits] of [
    ['HUF', 2],
    ['IDR', 2],
    ['ISK', 0],
    ['JPY', 0],
    ['KWD', 3],
    ['CLF', 4],
    ['UGX', 0],
    ['MRU', 2],
  ] as const) {
    t.is(minorUnitDigits(code), digits, code);
  }
  for (const none of ['', 'eur', 'EUR ', 'XXX', 'BGN', '__proto__']) t.false(isCurrency(none));
});

test('an amount is read exactly', (t) => {
  t.is(parseAmount('1234.50', 'EUR'), 123450n);
  t.is(parseAmount('1234.5', 'EUR'), 123450n);
  t.is(parseAmount('1234', 'EUR'), 123400n);
  t.is(parseAmount('0.01', 'EUR'), 1n);
  t.is(parseAmount('0.001', 'KWD'), 1n);
  t.is(parseAmount('100', 'JPY'), 100n);
  t.is(parseAmount('9999999999999999.99', 'EUR'), amountMax);
  t.is(parseAmount('0.00', 'EUR', 'not-negative'), 0n);
  t.is(parseAmount('-12.30', 'EUR', 'any'), -1230n);
});

test('an amount that is refused says why', (t) => {
  t.is(parseAmount('1.00', 'XXX'), 'unknown-currency');
  t.is(parseAmount('0.001', 'EUR'), 'too-precise');
  t.is(parseAmount('1.0', 'JPY'), 'too-precise');
  t.is(parseAmount('10000000000000000.00', 'EUR'), 'too-large');
  t.is(parseAmount('1000000000000000000', 'JPY'), 'too-large');
  t.is(parseAmount('0', 'EUR'), 'not-positive');
  t.is(parseAmount('-1.00', 'EUR'), 'not-positive');
  t.is(parseAmount('-1.00', 'EUR', 'not-negative'), 'negative');
  const malformed = [
    '',
    ' 1',
    '1 ',
    '+1',
    '1e3',
    '1,00',
    '1.',
    '.5',
    '00.5',
    '01',
    '1_0',
    '0x1',
    '--1',
    '１',
    'NaN',
    '1\n',
  ];
  for (const text of [...malformed, '9'.repeat(1_000_000)]) t.is(parseAmount(text, 'EUR', 'any'), 'malformed', text);
});

test('writing and reading are inverse for every currency and amount', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: -amountMax, max: amountMax }), fc.constantFrom(...currencies), (minor, currency) => {
      const text = formatAmount(minor, currency);
      t.is(parseAmount(text, currency, 'any'), minor);
      t.is(minorUnitDigits(currency), (text.split('.')[1] ?? '').length);
    }),
    { numRuns: 2000 },
  );
});

test('whatever text is read writes back to the same value, and reading never throws', (t) => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{0,20}\.?[0-9]{0,5}$/));
  fc.assert(
    fc.property(text, fc.constantFrom('EUR', 'JPY', 'KWD', 'CLF', 'XXX'), (input, currency) => {
      const minor = parseAmount(input, currency, 'any');
      if (typeof minor === 'bigint') t.is(parseAmount(formatAmount(minor, currency), currency, 'any'), minor);
      else t.is(typeof minor, 'string');
    }),
    { numRuns: 2000 },
  );
});

test('an amount is written with all its digits', (t) => {
  t.is(formatAmount(-5n, 'EUR'), '-0.05');
  t.is(formatAmount(0n, 'EUR'), '0.00');
  t.is(formatAmount(100n, 'JPY'), '100');
  t.is(formatAmount(12345678n, 'CLF'), '1234.5678');
  t.throws(() => formatAmount(1n, 'XXX'), { name: 'InvariantError' });
});
