// Signatures that are judged ahead in other threads: the same verdict however many there are, and when they die.
import test from 'ava';
import { verify, verifyFast } from '../../node/audit/audit.ts';
import { encodeBatch, fitsBatch, judgeBatch } from '../../node/audit/signature-batch.ts';
import { SignaturePool } from '../../node/audit/signature-pool.ts';
import { type Source, SourceError, StoreSource } from '../../node/audit/source.ts';
import { decodeEntry, encodeEntry } from '../../node/ledger/entry.ts';
import { publicKeyOf, sign, verify as verifySignature } from '../../node/ledger/signature.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { prng } from '../_prng.ts';
import { seedOf } from '../execution/_ledger.ts';
import { signatureCases } from '../ledger/_signature-cases.ts';
import { buildChain, certificateOf, chainIdOfLedger, entriesOf, ListSource } from './_chain.ts';

const ledger = buildChain(120);
const genesis = chainIdOfLedger(ledger);
const entries = entriesOf(ledger);
const certificate = certificateOf(ledger);

const request = (i: number, signer = 'signer') => {
  const seed = seedOf(signer);
  const message = new TextEncoder().encode(`message ${i}`.repeat(i % 7));
  return { message, signature: sign(message, seed), publicKey: publicKeyOf(seed) };
};
const bad = (i: number) => ({ ...request(i), publicKey: publicKeyOf(seedOf('another')) });
const some = (count: number) => Array.from({ length: count }, (_, i) => (i % 5 === 3 ? bad(i) : request(i)));

/** The log with another signature in the transaction entries from `from` on, hashes left as they were. */
function withBadSignatures(from: number): Uint8Array[] {
  return entries.map((bytes, index) => {
    const entry = decodeEntry(bytes);
    if (index < from || entry.kind !== 1) return bytes;
    const transaction = entry.transaction.slice();
    const at = transaction.length - 1; // the signature is the last field
    transaction[at] = (transaction[at] ?? 0) ^ 1;
    decodeTransaction(transaction);
    return encodeEntry({ ...entry, transaction });
  });
}

test('one verdict, from none to five threads beside the first, whole and fast', async (t) => {
  for (const judge of [verify, verifyFast]) {
    const alone = await judge(new StoreSource(ledger.store), { genesis });
    t.true(alone.ok);
    for (const workers of [0, 1, 2, 5]) {
      const pool = new SignaturePool({ workers, worthwhile: 0 });
      t.teardown(() => pool.close());
      t.deepEqual(await judge(new StoreSource(ledger.store), { genesis, pool }), alone);
      t.is(pool.workers.length, workers);
      t.is(pool.lost, 0);
    }
  }
});

test('the first bad signature in log order is the finding, whatever follows it or the source does then', async (t) => {
  const first = entries.findIndex((bytes, index) => index > 100 && decodeEntry(bytes).kind === 1);
  const list = new ListSource(withBadSignatures(first), certificate);
  const breaking: Source = {
    head: () => list.head(),
    async *entries(from, to) {
      let given = 0;
      for await (const run of list.entries(from, to)) {
        yield run;
        given += run.length;
        if (given > first + 20) throw new SourceError('no more');
      }
    },
  };
  const pool = new SignaturePool({ workers: 2, worthwhile: 0 });
  t.teardown(() => pool.close());
  for (const source of [list, breaking]) {
    const alone = await verify(source, { genesis });
    t.like(alone.finding, { rule: 'transaction-signature', index: first });
    t.deepEqual(await verify(source, { genesis, pool }), alone);
  }
});

test('threads that die leave nothing undone: one, and all of them', async (t) => {
  const alone = await verify(new StoreSource(ledger.store), { genesis });
  for (const dying of [1, 3]) {
    const pool = new SignaturePool({ workers: 3, worthwhile: 0 });
    t.teardown(() => pool.close());
    let isDone = false;
    const deaths: Promise<number>[] = [];
    const onProgress = () => {
      if (isDone) return;
      isDone = true;
      for (const worker of pool.workers.slice(0, dying)) deaths.push(worker.terminate());
    };
    const pending = pool.submit(some(500)); // so that they have work when they die
    t.deepEqual(await verify(new StoreSource(ledger.store), { genesis, pool, onProgress }), alone);
    t.deepEqual(
      await pool.verdictsOf(pending),
      some(500).map((_, i) => i % 5 !== 3),
    );
    await Promise.all(deaths);
    t.is(pool.lost, dying);
    t.is(pool.workers.length, 3 - dying);
  }
});

test('a thread that throws is one that died', async (t) => {
  const pool = new SignaturePool({ workers: 1, worthwhile: 0 });
  t.teardown(() => pool.close());
  const before = pool.submit(some(10));
  pool.workers[0]?.postMessage(new Uint8Array(101)); // a batch that is none
  const after = pool.submit(some(300));
  const wanted = (count: number) => some(count).map((_, i) => i % 5 !== 3);
  t.deepEqual(await pool.verdictsOf(before), wanted(10));
  t.deepEqual(await pool.verdictsOf(after), wanted(300));
});

test('a pool that is closed leaves no thread, and short logs start none', async (t) => {
  const pool = new SignaturePool({ workers: 2 });
  t.deepEqual(
    await pool.verdictsOf(pool.submit(some(10))),
    some(10).map((_, i) => i % 5 !== 3),
  );
  t.is(pool.workers.length, 0);
  const busy = new SignaturePool({ workers: 2, worthwhile: 0 });
  busy.submit(some(1_000));
  const exits = busy.workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
  await busy.close();
  t.is((await Promise.all(exits)).length, 2);
});

test('a batch judges every case as the one function does', (t) => {
  const all = signatureCases(prng(1));
  const cases = Array.from({ length: 600 }, () => all.next().value).filter(fitsBatch);
  const verdicts = judgeBatch(encodeBatch(cases));
  t.true(verdicts.includes(0) && verdicts.includes(1) && cases.length > 500);
  for (const [i, { message, signature, publicKey }] of cases.entries())
    t.is(verdicts[i] === 1, verifySignature(message, signature, publicKey));
  t.is(judgeBatch(encodeBatch([])).length, 0);
});
