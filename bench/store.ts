// What does the disk cost? Milliseconds for a block of 1, 100 and 1,000 entries, and for a vote record, each durable
// when it returns. Run: node dist/bench/store.js
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf, leafHash, sha256 } from '../node/ledger/hash.ts';
import { completedNodes, Frontier } from '../node/ledger/merkle.ts';
import { createLmdbStore } from '../node/store/lmdb-opening.ts';
import { preflight } from '../node/store/preflight.ts';
import { storeFormat } from '../node/store/rows.ts';
import type { BlockCommit, Store, StoreIdentity } from '../node/store/store.ts';

const folder = await mkdtemp(join(process.cwd(), 'bench-store-'));
try {
  const frontier = Frontier.empty();
  const genesis = nextBlock(frontier, 0, 0);
  const identity: StoreIdentity = { chainId: genesis.head.digest, validator: 'bench', format: storeFormat };
  const store = await createLmdbStore(folder, identity, genesis);
  measureVotes(store);
  for (const [entries, blocks] of [
    [1, 300],
    [100, 100],
    [1_000, 30],
  ] as const)
    measureCommits(store, frontier, entries, blocks);
  measureReads(store);
  await store.close();
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    await preflight(folder);
    times.push(performance.now() - start);
  }
  report('preflight', times);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function measureVotes(store: Store): void {
  const record = new Uint8Array(600).fill(1);
  const times: number[] = [];
  const flushes = deviceFlushes();
  for (let i = 0; i < 1_000; i++) {
    const start = performance.now();
    store.persistVote({ record, putBodies: [], deleteBodies: [] });
    times.push(performance.now() - start);
  }
  report('persistVote of 600 bytes', times);
  const after = deviceFlushes();
  if (flushes !== undefined && after !== undefined)
    console.log(`  ${((after - flushes) / times.length).toFixed(1)} device flushes each (the whole machine's)`);
}

function measureCommits(store: Store, frontier: Frontier, entries: number, blocks: number): void {
  const next = store.head().height + 1;
  const commits = Array.from({ length: blocks }, (_, i) => nextBlock(frontier, next + i, entries));
  const times: number[] = [];
  for (const commit of commits) {
    const start = performance.now();
    store.commit(commit, { record: new Uint8Array(600), putBodies: [], deleteBodies: [] });
    times.push(performance.now() - start);
  }
  report(`commit of ${entries} entries`, times);
}

/** What a block of transfers writes: two state records, a reference and an id for each entry of 400 bytes. */
function nextBlock(frontier: Frontier, height: number, count: number): BlockCommit {
  const firstIndex = frontier.size;
  const entries = Array.from({ length: count + 1 }, () => new Uint8Array(randomBytes(400)));
  const leaves = entries.map(leafHash);
  const nodes = completedNodes(frontier, leaves);
  for (const leaf of leaves) frontier.append(leaf);
  const digest = digestOf(leaves.at(-1) ?? new Uint8Array(32));
  const ids = entries.slice(0, -1).map((entry): Digest => digestOf(sha256(entry)));
  const signers = [0, 1, 2].map((validator) => ({ validator, signature: new Uint8Array(64) }));
  const account = () => `payments/accounts/CZ-${Math.floor(Math.random() * 5_000)}`;
  return {
    head: { height, digest, logSize: frontier.size, timestamp: height, peaks: frontier.toHashes(), stateRoot: digest },
    block: { height, digest, firstIndex, headerIndex: frontier.size - 1 },
    entries,
    certificate: height === 0 ? undefined : { epoch: 0, view: 0, height, digest, signers },
    nodes,
    writes: ids.flatMap((): [string, Uint8Array][] => [1, 2].map(() => [account(), new Uint8Array(80)])),
    references: ids.map((transaction, i) => {
      return {
        member: 'BENCH',
        reference: `${height}-${i}`,
        index: firstIndex + i,
        time: height,
        transaction,
        line: 0,
      };
    }),
    transactions: ids.map((id, i) => [id, firstIndex + i]),
  };
}

function measureReads(store: Store): void {
  const count = 10_000;
  const start = performance.now();
  const read = store.entries(1_000, 1_000 + count).length;
  console.log(`read of an entry, checked: ${(((performance.now() - start) / read) * 1_000).toFixed(1)} us`);
}

function report(title: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(2);
  console.log(`${title}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, n ${sorted.length}`);
}

/** Flush requests that the folder's disk has completed (Linux, Documentation/admin-guide/iostats.rst, field 16). */
function deviceFlushes(): number | undefined {
  try {
    const { dev } = statSync(folder);
    const lines = readFileSync('/proc/diskstats', 'utf8').split('\n');
    const fields = lines.map((line) => line.trim().split(/\s+/));
    const own = fields.find(([major, minor]) => Number(major) === dev >> 8 && Number(minor) === (dev & 0xff));
    return own?.[18] === undefined ? undefined : Number(own[18]);
  } catch {
    return undefined;
  }
}
