import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'csv-parse/sync';
import { XMLParser } from 'fast-xml-parser';
import { validateXML } from 'xmllint-wasm';
import { accountSchema } from '../../contracts/accounts.ts';
import { batchArguments, openBatchArguments, type TransferArguments } from '../../contracts/payments.ts';
import { formatAmount, parseAmount } from '../../node/ledger/amount.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import { readData, testWithData } from '../_data.ts';
import { clearing, TestLedger, testGenesis } from '../execution/_ledger.ts';

const folder = join(import.meta.dirname, '../../../genesis/examples');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const rows = (name: string): { readonly [column: string]: string }[] => parse(read(name), { columns: true });

function minor(text: string | undefined, currency: string): bigint {
  const amount = parseAmount(text ?? '', currency, 'not-negative');
  if (typeof amount !== 'bigint') throw new Error(`${text}: ${amount}`);
  return amount;
}

interface Line {
  readonly reference: string;
  readonly args: TransferArguments;
}

function payments(): Line[] {
  return rows('payments.csv').map((row) => {
    const { reference = '', date = '', from = '', to = '', currency = '', purpose = '' } = row;
    return { reference, args: { from, to, amount: minor(row['amount'], currency), currency, purpose, date } };
  });
}

interface Payroll {
  readonly Document: { readonly CstmrCdtTrfInitn: { readonly GrpHdr: Sums; readonly PmtInf: Instruction } };
}
interface Sums {
  readonly NbOfTxs: string;
  readonly CtrlSum: string;
}
interface Instruction extends Sums {
  readonly ReqdExctnDt: { readonly Dt: string };
  readonly DbtrAcct: { readonly Id: { readonly Othr: { readonly Id: string } } };
  readonly CdtTrfTxInf: readonly {
    readonly PmtId: { readonly EndToEndId: string };
    readonly Amt: { readonly InstdAmt: { readonly '#text': string; readonly '@_Ccy': string } };
    readonly CdtrAcct: { readonly Id: { readonly Othr: { readonly Id: string } } };
    readonly RmtInf: { readonly Ustrd: string };
  }[];
}

function payroll(): { readonly header: Sums; readonly instruction: Instruction; readonly lines: Line[] } {
  const parser = new XMLParser({ ignoreAttributes: false, parseTagValue: false });
  const { GrpHdr: header, PmtInf: instruction } = (parser.parse(read('payroll.xml')) as Payroll).Document
    .CstmrCdtTrfInitn;
  const lines = instruction.CdtTrfTxInf.map(({ PmtId, Amt, CdtrAcct, RmtInf }): Line => {
    const currency = Amt.InstdAmt['@_Ccy'];
    const args = {
      from: instruction.DbtrAcct.Id.Othr.Id,
      to: CdtrAcct.Id.Othr.Id,
      amount: minor(Amt.InstdAmt['#text'], currency),
      currency,
      purpose: RmtInf.Ustrd,
      date: instruction.ReqdExctnDt.Dt,
    };
    return { reference: PmtId.EndToEndId, args };
  });
  return { header, instruction, lines };
}

test('the sample bank day settles: five lines are meant to be refused, and money is conserved', (t) => {
  const issuance = [
    { currency: 'CZK', amount: 1_330_000_00n },
    { currency: 'EUR', amount: 4_000_00n },
  ];
  const ledger = new TestLedger({ ...testGenesis(), payments: { issuance } });
  const accounts = rows('accounts.csv').map(({ account = '', branch = '', currency = '', ...row }) => {
    const overdraftLimit = row['overdraft_limit'] === 'none' ? undefined : minor(row['overdraft_limit'], currency);
    const openingBalance = minor(row['opening_balance'], currency);
    return { reference: `OPEN-${account}`, args: { account, branch, currency, overdraftLimit, openingBalance } };
  });
  t.is(accounts.length, 40);
  const settle = (method: string, args: ReturnType<typeof batchArguments>) =>
    ledger.settle(ledger.transaction(clearing, 'payments', method, args)).map(({ outcome }) => outcome);
  t.deepEqual(new Set(settle('open-batch', openBatchArguments(accounts))), new Set(['OK']));

  const lines = payments();
  t.is(lines.length, 300);
  const outcomes = [lines.slice(0, 150), lines.slice(150)].flatMap((part) =>
    settle('batch', batchArguments(part)).slice(1),
  );
  const refused = lines.flatMap(({ reference }, i) => (outcomes[i] === 'OK' ? [] : [`${reference} ${outcomes[i]}`]));
  t.deepEqual(refused, ['D0115-0041 AM04', 'D0115-0099 AM04', 'D0115-0154 AC03', 'D0115-0207 AC02', 'D0115-0267 AM03']);

  t.deepEqual(new Set(settle('batch', batchArguments(payroll().lines))), new Set(['OK']));
  const sums = new Map<string, bigint>();
  for (const [, bytes] of ledger.store.stateRange('payments/accounts/', 100)) {
    const { balance, currency } = decodeAs(accountSchema, bytes);
    sums.set(currency, (sums.get(currency) ?? 0n) + balance);
  }
  t.deepEqual([...sums.entries()].sort(), [
    ['CZK', 0n],
    ['EUR', 0n],
  ]);
});

test('references are unique over all files, and NbOfTxs and CtrlSum agree', (t) => {
  const { header, instruction, lines } = payroll();
  const references = [...payments(), ...lines].map(({ reference }) => reference);
  t.is(new Set(references).size, references.length);
  const total = formatAmount(
    lines.reduce((sum, { args }) => sum + args.amount, 0n),
    'CZK',
  );
  for (const { NbOfTxs, CtrlSum } of [header, instruction])
    t.deepEqual([NbOfTxs, CtrlSum], [String(lines.length), total]);
});

testWithData('iso20022-xsd', 'pain.001.001.12.xsd')('payroll.xml is a valid pain.001.001.12', async (t) => {
  const result = await validateXML({
    xml: [{ fileName: 'payroll.xml', contents: read('payroll.xml') }],
    schema: [readData('iso20022-xsd', 'pain.001.001.12.xsd')],
  });
  t.deepEqual(result.errors, []);
  t.true(result.valid);
});
