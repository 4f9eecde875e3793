// [P1] [P2] Real processes that are killed or whose disk fails, and what the next one finds.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { preflight } from '../../node/store/preflight.ts';
import type { Store } from '../../node/store/store.ts';
import { prng } from '../_prng.ts';
import { FakeChain } from './_fixtures.ts';
import { testFolder } from './_folder.ts';

const childFile = fileURLToPath(new URL('_crash-child.js', import.meta.url));
const seed = 50;

/** The last step that the child printed: a whole number is a block's height, half below it is its vote. */
function lastStep(output: string): number {
  return Number(output.trimEnd().split('\n').at(-1)?.replace('open ', ''));
}

async function runUntil(child: ChildProcess, lines: number): Promise<string> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.split('\n').length > lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  // A line that was cut by the kill was not printed.
  return output.slice(0, output.lastIndexOf('\n') + 1);
}

/** Every block up to the head is there as a whole, and nothing of the next one is. */
function checkWhole(t: ExecutionContext, store: Store, chain: FakeChain): void {
  const { height } = store.head();
  while (chain.commits.length < height + 2) chain.next(chain.commits.length % 40);
  const same = (a: Uint8Array | undefined, b: Uint8Array | undefined) =>
    a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
  for (const commit of chain.commits.slice(0, height + 1)) {
    const { block, entries, nodes, references, transactions } = commit;
    const stored = store.entries(block.firstIndex, block.headerIndex + 1);
    t.true(stored.length === entries.length && stored.every((entry, i) => same(entry, entries[i])));
    t.true(nodes.every(({ level, index, hash }) => same(store.node(level, index), hash)));
    t.true(references.every((row) => store.reference(row.member, row.reference)?.index === row.index));
    t.true(transactions.every(([id, index]) => store.transaction(id) === index));
    t.is(store.block(block.height)?.digest, block.digest);
    if (block.height > 0) t.is(store.certificate(block.height)?.digest, block.digest);
  }
  const beyond = chain.commits[height + 1] ?? chain.genesis;
  t.is(store.block(height + 1), undefined);
  t.is(store.certificate(height + 1), undefined);
  t.is(store.entry(beyond.block.firstIndex), undefined);
  t.is(store.node(0, beyond.block.firstIndex), undefined);
  for (const [id] of beyond.transactions) t.is(store.transaction(id), undefined);
  for (const { member, reference } of beyond.references) t.is(store.reference(member, reference), undefined);
}

test('a process killed at any point loses nothing that it acknowledged and leaves nothing half done', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(seed);
  await (await createLmdbStore(folder, chain.identity, chain.genesis)).close();
  const random = prng(51);
  let steps = 0;
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, [childFile, folder, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const output = await runUntil(child, 1 + random.int(60));
    steps += output.split('\n').length - 2;
    const step = lastStep(output);
    await preflight(folder);
    const store = await openLmdbStore(folder, chain.identity);
    const { height } = store.head();
    t.true(height >= Math.floor(step), `block ${Math.floor(step)} was printed, the head is ${height}`);
    const vote = Number(
      Buffer.from(store.voteRecord() ?? [])
        .toString()
        .replace('vote ', ''),
    );
    t.true(vote >= step, `vote ${step} was printed, the record says ${vote}`);
    t.true(vote === height || vote === height + 0.5, `the record ${vote} fits the head ${height}`);
    checkWhole(t, store, chain);
    await store.close();
  }
  t.log(`${steps} acknowledged writes, 12 kills`);
  t.true(steps > 100);
});

test('a write that the disk refuses ends the store for that process, and the next one has all before it', async (t) => {
  const folder = testFolder(t);
  const chain = new FakeChain(seed);
  await (await createLmdbStore(folder, chain.identity, chain.genesis)).close();
  // With SIGXFSZ ignored a file past the limit (in KiB) gives an error, as a full disk does.
  const script = `trap '' XFSZ; ulimit -f 700; exec "$0" "$@"`;
  const child = spawn('bash', ['-c', script, process.execPath, childFile, folder, String(seed)]);
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = await once(child, 'close');
  t.is(code, 1);
  t.regex(errors, /StoreFailure: a write to the store in .* failed: /);
  const step = lastStep(output);
  const store = await openLmdbStore(folder, chain.identity);
  const { height } = store.head();
  t.is(height, Math.floor(step));
  t.true(height > 3);
  checkWhole(t, store, chain);
  await store.close();
});
