// Every byte of every file of a small archive, one at a time: the flip is found by what the file says, under a MANIFEST
// that agrees with it; and MANIFEST finds it where nobody made it agree.
import test, { type ExecutionContext } from 'ava';
import { GenesisError, genesisEntry } from '../../genesis/genesis.ts';
import { parseGenesis } from '../../genesis/genesis-text.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verdictLine } from '../../node/audit/finding.ts';
import { type Source, StoreSource } from '../../node/audit/source.ts';
import { verifyFormat } from '../../node/audit/verify.ts';
import { equalBytes } from '../../node/ledger/hash.ts';
import { TestNode } from '../api/_node.ts';
import { clearing, TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, chainIdOfLedger } from './_chain.ts';
import { flipped, TestArchive } from './_folder.ts';
import { MemoryArchive } from './_memory-archive.ts';

/** One user is enough to open accounts: the genesis document is most of a small archive. */
function smallest(): TestLedger {
  const { consortium, ...rest } = testGenesis();
  const users = consortium.users.filter(({ user }) => user === clearing.user);
  return buildChain(1, 1, new TestLedger({ ...rest, consortium: { ...consortium, users } }));
}

class SmallNode extends TestNode {
  override readonly ledger = smallest();
}
const node = new SmallNode();
const genesis = chainIdOfLedger(node.ledger);

/** As a node serves it: with a line of its own under the checkpoint, and its key. */
function served(): Source {
  const source = new StoreSource(node.store);
  return {
    head: () => source.head(),
    entries: (from, to) => source.entries(from, to),
    checkpoints: {
      newest: async () => node.checkpoint(),
      page: async (index) => (await source.checkpoints?.page(index)) ?? [],
      logKey: async () => node.logKey,
    },
  };
}

async function inMemory(archive: TestArchive): Promise<MemoryArchive> {
  const bytes = new Map<string, Uint8Array>();
  for (const path of await archive.paths()) bytes.set(path, await archive.read(path));
  return new MemoryArchive(bytes, node.store.head().logSize);
}

const maskAt = (at: number) => 1 << (at % 8);

/** Places of a file at which a flip is not found by what the file says. */
async function unseenIn(t: ExecutionContext, memory: MemoryArchive, path: string): Promise<number[]> {
  const good = memory.bytes.get(path) ?? new Uint8Array(0);
  const unseen: number[] = [];
  for (let at = 0; at < good.length; at++) {
    memory.bytes.set(path, flipped(good, at, maskAt(at)));
    const verdict = await verifyFormat(memory, { genesis });
    if (verdict.ok) unseen.push(at);
    else if (!/^FAILED at height \d+: [a-z-]+: /.test(verdictLine(verdict))) t.fail(`${path}, byte ${at}`);
  }
  memory.bytes.set(path, good);
  return unseen;
}

test('a flip of any byte of any file but two is found by what the file says, one by one', async (t) => {
  t.timeout(170_000);
  const memory = await inMemory(await TestArchive.of(t, served()));
  t.true((await verifyFormat(memory, { genesis })).ok);
  let count = 0;
  for (const [path, { length }] of memory.bytes) {
    if (path === 'MANIFEST' || path === 'genesis.json') continue;
    t.deepEqual(await unseenIn(t, memory, path), [], path);
    count += length;
  }
  t.true((await verifyFormat(memory, { genesis })).ok);
  t.log(`${count} bytes in ${memory.bytes.size - 2} files`);
});

test('a flip of any byte of genesis.json makes another document or none', async (t) => {
  const archive = await TestArchive.of(t, served());
  const path = 'genesis.json';
  const good = await archive.read(path);
  const entry = node.store.entry(0) ?? new Uint8Array(0);
  for (let at = 0; at < good.length; at++) t.false(isSameDocument(flipped(good, at, maskAt(at)), entry), `byte ${at}`);
  t.true(isSameDocument(good, entry));
  t.log(`${good.length} bytes`);
});

/** What the audit compares genesis.json by. */
function isSameDocument(text: Uint8Array, entry: Uint8Array): boolean {
  try {
    return equalBytes(genesisEntry(parseGenesis(Buffer.from(text).toString('utf8'))), entry);
  } catch (error) {
    if (error instanceof GenesisError) return false;
    throw error;
  }
}

test('MANIFEST: every byte of it, and of every other file, is part of a sum', async (t) => {
  t.timeout(170_000);
  const archive = await TestArchive.of(t, served());
  const inspect = () => new ArchiveSource(archive.folder).files.inspect(() => {});
  t.deepEqual(await inspect(), []);
  for (const path of await archive.paths()) {
    const good = await archive.read(path);
    // A sum covers all bytes alike: those of MANIFEST one by one, of the others the ends and every hundredth.
    const step = path === 'MANIFEST' ? 1 : 100;
    for (let at = 0; at < good.length + step - 1; at += step)
      await archive.with(path, flipped(good, Math.min(at, good.length - 1), maskAt(at)), async () => {
        t.deepEqual(
          (await inspect()).map((each) => each.path),
          [path],
          `byte ${at}`,
        );
      });
  }
});
