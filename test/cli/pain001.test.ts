import test from 'ava';
import { readPain001 } from '../../cli/pain001.ts';
import { readPaymentsFile } from '../../cli/payments-file.ts';
import { fileIn, folderOf } from './_home.ts';

interface Parts {
  readonly namespace?: string;
  readonly prolog?: string;
  readonly count?: string;
  readonly sum?: string;
  readonly blockSum?: string;
  readonly debtor?: string;
  readonly transfers?: string;
}

function transfer(reference: string, amount: string, account = '<Othr><Id>B-2</Id></Othr>', rest = ''): string {
  return `<CdtTrfTxInf><PmtId><EndToEndId>${reference}</EndToEndId></PmtId>
    <Amt><InstdAmt Ccy="EUR">${amount}</InstdAmt></Amt>
    <CdtrAcct><Id>${account}</Id></CdtrAcct>${rest}</CdtTrfTxInf>`;
}

const two = transfer('E1', '10.50') + transfer('E2', '2');

function message(parts: Parts = {}): string {
  const {
    namespace = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09',
    prolog = '<?xml version="1.0" encoding="UTF-8"?>',
  } = parts;
  const debtor = parts.debtor ?? '<Othr><Id>A-1</Id></Othr>';
  const sum = parts.sum === undefined ? '' : `<CtrlSum>${parts.sum}</CtrlSum>`;
  const blockSum = parts.blockSum === undefined ? '' : `<CtrlSum>${parts.blockSum}</CtrlSum>`;
  return `${prolog}<Document xmlns="${namespace}"><CstmrCdtTrfInitn>
    <GrpHdr><MsgId>M</MsgId><NbOfTxs>${parts.count ?? '2'}</NbOfTxs>${sum}</GrpHdr>
    <PmtInf><PmtInfId>P</PmtInfId><PmtMtd>TRF</PmtMtd>${blockSum}<ReqdExctnDt><Dt>2026-01-15</Dt></ReqdExctnDt>
    <DbtrAcct><Id>${debtor}</Id></DbtrAcct>${parts.transfers ?? two}</PmtInf></CstmrCdtTrfInitn></Document>`;
}

const read = (parts?: Parts) => readPain001('m.xml', message(parts));

test('a pain.001 gives its transfers, numbered as they stand', (t) => {
  const remittance = '<RmtInf><Ustrd>rent &amp; heat</Ustrd><Ustrd>&#x4A;anuary</Ustrd></RmtInf>';
  const { lines, bad } = read({
    sum: '12.5',
    blockSum: '12.50',
    transfers: transfer('E1', '010.50', undefined, remittance) + transfer('E2', '2'),
  });
  t.deepEqual(bad, []);
  t.deepEqual(lines[0], {
    line: 1,
    reference: 'E1',
    date: '2026-01-15',
    from: 'A-1',
    to: 'B-2',
    amount: 1050n,
    currency: 'EUR',
    purpose: 'rent & heat January',
  });
  t.like(lines[1], { line: 2, amount: 200n });
});

test('an IBAN names an account, and its check digits are checked', (t) => {
  const good = '<IBAN>DE89370400440532013000</IBAN>';
  t.is(read({ transfers: transfer('E1', '1', good) + transfer('E2', '2') }).lines[0]?.to, 'DE89370400440532013000');
  const { bad } = read({ transfers: transfer('E1', '1', '<IBAN>DE88370400440532013000</IBAN>') + transfer('E2', '2') });
  t.like(bad[0], { line: 1, reference: 'E1' });
  t.regex(bad[0]?.reason ?? '', /check digits/);
});

