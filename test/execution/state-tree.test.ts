import test from 'ava';
import fc from 'fast-check';
import { rootOfChunks, type StateChange, StateTree } from '../../node/execution/state-tree.ts';
import { nodeHash, sha256, toHex } from '../../node/ledger/hash.ts';
import { stateLeafHash } from '../../node/ledger/state-proof.ts';

type Entries = Map<string, Uint8Array>;

const toBytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const bitOf = (key: string, bit: number) => (Number.parseInt(key[bit >> 2] ?? '0', 16) >> (3 - (bit & 3))) & 1;

/** The definition: a node only where both halves are non-empty. */
function naiveRoot(keys: string[], entries: Entries, bit = 0): Uint8Array {
  const [first] = keys;
  if (first === undefined) return sha256();
  if (keys.length === 1) return stateLeafHash(toBytes(first), entries.get(first) ?? sha256());
  const left = keys.filter((key) => bitOf(key, bit) === 0);
  const right = keys.filter((key) => bitOf(key, bit) === 1);
  if (left.length === 0 || right.length === 0) return naiveRoot(keys, entries, bit + 1);
  return nodeHash(naiveRoot(left, entries, bit + 1), naiveRoot(right, entries, bit + 1));
}

// Few distinct bytes at few places, so that keys share long prefixes, differ in the last bit, and are met again.
const keys = fc
  .tuple(fc.constantFrom(0, 1, 0x80, 0xff), fc.nat({ max: 3 }), fc.constantFrom(0, 1, 2, 0xfe, 0xff))
  .map(([head, middle, tail]) => {
    const key = new Uint8Array(32);
    key[0] = head;
    key[15] = middle;
    key[31] = tail;
    return key;
  });
const values = fc.option(fc.nat({ max: 5 }), { nil: undefined, freq: 3 });
const changes = fc.array(fc.tuple(keys, values), { maxLength: 40 });
const asChange = ([key, value]: [Uint8Array, number | undefined]): StateChange => [
  key,
  value === undefined ? undefined : sha256(Uint8Array.of(value)),
];

function apply(entries: Entries, batch: readonly StateChange[]): void {
  for (const [key, value] of batch) {
    if (value === undefined) entries.delete(toHex(key));
    else entries.set(toHex(key), value);
  }
}

test('after any batches of changes the root is that of the definition, whatever the history', (t) => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 6 }), (batches) => {
      const entries: Entries = new Map();
      let tree = StateTree.empty;
      for (const batch of batches) {
        const before = tree;
        const rootBefore = before.root;
        tree = tree.update(batch.map(asChange));
        apply(entries, batch.map(asChange));
        t.deepEqual(tree.root, naiveRoot([...entries.keys()], entries));
        t.deepEqual(before.root, rootBefore);
      }
      const again = StateTree.fromEntries([...entries].reverse().map(([key, value]) => [toBytes(key), value] as const));
      t.deepEqual(again.root, tree.root);
      t.deepEqual(rootOfChunks(tree.chunkRoots()), tree.root);
    }),
    { numRuns: 300 },
  );
});

test('an update that changes nothing is the same tree', (t) => {
  const key = sha256(Uint8Array.of(1));
  const value = sha256(Uint8Array.of(2));
  const tree = StateTree.fromEntries([
    [key, value],
    [sha256(Uint8Array.of(3)), value],
  ]);
  t.is(tree.update([]), tree);
  t.is(tree.update([[key, value]]), tree);
  t.is(tree.update([[sha256(Uint8Array.of(4)), undefined]]), tree);
  t.is(StateTree.empty.update([[key, undefined]]), StateTree.empty);
});

test('the empty tree has the hash of nothing as its root', (t) => {
  t.is(toHex(StateTree.empty.root), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  t.deepEqual(StateTree.empty.prove(new Uint8Array(32)), { present: false });
  const only = StateTree.fromEntries([[sha256(Uint8Array.of(1)), sha256()]]);
  t.deepEqual(only.update([[sha256(Uint8Array.of(1)), undefined]]).root, StateTree.empty.root);
});

test('a chunk root is the root of a tree of its own', (t) => {
  const entries = Array.from({ length: 2000 }, (_, i) => [sha256(Uint8Array.of(i >> 8, i & 255)), sha256()] as const);
  const tree = StateTree.fromEntries(entries);
  for (const [byte, root] of tree.chunkRoots().entries()) {
    const chunk = entries.filter(([key]) => key[0] === byte);
    t.deepEqual(root, chunk.length === 0 ? undefined : StateTree.fromEntries(chunk).root);
  }
});

test('keys and value hashes of another length are a broken invariant', (t) => {
  t.throws(() => StateTree.empty.update([[new Uint8Array(31), sha256()]]), { name: 'InvariantError' });
  t.throws(() => StateTree.empty.update([[sha256(), new Uint8Array(33)]]), { name: 'InvariantError' });
});
