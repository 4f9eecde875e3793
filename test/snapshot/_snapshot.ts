// A ledger with a store that offers snapshots, and a newcomer that takes one: no sockets, no clocks.

import type { ExecutionContext } from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { contracts } from '../../contracts/registry.ts';
import { realEventLoop } from '../../node/event-loop.ts';
import { Executor, isBlockProblem } from '../../node/execution/executor.ts';
import { genesisCommit, treeOf } from '../../node/execution/genesis-commit.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { SyncServer } from '../../node/network/sync-server.ts';
import { assemble } from '../../node/snapshot/assemble.ts';
import { type DownloadParts, SnapshotDownload } from '../../node/snapshot/download.ts';
import { SnapshotKeeper, type SnapshotSettings } from '../../node/snapshot/keeper.ts';
import type { SetFrom } from '../../node/snapshot/offer.ts';
import { checkIntegrity } from '../../node/store/integrity.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import type { Store } from '../../node/store/store.ts';
import { clearing, TestLedger, tellers, testGenesis } from '../execution/_ledger.ts';

export const windowMs = 4_000_000;
const vote = { record: Uint8Array.of(1), putBodies: [], deleteBodies: [] };
const genesis = testGenesis({ referenceWindowMs: windowMs, validityMaxMs: windowMs });

export class OfferingLedger {
  readonly ledger = new TestLedger(genesis);
  readonly keeper: SnapshotKeeper;
  readonly #later: (() => void)[] = [];
  readonly warnings: string[] = [];
  stable = Number.MAX_SAFE_INTEGER;
  /** In milliseconds. */
  clock = 0;
  /** Of references, as the members have set it. */
  windowMs = windowMs;
  /** As execution knows them. */
  sets: readonly SetFrom[] = [{ from: 1, validators: genesis.validators }];
  #count = 0;

  constructor(settings: Partial<SnapshotSettings> = {}) {
    const { executor, store } = this.ledger;
    this.keeper = new SnapshotKeeper({
      store,
      settings: { everyBlocks: 20, prune: false, keepBlocksMin: 5, holdMs: 10_000, ...settings },
      now: () => ({
        head: executor.head,
        tree: executor.tree,
        sets: this.sets,
        windowMs: this.windowMs,
      }),
      stableHeight: () => this.stable,
      soon: (work) => this.#later.push(work),
      monotonicMs: () => this.clock,
      warn: (text) => this.warnings.push(text),
    });
    this.call(clearing, 'open', openArguments(accountOf('A', 500_000n)));
    this.call(clearing, 'open', openArguments(accountOf('B', 0n)));
  }

  get store(): MemoryStore {
    return this.ledger.store;
  }

  /** A block of its own for one operation; time goes on by a tenth of the reference window. */
  call(...[by, method, args]: [Parameters<TestLedger['call']>[0], string, Parameters<TestLedger['call']>[3]]): string {
    this.ledger.time += windowMs / 10;
    const outcome = this.ledger.call(by, 'payments', method, args);
    this.keeper.onBlock(this.store.head().height);
    return outcome;
  }

  grow(blocks: number): void {
    for (let i = 0; i < blocks; i++) {
      const args = {
        from: 'A',
        to: 'B',
        amount: BigInt(1 + i),
        currency: 'CZK',
        purpose: `${++this.#count}`,
        date: '',
      };
      const outcome = this.call(tellers.NORTH, 'transfer', transferArguments(args));
      if (outcome !== 'OK') throw new Error(outcome);
    }
  }

  /** All the steps that wait, as they come due. */
  work(steps = Number.POSITIVE_INFINITY): void {
    for (let done = 0; done < steps; done++) {
      const next = this.#later.shift();
      if (next === undefined) return;
      next();
    }
  }

  serve(request: Uint8Array): Uint8Array | undefined {
    return new SyncServer(this.store, this.keeper).serve(request);
  }
}

function accountOf(account: string, openingBalance: bigint) {
  return { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n, openingBalance };
}

export function newcomer(): MemoryStore {
  const { commit } = genesisCommit(genesis, contracts);
  return new MemoryStore({ chainId: commit.head.digest, validator: 'node-9', format: 1 }, commit);
}

export type Peer = (request: Uint8Array) => Uint8Array | undefined;

export function downloadOf(store: Store, peers: readonly Peer[], isWanted = () => true): SnapshotDownload {
  const parts: DownloadParts = {
    store,
    chainId: digestBytes(store.identity.chainId),
    genesisSet: genesis.validators,
    isWanted,
    timeoutMs: 1_000,
    after: (_, work) => realEventLoop.after(0, work),
    monotonicMs: realEventLoop.monotonicMs,
    transport: {
      async request(to, request) {
        const answer = peers[to]?.(request);
        if (answer === undefined) throw new Error('nothing to say');
        return answer;
      },
    },
  };
  return new SnapshotDownload(parts);
}

export function executorOn(store: Store): Executor {
  const chainId = digestBytes(store.identity.chainId);
  return new Executor({ store, chainId, contracts, tree: treeOf(store), cache: new TransactionCache() });
}

/** Whether these peers together give a snapshot, which is in the store then. */
export async function taken(t: ExecutionContext, store: Store, peers: readonly Peer[]): Promise<boolean> {
  const downloaded = await downloadOf(store, peers).from(peers.map((_, i) => i));
  if (downloaded === undefined) return false;
  const snapshot = assemble(store, downloaded);
  if (typeof snapshot === 'string') return t.fail(snapshot);
  store.install(snapshot, vote);
  return true;
}

/** The newcomer goes on as the others do: same roots, same refusals, from the blocks after the snapshot. */
export function follows(t: ExecutionContext, store: Store, source: OfferingLedger): void {
  const executor = executorOn(store);
  for (let height = store.head().height + 1; height <= source.store.head().height; height++) {
    const row = source.store.block(height);
    const certificate = source.store.certificate(height);
    if (row === undefined || certificate === undefined) return t.fail(`no block ${height}`);
    const executed = executor.replay(source.store.entries(row.firstIndex, row.headerIndex + 1));
    if (isBlockProblem(executed)) return t.fail(`block ${height}: ${executed.rule} ${executed.detail}`);
    store.commit({ ...executed.commit, certificate }, vote);
    executor.committed(executed);
  }
  t.is(store.head().digest, source.store.head().digest);
  t.notThrows(() => checkIntegrity(store));
}
