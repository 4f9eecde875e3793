// Good texts for the readers of text.

import type { Trust } from '../../cli/receipt.ts';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { certificateSchema } from '../../node/ledger/certificate.ts';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { type Digest, toHex } from '../../node/ledger/hash.ts';
import { inclusionPath } from '../../node/ledger/merkle.ts';
import { encodeAs } from '../../node/ledger/schema.ts';
import { clearing, TestLedger } from '../execution/_ledger.ts';

export const paymentsCsv = `reference,date,from,to,amount,currency,purpose
PAY-1,2026-11-23,N-1,S-1,125.50,CZK,rent
PAY-2,2026-11-23,N-2,S-2,1.00,EUR,"coffee, ""two"""
PAY-3,,N-1,N-2,999999.99,CZK,nájem
`;

export const accountsCsv = `account,branch,currency,overdraft_limit,opening_balance
N-1,NORTH,CZK,0,1000.00
N-2,NORTH,EUR,none,0
S-1,SOUTH,CZK,500.00,0
`;

const transfer = (id: string, amount: string) => `<CdtTrfTxInf><PmtId><EndToEndId>${id}</EndToEndId></PmtId>
<Amt><InstdAmt Ccy="CZK">${amount}</InstdAmt></Amt>
<CdtrAcct><Id><Othr><Id>S-1</Id></Othr></Id></CdtrAcct>
<RmtInf><Ustrd>rent</Ustrd></RmtInf></CdtTrfTxInf>`;

export const pain001 = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">
<CstmrCdtTrfInitn><GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-23T10:00:00Z</CreDtTm><NbOfTxs>2</NbOfTxs>
<CtrlSum>30.50</CtrlSum><InitgPty><Nm>Bank</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>P1</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>2</NbOfTxs><ReqdExctnDt><Dt>2026-11-23</Dt></ReqdExctnDt>
<Dbtr><Nm>Anna</Nm></Dbtr><DbtrAcct><Id><IBAN>CZ6508000000192000145399</IBAN></Id></DbtrAcct>
${transfer('E-1', '10.00')}
${transfer('E-2', '20.5')}
</PmtInf></CstmrCdtTrfInitn></Document>
`;

export const validatorKeyText = JSON.stringify({
  format: 'daybook/validator-key/v1',
  validator: 'node-0',
  seed: 'ab'.repeat(32),
});

const base64 = (length: number) => Buffer.alloc(length, 7).toString('base64');

export const outboxLines = [
  { kind: 'begin', what: 'file.csv', height: 3 },
  { kind: 'signed', unit: { id: 'cd'.repeat(32), lines: [0, 1], validUntil: 1_764_000_000_000, bytes: base64(200) } },
  { kind: 'outcome', outcome: { line: 0, outcome: 'OK', height: 4, index: 17, already: false } },
  { kind: 'height', height: 4 },
]
  .map((line) => `${JSON.stringify(line)}\n`)
  .join('');

export const keyFile = JSON.stringify({
  name: 'anna',
  member: 'NORTH',
  publicKey: 'ef'.repeat(32),
  encryption: { kdf: 'scrypt', salt: '01'.repeat(16), nonce: '02'.repeat(12) },
  sealed: '03'.repeat(48),
});

/** A ledger with one transfer, its receipt, and what a client knows by itself. */
function receiptLedger() {
  const ledger = new TestLedger();
  const account = (id: string, openingBalance: bigint) =>
    openArguments({ account: id, branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n, openingBalance });
  ledger.settle(
    ledger.transaction(clearing, 'payments', 'open', account('A', 1_000n)),
    ledger.transaction(clearing, 'payments', 'open', account('B', 0n)),
  );
  const terms = { from: 'A', to: 'B', amount: 5n, currency: 'CZK', purpose: '', date: '' };
  const paid = ledger.transaction(clearing, 'payments', 'transfer', transferArguments(terms));
  ledger.settle(paid);
  return { ledger, id: paid.id };
}

let made: ReturnType<typeof receiptLedger> | undefined;

function receipt() {
  made ??= receiptLedger();
  return made;
}

export function trust(): Trust {
  const { ledger } = receipt();
  return { chainId: toHex(ledger.chainId) as Digest, validators: ledger.genesis.validators };
}

export function anOutcome(): object {
  const { ledger, id } = receipt();
  const { store } = ledger;
  const index = store.transaction(id) ?? 0;
  const row = store.block(2);
  const certificate = store.certificate(2);
  if (row === undefined || certificate === undefined) throw new Error('there is a block 2');
  const header = store.entry(row.headerIndex) ?? new Uint8Array(1);
  const path = inclusionPath((level, at) => store.node(level, at), index, decodeHeader(header).logSize);
  const encoded = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    id,
    status: 'final',
    outcome: 'OK',
    height: 2,
    index,
    lines: [{ line: 1, reference: 'L-1', outcome: 'OK', index }],
    receipt: {
      entry: encoded(store.entry(index) ?? new Uint8Array(1)),
      index,
      path: path.map(toHex),
      header: encoded(header),
      certificate: encoded(encodeAs(certificateSchema, certificate)),
    },
  };
}
