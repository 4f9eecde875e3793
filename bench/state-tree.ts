// What does the state tree cost at 1,000,000 accounts? Prints the time to build it, its heap, the time of updates
// and proofs, and checks that a tree built afresh has the same root. The number of accounts is the first argument.

import { createHash } from 'node:crypto';
import { StateTree } from '../node/execution/state-tree.ts';

const accounts = Number(process.argv[2] ?? 1_000_000);
const keyOf = (n: number) => createHash('sha256').update(`account ${n}`).digest();
const valueHashOf = (n: number, round: number) => createHash('sha256').update(`value ${n} ${round}`).digest();

function heapMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

function* entries(): Generator<readonly [Uint8Array, Uint8Array]> {
  for (let n = 0; n < accounts; n++) yield [keyOf(n), valueHashOf(n, 0)];
}

const before = heapMegabytes();
let start = performance.now();
let tree = StateTree.fromEntries(entries());
const buildMs = performance.now() - start;
const used = heapMegabytes() - before;
console.log(
  `node ${process.version}: ${accounts} accounts built in ${buildMs.toFixed(0)} ms, hashing of the input included`,
);
console.log(`heap ${used.toFixed(0)} MB${globalThis.gc === undefined ? ' (true only with --expose-gc)' : ''}`);

const rounds = 12;
const touched = new Map<number, number>();
for (const size of [100, 1_000, 10_000]) {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const mark = size * 1000 + round;
    const changes = Array.from({ length: size }, (_, i) => {
      const n = (i * 7919 + round * 104_729 + size) % accounts;
      touched.set(n, mark);
      return [keyOf(n), valueHashOf(n, mark)] as const;
    });
    start = performance.now();
    tree = tree.update(changes);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const [best = 0, median = 0] = [times[0], times[rounds >> 1]];
  console.log(`${size} updates: median ${median.toFixed(1)} ms, best ${best.toFixed(1)} ms`);
}

start = performance.now();
let path = 0;
const proofs = 10_000;
for (let n = 0; n < proofs; n++) {
  const proof = tree.prove(keyOf(n));
  if (proof.present) path += proof.way.steps.length;
}
const proveUs = ((performance.now() - start) * 1000) / proofs;
console.log(`proof: ${proveUs.toFixed(1)} us, ${(path / proofs).toFixed(1)} steps on average`);

const again = StateTree.fromEntries(
  (function* () {
    for (let n = 0; n < accounts; n++) yield [keyOf(n), valueHashOf(n, touched.get(n) ?? 0)] as const;
  })(),
);
const same = Buffer.compare(again.root, tree.root) === 0;
console.log(`a tree built afresh ${same ? 'has the same root' : 'DIFFERS'}`);
process.exitCode = same ? 0 : 1;
