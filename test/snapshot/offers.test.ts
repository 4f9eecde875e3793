// A ledger that makes snapshots faster than anybody fetches one, with one honest peer and any number that only ask.
import test from 'ava';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import { decodeSyncRequest, encodeSyncRequest } from '../../node/network/sync-messages.ts';
import { assemble } from '../../node/snapshot/assemble.ts';
import { SnapshotKeeper } from '../../node/snapshot/keeper.ts';
import { manifestSchema } from '../../node/snapshot/manifest.ts';
import type { Store } from '../../node/store/store.ts';
import { downloadOf, executorOn, follows, newcomer, OfferingLedger, type Peer, taken, windowMs } from './_snapshot.ts';

const everyBlocks = 3;
const holdMs = 10_000;
const busy = { everyBlocks, holdMs, prune: true, keepBlocksMin: 1 };
const askForManifest = encodeSyncRequest({ type: 'manifest' });

function grow(source: OfferingLedger, blocks: number): void {
  for (let i = 0; i < blocks; i++) {
    source.grow(1);
    source.work();
  }
}

function offering(blocks: number, settings = {}): OfferingLedger {
  const source = new OfferingLedger({ ...busy, ...settings });
  grow(source, blocks);
  return source;
}

test('[S6, S5] one honest peer is enough where each answer finds a later snapshot made', async (t) => {
  const source = offering(25);
  let answers = 0;
  const peer: Peer = (request) => {
    grow(source, everyBlocks);
    source.clock += 100;
    answers += 1;
    return source.serve(request);
  };
  const begun = source.keeper.newest()?.height ?? 0;
  const store = newcomer();
  t.true(await taken(t, store, [peer]));
  t.true(answers > 10, `${answers} answers`);
  t.is(store.head().height, begun + everyBlocks, 'of the first snapshot that it asked for');
  t.true(source.store.base().height < store.head().height, 'the block after it is there');
  follows(t, store, source);
});

/** Where the log must still begin, or earlier, for whoever takes this snapshot. */
function baseOf(manifest: Uint8Array): number {
  const { base } = decodeAs(manifestSchema, manifest);
  return base === undefined ? 0 : decodeHeader(base.header).height;
}

test('[S6] whoever asks, however often: at most three snapshots are complete, and what was given stays', (t) => {
  for (const stepMs of [holdMs / 7, holdMs / 2, 3 * holdMs]) {
    const source = offering(25);
    const { store } = source;
    const given = new Map<number, { readonly until: number; readonly base: number }>();
    for (let asked = 0; asked < 30; asked++) {
      const manifest = source.serve(askForManifest) ?? new Uint8Array(0);
      const { height } = decodeHeader(decodeAs(manifestSchema, manifest).header);
      given.set(height, { until: source.clock + holdMs, base: baseOf(manifest) });
      grow(source, everyBlocks - 1);
      source.grow(1);
      source.work(1);
      t.true(store.partHeights('offered').length <= 4, 'with the one that is being written');
      source.work();
      t.true(store.partHeights('offered').length <= 3, `${store.partHeights('offered')}`);
      for (const [each, { until, base }] of given) {
        if (until <= source.clock) continue;
        t.truthy(source.keeper.manifest(each), `${each} of ${store.head().height}`);
        t.true(store.base().height <= base, 'the blocks after its base');
      }
      source.clock += stepMs;
    }
    source.clock += 2 * holdMs;
    const { height } = store.base();
    grow(source, 6 * everyBlocks);
    t.is(store.partHeights('offered').length, 2, 'nobody holds any');
    t.true(store.base().height >= height + 5 * everyBlocks, 'and blocks are forgotten again');
  }
});

test('[S6] who asks again and again comes to a later snapshot in the end', (t) => {
  const source = offering(25);
  const heights = new Set<number>();
  for (let asked = 0; asked < 50; asked++) {
    heights.add(
      decodeHeader(decodeAs(manifestSchema, source.serve(askForManifest) ?? new Uint8Array(0)).header).height,
    );
    grow(source, everyBlocks);
    source.clock += holdMs / 10;
  }
  t.is(heights.size, 5, 'one each time that what was given first has been given for so long');
});

test('[S1] where checkpoints come later than the next snapshot is due, there is one on offer all the same', (t) => {
  const source = offering(0);
  const offered: number[] = [];
  for (let i = 0; i < 80; i++) {
    source.stable = Math.max(0, source.store.head().height - 3 * everyBlocks);
    grow(source, 1);
    offered.push(source.keeper.newest()?.height ?? 0);
    t.true(source.store.partHeights('offered').length <= 2);
  }
  t.true(Math.min(...offered.slice(30)) > 0, `${offered}`);
  t.true((offered.at(-1) ?? 0) >= 60, `${offered}`);
  t.true(source.store.base().height > 0, 'and blocks are forgotten');
});

