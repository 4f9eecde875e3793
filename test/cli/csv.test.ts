import test from 'ava';
import { parse } from 'csv-parse/sync';
import { readAccountsFile } from '../../cli/account-import.ts';
import { formatCsv } from '../../cli/csv.ts';
import { readPaymentsFile } from '../../cli/payments-file.ts';
import { fileIn, folderOf } from './_home.ts';

const head = 'reference,date,from,to,amount,currency,purpose';
const good = 'R1,2026-01-31,A-1,B-2,12.50,CZK,"rent, January"';

test('a payments file in CSV gives its lines with their numbers', async (t) => {
  const folder = folderOf(t);
  const file = fileIn(folder, 'p.csv', `\uFEFF${head}\r\n${good}\r\n\r\nR2,2026-02-01,A-1,B-2,3,JPY,\r\n`);
  const { kind, lines, bad } = await readPaymentsFile(file);
  t.is(kind, 'csv');
  t.deepEqual(bad, []);
  t.like(lines[0], { line: 2, reference: 'R1', from: 'A-1', to: 'B-2', amount: 1250n, purpose: 'rent, January' });
  t.like(lines[1], { line: 4, amount: 3n, currency: 'JPY', purpose: '' });
});

test('columns may stand in any order, but none may be missing, unknown or twice', async (t) => {
  const folder = folderOf(t);
  const mixed = fileIn(
    folder,
    'm.csv',
    'to,from,reference,date,purpose,currency,amount\nB,A,R,2026-01-01,x,EUR,1.00\n',
  );
  t.like((await readPaymentsFile(mixed)).lines[0], { from: 'A', to: 'B', amount: 100n });
  const cases = [
    ['reference,date,from,to,amount,currency\n', /missing: purpose/],
    [`${head},colour\n`, /unknown or repeated: "colour"/],
    [`${head},date\n`, /unknown or repeated: "date"/],
    ['', /empty/],
    [`${head}\n"R1,2026-01-31,A,B,1,EUR,x\n`, /no CSV/],
  ] as const;
  for (const [content, message] of cases)
    await t.throwsAsync(readPaymentsFile(fileIn(folder, 'c.csv', content)), { message });
});

test('every bad line of a payments file is named with its reason', async (t) => {
  const cases = [
    ['R2,2026-01-31,A,B,1.00,EUR', /6 fields, not 7/],
    [',2026-01-31,A,B,1.00,EUR,x', /reference is empty/],
    ['R2,2026-02-30,A,B,1.00,EUR,x', /no day of the calendar/],
    ['R2,31.01.2026,A,B,1.00,EUR,x', /no day of the calendar/],
    ['R2,2026-01-31,a,B,1.00,EUR,x', /from "a": write 1 to 34 capital letters, digits and hyphens, like NORTH-1001$/],
    ['R2 ,2026-01-31,A,B,1.00,EUR,x', /reference "R2 ": write 1 to 35 .* without a space at either end$/],
    ['R2,2026-01-31,A,,1.00,EUR,x', /to is empty/],
    ['R2,2026-01-31,A,B,1.005,EUR,x', /more digits/],
    ['R2,2026-01-31,A,B,0,EUR,x', /more than zero/],
    ['R2,2026-01-31,A,B,-1,EUR,x', /more than zero/],
    ['R2,2026-01-31,A,B,1e3,EUR,x', /write digits/],
    ['R2,2026-01-31,A,B,10000000000000000.00,EUR,x', /10\^18/],
    ['R2,2026-01-31,A,B,1.00,EUX,x', /ISO 4217/],
    [`R2,2026-01-31,A,B,1.00,EUR,${'x'.repeat(141)}`, /purpose/],
    ['R1,2026-01-31,A,B,1.00,EUR,x', /stands in line 2 already/],
  ] as const;
  const folder = folderOf(t);
  for (const [line, reason] of cases) {
    const { lines, bad } = await readPaymentsFile(fileIn(folder, 'p.csv', `${head}\n${good}\n${line}\n`));
    t.is(lines.length, 1, line);
    t.is(bad[0]?.line, 3, line);
    t.regex(bad[0]?.reason ?? '', reason);
  }
});

test('a file that is not UTF-8, or of another kind, is refused whole', async (t) => {
  const folder = folderOf(t);
  const file = fileIn(folder, 'p.csv', head);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(file, Buffer.concat([Buffer.from(`${head}\n`), Buffer.from([0xff, 0xfe])]));
  await t.throwsAsync(readPaymentsFile(file), { message: /not UTF-8/ });
  await t.throwsAsync(readPaymentsFile(fileIn(folder, 'p.txt', head)), { message: /neither/ });
  await t.throwsAsync(readPaymentsFile(`${folder}/none.csv`), { message: /no such file/ });
});

test('an accounts file names all its bad lines at once', (t) => {
  const columns = 'account,branch,currency,overdraft_limit,opening_balance';
  const folder = folderOf(t);
  const rows = readAccountsFile(fileIn(folder, 'a.csv', `${columns}\nA,BR-1,CZK,none,0.00\nB,BR-1,CZK,10.00,5.00\n`));
  t.deepEqual(
    rows.map(({ account, overdraftLimit, openingBalance }) => [account, overdraftLimit, openingBalance]),
    [
      ['A', undefined, 0n],
      ['B', 1000n, 500n],
    ],
  );
  const wrong = ['a,BR-1,CZK,none,0', 'A,BR-1,CZK,none,0', 'C,BR-1,CZK,-1,0', 'D,BR-1,CZK,0,-1'];
  const bad = [columns, 'A,BR-1,CZK,none,0.00', ...wrong, ''].join('\n');
  const error = t.throws(() => readAccountsFile(fileIn(folder, 'b.csv', bad)));
  for (const part of [
    '4 bad lines',
    'line 3: account "a"',
    'line 4: account A stands',
    'line 5: overdraft_limit',
    'line 6: opening',
  ])
    t.true(error?.message.includes(part), part);
});

test('a text that a spreadsheet would run has a quote before it, and comes back; numbers have none', (t) => {
  const texts = [
    '=1+2',
    '+1',
    '-1',
    '@SUM(1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '＝1',
    '＋1',
    '－1',
    '＠1',
    "'x",
    "'=1",
    '',
    'rent = 1',
    '1',
  ];
  const columns = ['amount', 'text'] as const;
  const written = formatCsv(
    columns,
    texts.map((text) => ({ amount: '-25.00', text })),
    ['text'],
  );
  const [head, ...rows] = parse(written) as string[][];
  t.deepEqual(head, [...columns]);
  t.true(rows.every(([amount]) => amount === '-25.00'));
  for (const [, text = ''] of rows) t.notRegex(text, /^[=+\-@\s＝＋－＠]/);
  t.deepEqual(
    rows.map(([, text = '']) => text.replace(/^'/, '')),
    texts,
  );
});
