import test from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
import { refusalTexts } from '../../contracts/refusals.ts';
import { admissionCodes } from '../../node/execution/admission.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { bodyOf, decodeTransaction, signTransaction, type TransactionBody } from '../../node/ledger/transaction.ts';
import { clearing, nonce, officers, type Signer, seedOf, signer, TestLedger, testGenesis } from './_ledger.ts';

const args = transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' });
const parameters = { validityMaxMs: 1_000, referenceWindowMs: 5_000 };

function signed(ledger: TestLedger, fields: Partial<TransactionBody> = {}, by: Signer = clearing) {
  const body = bodyOf({
    chainId: ledger.chainId,
    member: by.member,
    reference: 'R1',
    validUntil: ledger.time + 500,
    contract: 'payments',
    method: 'transfer',
    args,
    ...fields,
  });
  return decodeTransaction(signTransaction(body, by.seed, by.publicKey).bytes);
}

test('what keeps a transaction from being ordered, and what does not', (t) => {
  const ledger = new TestLedger(testGenesis(parameters));
  const now = ledger.time + 1;
  const code = (transaction: ReturnType<typeof signed>) => ledger.executor.admissionProblem(transaction, now)?.code;
  t.is(code(signed(ledger)), undefined);
  t.is(code(signed(ledger, { contract: 'nothing', method: 'at.all' })), undefined, 'refused, but in an entry');
  t.is(code(signed(ledger, { chainId: nonce })), 'chain');
  t.is(code(signed(ledger, {}, signer('NORTH', 'nobody'))), 'signer');
  t.is(code(signed(ledger, { member: 'SOUTH' })), 'signer', 'a key speaks for its own member alone');
  t.is(code({ ...signed(ledger), bytes: seedOf('y'), publicKey: officers.NORTH.publicKey }), 'signature');
  t.is(code({ ...signed(ledger), bytes: seedOf('x'), signature: new Uint8Array(64) }), 'signature');
  t.is(code(signed(ledger, { validUntil: now })), 'expired');
  t.is(code(signed(ledger, { validUntil: now + 1 })), undefined);
  t.is(code(signed(ledger, { validUntil: now + 1_000 })), undefined);
  t.is(code(signed(ledger, { validUntil: now + 1_001 })), 'too-far');
  for (const each of Object.values(admissionCodes)) t.true(Object.hasOwn(refusalTexts, each), `${each} is explained`);
});

test('the order of checks: chain, signer, times, signature; a used reference is told to the signer alone', (t) => {
  const ledger = new TestLedger(testGenesis(parameters));
  const first = signed(ledger);
  ledger.settle(first);
  const late = ledger.time + 4_000;
  const problem = (transaction: ReturnType<typeof signed>) => ledger.executor.admissionProblem(transaction, late);
  const bad = { bytes: seedOf('x'), signature: new Uint8Array(64) };
  const fresh = { reference: 'R2', validUntil: 1 };
  t.is(problem(signed(ledger, { chainId: nonce }, signer('A', 'b')))?.code, 'chain');
  t.is(problem(signed(ledger, fresh, signer('NORTH', 'nobody')))?.code, 'signer');
  t.is(problem({ ...signed(ledger, fresh), ...bad })?.code, 'expired');
  t.is(problem({ ...signed(ledger, { ...fresh, validUntil: late + 9_999 }), ...bad })?.code, 'too-far');
  t.is(problem({ ...signed(ledger, { method: 'issue' }), ...bad })?.code, 'signature');
  t.like(problem(first), { code: 'reference-used', replay: true, row: { index: 1, line: 0 } });
  t.like(problem(signed(ledger, { method: 'issue', validUntil: 1 })), { code: 'reference-used', replay: false });
  t.is(
    ledger.executor.admissionProblem(first, ledger.time + 5_001)?.code,
    'expired',
    'after the window it has expired',
  );
});

test('a transaction is decoded and verified once, by its exact bytes', (t) => {
  const ledger = new TestLedger();
  const transaction = signed(ledger);
  const cache = new TransactionCache();
  t.not(cache.decode(transaction.bytes), transaction, 'what is not verified is not kept');
  t.true(cache.isVerified(transaction));
  t.is(cache.decode(Uint8Array.from(transaction.bytes)), transaction);
  const forged = Uint8Array.from(transaction.bytes);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  t.false(cache.isVerified(decodeTransaction(forged)));
  t.false(cache.isVerified(decodeTransaction(forged)));
  t.throws(() => cache.decode(seedOf('x')), { instanceOf: DecodeError });
});

test('the cache forgets the older generation and keeps what is asked for', (t) => {
  const ledger = new TestLedger();
  const transactions = Array.from({ length: 12 }, (_, i) => signed(ledger, { reference: `R${i + 10}` }));
  const [kept, lost] = transactions;
  if (kept === undefined || lost === undefined) return t.fail();
  const cache = new TransactionCache(kept.bytes.length * 8);
  for (const transaction of transactions) {
    t.true(cache.isVerified(transaction));
    t.true(cache.isVerified(kept));
  }
  t.is(cache.decode(kept.bytes), kept);
  t.not(cache.decode(lost.bytes), lost);
});