test('version 03, with its bare date and a prefix for the namespace, is read too', (t) => {
  const text = message({ namespace: 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.03' })
    .replace('<Dt>2026-01-15</Dt>', '2026-01-15')
    .replaceAll(/<(\/?)([A-Z])/g, '<$1p:$2')
    .replace('xmlns=', 'xmlns:p=');
  t.is(readPain001('m.xml', text).lines[1]?.date, '2026-01-15');
});

test('counts and control sums must agree, in the header and in each block', (t) => {
  t.throws(() => read({ count: '3' }), { message: /NbOfTxs is 3, but there are 2/ });
  t.throws(() => read({ sum: '12.51' }), { message: /GrpHdr: CtrlSum is 12.51, but the amounts add up to 12.5$/ });
  t.throws(() => read({ blockSum: '1' }), { message: /PmtInf P: CtrlSum/ });
  t.notThrows(() => read({ sum: '12.500', blockSum: '12.5' }));
});

test('DTDs, entities and CDATA are refused before anything is parsed', (t) => {
  const prologs = [
    '<!DOCTYPE Document SYSTEM "http://127.0.0.1/x.dtd">',
    '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>',
    '<?x <!-- ?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><!-- -->',
    '<!doctype a>',
  ];
  for (const prolog of prologs) t.throws(() => read({ prolog }), { message: /is refused: no DTD/ }, prolog);
  t.throws(() => read({ transfers: transfer('<![CDATA[E1]]>', '1') + two }), { message: /CDATA/ });
  t.throws(() => read({ transfers: transfer('&bomb;', '1') + transfer('E2', '1') }), { message: /&bomb;/ });
  t.notThrows(() => read({ prolog: '<!-- a remark -->' }));
});

test('what is no pain.001 is refused whole, and says where', (t) => {
  t.throws(() => read({ namespace: 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.02' }), { message: /known version/ });
  t.throws(() => read({ prolog: '<?xml version="1.0" encoding="ISO-8859-1"?>' }), { message: /not UTF-8/ });
  t.throws(() => readPain001('m.xml', '<Document><a></Document>'), { message: /line 1/ });
  const cut = message().slice(0, message().indexOf('</GrpHdr>'));
  t.throws(() => readPain001('m.xml', cut), { message: /ends within <Document><CstmrCdtTrfInitn><GrpHdr>: is it cut/ });
  t.throws(() => readPain001('m.xml', `${message()}<Document/>`), { message: /m\.xml/ });
  t.throws(() => readPain001('m.xml', '<a>'.repeat(3_000) + '</a>'.repeat(3_000)), { message: /m\.xml/ });
  t.throws(() => readPain001('m.xml', message().replace('TRF', 'CHK')), { message: /only TRF/ });
  t.throws(() => read({ transfers: transfer('E1', 'ten') + transfer('E2', '1') }), { message: /transaction 1: "ten"/ });
  t.throws(() => read({ transfers: transfer('E1', '-1') + transfer('E2', '1') }), { message: /transaction 1/ });
  t.throws(() => read({ transfers: two.replaceAll('EndToEndId', 'InstrId') }), { message: /EndToEndId is missing/ });
  const twice = '<CdtrAcct><Id><Othr><Id>C</Id></Othr></Id></CdtrAcct>';
  t.throws(() => read({ transfers: transfer('E1', '1', undefined, twice) + two }), { message: /more than once/ });
  t.throws(() => read({ transfers: two.replaceAll('InstdAmt', 'EqvtAmt') }), { message: /InstdAmt is missing/ });
});

test('a line that can be no payment is bad and named; the others stand', async (t) => {
  const transfers = [
    transfer('NOTPROVIDED', '1'),
    transfer('E2', '1.005'),
    transfer('E3', '0'),
    transfer('x'.repeat(36), '1'),
    transfer('E5', '1', '<Othr><Id>lower</Id></Othr>'),
    transfer('E6', '1', undefined, `<RmtInf><Ustrd>${'x'.repeat(141)}</Ustrd></RmtInf>`),
    transfer('E7', '1'),
    transfer('E7', '1'),
  ].join('');
  const file = fileIn(folderOf(t), 'm.xml', message({ count: '8', transfers }));
  const { kind, lines, bad } = await readPaymentsFile(file);
  t.is(kind, 'xml');
  t.deepEqual(
    lines.map(({ line }) => line),
    [7],
  );
  t.deepEqual(
    bad.map(({ line }) => line),
    [1, 2, 3, 4, 5, 6, 8],
  );
});
