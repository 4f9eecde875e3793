// The process whose disk is recorded: four validators in one process, of which one keeps its data in LMDB and marks in
// the trace what it begins, has written, sends and tells clients. It makes its store as `daybook node init` does, takes
// work, loses and gains primaries, and is started again a few times. A failed write ends it as it ends a node.
// Arguments: folder, trace file, seed, rounds.
import { openArguments, openBatchArguments, transferArguments } from '../../../contracts/payments.ts';
import { decodeCheckpointMessage } from '../../../node/consensus/checkpoint-messages.ts';
import { decodeMessage, positionOf } from '../../../node/consensus/messages.ts';
import { encodeRecord, firstRecord } from '../../../node/consensus/record.ts';
import { createStore } from '../../../node/create-store.ts';
import { toHex } from '../../../node/ledger/hash.ts';
import { openLmdbStore } from '../../../node/store/lmdb-opening.ts';
import type { CheckpointChange, Store } from '../../../node/store/store.ts';
import { type Prng, prng } from '../../_prng.ts';
import { clearing, tellers } from '../../execution/_ledger.ts';
import { MemoryCluster } from '../../node/_memory-cluster.ts';
import { traceMarker } from '../_disk-trace.ts';
import { inWords, type Kept, keptNow, type Mark, recorded } from './_story.ts';

const [folder = '', traceFile = '', seed = '1', rounds = '20'] = process.argv.slice(2);
const write = traceMarker(traceFile);
const mark = (each: Mark) => write(JSON.stringify(each));

class Recorder {
  readonly #cluster = new MemoryCluster();
  readonly #random: Prng;
  #accounts = 0;

  constructor(random: Prng) {
    this.#random = random;
    this.#cluster.onSend = (from, channel, bytes) => {
      if (from !== recorded || channel === 'transactions') return;
      if (channel === 'checkpoints') return markCosigned(bytes);
      const message = decodeMessage(bytes);
      if (message.type === 'status' || message.type === 'committed' || message.validator !== recorded) return;
      const { epoch, view, height, digest } = positionOf(message);
      mark({ mark: 'sent', signed: { kind: message.type, epoch, view, height, digest } });
    };
    this.#cluster.onFailure = (error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    };
  }

  async run(roundsMax: number): Promise<void> {
    const { genesis, stores } = this.#cluster;
    const digest = toHex(this.#cluster.chainId);
    mark({ mark: 'begin', kept: { height: 0, digest, vote: toHex(encodeRecord(firstRecord())), cosigned: '' } });
    await createStore(folder, genesis, genesis.validators[recorded]?.id ?? '');
    mark({ mark: 'done' });
    await this.#open();
    for (let i = 0; i < stores.length; i++) this.#cluster.start(i);
    this.#listen();
    await this.#ready();
    for (let round = 0; round < roundsMax; round++) await this.#round(round);
    this.#cluster.kill(recorded);
    await stores[recorded]?.close();
  }

  async #round(round: number): Promise<void> {
    const { nodes, stores } = this.#cluster;
    const chance = this.#random.int(8);
    // Without this primary the others change the view; without the recorded one it must catch up.
    const without = chance < 2 ? (nodes[recorded]?.status().primary ?? 0) : chance === 2 ? recorded : undefined;
    if (without !== undefined) this.#cluster.cut(without);
    this.#submit(round, without === 3 ? 2 : 3);
    const seen = stores.map((store) => store.head().height);
    const grown = () => stores.every((store, i) => i === without || store.head().height > (seen[i] ?? 0));
    // A proposal of the lost primary may have come through: then nothing is missing and no block must follow.
    await this.#cluster.run(grown, 4_000);
    if (without === undefined) return this.#restartAtTimes();
    this.#cluster.heal();
    const best = Math.max(...stores.map((store) => store.head().height));
    await this.#cluster.run(() => stores.every((store) => store.head().height >= best), 4_000);
    await this.#restartAtTimes();
  }

  async #restartAtTimes(): Promise<void> {
    if (this.#random.int(10) > 0) return;
    this.#cluster.kill(recorded);
    await this.#cluster.stores[recorded]?.close();
    await this.#open();
    this.#cluster.start(recorded);
    this.#listen();
    await this.#ready();
  }

  async #ready(): Promise<void> {
    await this.#cluster.run(() => this.#cluster.nodes.every((node) => node?.status().ready), 4_000);
  }

  /** Bodies from one page to dozens, so that LMDB takes and frees runs of pages too. */
  #submit(round: number, to: number): void {
    const node = this.#cluster.nodes[to];
    const account = () => `ACCOUNT-${this.#accounts++}`;
    const terms = () => ({ ...{ branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n }, openingBalance: 0n });
    if (round % 4 === 1) {
      const lines = Array.from({ length: 1 + this.#random.int(60) }, (_, i) => {
        return { reference: `L-${round}-${i}`, args: { account: account(), ...terms() } };
      });
      node?.submit(this.#cluster.transaction(tellers.NORTH, 'open-batch', openBatchArguments(lines)).bytes);
      return;
    }
    const count = 1 + this.#random.int(12);
    for (let i = 0; i < count; i++) {
      const parties = { from: `ACCOUNT-${i}`, to: `ACCOUNT-${i + 1}`, currency: 'CZK', purpose: '', date: '' };
      const [method, args] =
        round % 4 === 0
          ? (['open', openArguments({ account: account(), ...terms() })] as const)
          : (['transfer', transferArguments({ ...parties, amount: BigInt(1 + this.#random.int(1_000)) })] as const);
      node?.submit(this.#cluster.transaction(clearing, method, args).bytes);
    }
  }

  #listen(): void {
    this.#cluster.nodes[recorded]?.onBlock((_block, transactions) => {
      for (const [transaction, index] of transactions) mark({ mark: 'told', transaction, index });
    });
  }

  async #open(): Promise<void> {
    const store = await openLmdbStore(folder, { chainId: this.#cluster.stores[0]?.identity.chainId ?? noDigest });
    this.#cluster.stores[recorded] = marked(store);
  }
}

const noDigest = '' as Store['identity']['chainId'];

function markCosigned(bytes: Uint8Array): void {
  const message = decodeCheckpointMessage(bytes);
  if (message.type !== 'cosignature') return;
  mark({ mark: 'cosigned', size: message.cosigned.size, words: inWords(message.cosigned) });
}

function marked(store: Store): Store {
  const commit = store.commit.bind(store);
  const persistVote = store.persistVote.bind(store);
  const persistCheckpoints = store.persistCheckpoints.bind(store);
  const around = (kept: Partial<Kept>, work: () => void) => {
    mark({ mark: 'begin', kept: { ...keptNow(store), ...kept } });
    work();
    mark({ mark: 'done' });
  };
  const cosignedBy = ({ own }: Partial<CheckpointChange> = {}) => (own === undefined ? {} : { cosigned: inWords(own) });
  store.commit = (block, vote, checkpoints) => {
    const { height, digest } = block.head;
    const kept = { height, digest, vote: toHex(vote.record), ...cosignedBy(checkpoints) };
    around(kept, () => commit(block, vote, checkpoints));
  };
  store.persistVote = (vote) => around({ vote: toHex(vote.record) }, () => persistVote(vote));
  store.persistCheckpoints = (change) => around(cosignedBy(change), () => persistCheckpoints(change));
  return store;
}

try {
  await new Recorder(prng(Number(seed))).run(Number(rounds));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
}