test('[S5] where the reference window is made longer no block goes that the later snapshots need', (t) => {
  const source = offering(25);
  source.windowMs *= 3;
  for (let i = 0; i < 4 * everyBlocks; i++) {
    grow(source, 1);
    for (const height of source.store.partHeights('offered')) {
      const manifest = source.keeper.manifest(height);
      t.true(manifest !== undefined && source.store.base().height <= baseOf(manifest), `at ${height}`);
    }
  }
});

test('[S1, S4] who took a snapshot gives none from before it: the blocks that it needs are gone', async (t) => {
  const source = offering(25, { everyBlocks: 20, prune: false });
  const store = newcomer();
  for (let chunk = 0; chunk < 256; chunk++) {
    const place = { area: 'offered', height: 20, kind: 'piece', first: chunk, second: 0 } as const;
    store.putParts([[place, source.keeper.piece(20, chunk, 0) ?? new Uint8Array(0)]]);
  }
  const own = { area: 'offered', height: 20, kind: 'manifest', first: 0, second: 0 } as const;
  store.putParts([[own, source.keeper.manifest(20) ?? new Uint8Array(0)]]);
  grow(source, 40);
  t.true(await taken(t, store, [(request) => source.serve(request)]));
  t.is(keeperOn(store).newest(), undefined);
  t.deepEqual(store.partHeights('offered'), []);
  const restarted = keeperOn(source.store);
  t.is(restarted.newest()?.height, 60, 'what can be ended stays');
});

function keeperOn(store: Store): SnapshotKeeper {
  const { head, tree } = executorOn(store);
  const settings = { everyBlocks: 20, prune: false, keepBlocksMin: 1, holdMs };
  const now = () => ({ head, tree, sets: [], windowMs });
  const stable = () => Number.MAX_SAFE_INTEGER;
  return new SnapshotKeeper({
    ...{ store, settings, now, stableHeight: stable, monotonicMs: () => 0 },
    ...{ soon: () => {}, warn: () => {} },
  });
}

test('[S2] what the next snapshot has in common with the one before is not fetched again', async (t) => {
  const source = offering(45, { everyBlocks: 20, prune: false, keepBlocksMin: 30 });
  const store = newcomer();
  const asked: string[] = [];
  let [answers, blocks] = [Number.POSITIVE_INFINITY, 0];
  const peer: Peer = (request) => {
    const decoded = decodeSyncRequest(request);
    const isBlock = decoded.type === 'blocks';
    if (--answers < 0 || (isBlock && ++blocks > 25)) return undefined;
    if (isBlock) asked.push(`block ${decoded.height}`);
    else if (decoded.type === 'piece') asked.push(`chunk ${decoded.chunk}`);
    // One block an answer.
    return source.serve(isBlock ? encodeSyncRequest({ ...decoded, bytesMax: 0 }) : request);
  };
  t.is(await downloadOf(store, [peer]).from([0]), undefined);
  const before = new Set(asked.splice(0));
  t.is([...before].filter((what) => what.startsWith('block')).length, 25);
  source.clock += holdMs;
  grow(source, 20);
  answers = 2; // the manifest and one chunk
  t.is(await downloadOf(store, [peer]).from([0]), undefined);
  t.deepEqual(store.partHeights('staged'), [40, 60]);
  answers = Number.POSITIVE_INFINITY;
  blocks = Number.NEGATIVE_INFINITY;
  t.true(await taken(t, store, [peer]));
  t.is(store.head().height, 60);
  const again = asked.filter((what) => before.has(what));
  t.true(again.length > 0 && again.length < 6, `${again}`);
  t.false(
    again.some((what) => what.startsWith('block')),
    'only chunks that payments have changed',
  );
  t.deepEqual([...new Set(asked)], asked, 'and nothing twice');
  t.deepEqual(store.partHeights('staged'), []);
  follows(t, store, source);
});

test('[S2] who begins with a third snapshot keeps one of those before', async (t) => {
  const source = offering(25, { everyBlocks: 20, prune: false });
  const store = newcomer();
  for (const height of [20, 40, 60]) {
    let answers = 6;
    t.is(
      await downloadOf(store, [(request) => (--answers < 0 ? undefined : source.serve(request))]).from([0]),
      undefined,
    );
    t.deepEqual(
      store.partHeights('staged'),
      [height - 20, height].filter((each) => each > 0),
    );
    source.clock += holdMs;
    grow(source, 20);
  }
});

test('[S2] a peer that answers only so many questions a second is asked again, once', async (t) => {
  const source = offering(45, { everyBlocks: 20 });
  let asked = 0;
  const store = newcomer();
  const downloaded = await downloadOf(store, [
    (request) => (++asked % 4 === 0 ? undefined : source.serve(request)),
  ]).from([0]);
  if (downloaded === undefined) return t.fail('in one attempt');
  t.is(typeof assemble(store, downloaded), 'object');
  let refused = 0;
  const falls: Peer = (request) => (asked++ < 5 ? source.serve(request) : void ++refused);
  asked = 0;
  t.is(await downloadOf(newcomer(), [falls]).from([0]), undefined);
  t.is(refused, 2);
});
