// A validator over all its lives in one process: it runs a ValidatorNode, and when that finds its state other than the
// chain's, the node ends as if killed, the store is marked and healed, and a new one starts from it (rule R4). To the
// network and to clients it is one node, which says meanwhile that it heals.
import { contracts } from '../contracts/registry.ts';
import type { Genesis } from '../genesis/genesis.ts';
import type { BlockListener, LedgerNode, NodeStatus, Submission } from './api/ledger-node.ts';
import { decodeRecord } from './consensus/record.ts';
import {
  type Divergence,
  type DivergenceIncident,
  type DivergenceMark,
  damageOf,
  decodeMark,
  encodeMark,
  recordNameOf,
  wrongRecords,
} from './divergence.ts';
import { treeOf } from './execution/genesis-commit.ts';
import type { StateTree } from './execution/state-tree.ts';
import { type Electors, electorsIfWhole } from './execution/validator-sets.ts';
import { type Healed, HealingError, heal, readable } from './healing.ts';
import { certificateSchema } from './ledger/certificate.ts';
import { originOf } from './ledger/checkpoint.ts';
import { type Digest, digestBytes, digestOf, toHex } from './ledger/hash.ts';
import { Frontier } from './ledger/merkle.ts';
import { encodeAs } from './ledger/schema.ts';
import { quorumOf, type Validator, validatorSetHash } from './ledger/validators.ts';
import { formatVerifierKey, verifierKey } from './ledger/verifier-key.ts';
import { SyncClient } from './network/sync-client.ts';
import type { Channel, Receiver } from './network/transport.ts';
import { Peers } from './peers.ts';
import { takeSnapshot } from './snapshot/take.ts';
import type { ProvenState } from './state-prover.ts';
import type { StatePath, Store } from './store/store.ts';
import { ValidatorNode, type ValidatorNodeParts } from './validator-node.ts';

export interface HealingNodeParts
  extends Omit<ValidatorNodeParts, 'onDivergence' | 'takeSnapshot' | 'tree' | 'awaits'> {
  readonly genesis: Genesis;
  /** Called when a divergence is noticed and again when it is over: the later one takes the place of the first. */
  readonly keepIncident: (incident: DivergenceIncident) => void;
}

interface Work {
  readonly mark: DivergenceMark;
  readonly noticedAt: number;
  height: number;
  isStopped: boolean;
}

export class HealingNode implements LedgerNode, Receiver {
  readonly store: Store;
  readonly genesisText: string;
  readonly #parts: HealingNodeParts;
  readonly #listeners = new Map<BlockListener, (() => void) | undefined>();
  readonly #startedAt: number;
  readonly #peers: Peers;
  #life: ValidatorNode | undefined;
  #work: Work | undefined;
  #isReadOnly = false;
  #isStopped = false;
  #healings = 0;

  constructor(parts: HealingNodeParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.genesisText = parts.genesisText;
    this.#startedAt = parts.now();
    const isOwn = ({ id, voteKey }: Validator) => id === parts.validator && (parts.holds?.(voteKey) ?? true);
    this.#peers = new Peers(parts.transport, isOwn);
  }

  /** Throws StoreError where the store is not this validator's. */
  start(): void {
    const marked = this.#mark();
    if (marked !== undefined) return this.#heal(marked);
    const { flaw } = this.store;
    if (flaw !== undefined) return this.#diverged({ reason: flaw });
    const tree = readable(() => treeOf(this.store));
    if (tree !== undefined && digestOf(tree.root) === this.store.head().stateRoot) {
      try {
        return this.#begin(tree, undefined);
      } catch (error) {
        const damage = damageOf(error); // of a row that the first life reads: healed once, or else the process ends
        if (damage === undefined) throw error;
        return this.#diverged(damage);
      }
    }
    this.#diverged({
      reason:
        tree === undefined
          ? 'a record of the state cannot be read'
          : `the state in the store has the root ${digestOf(tree.root)}`,
    });
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#work !== undefined) this.#work.isStopped = true;
    this.#life?.stop();
  }

  /** Times that this process has healed its store. */
  get healings(): number {
    return this.#healings;
  }

  get isHealing(): boolean {
    return this.#work !== undefined;
  }

  get silence(): string | undefined {
    return this.#life?.silence;
  }

  get accusationsWaiting(): number {
    return this.#life?.accusationsWaiting ?? 0;
  }

  tick(): void {
    this.#life?.tick();
  }

  tidyMempool(): void {
    this.#life?.tidyMempool();
  }

  setReadOnly(isReadOnly: boolean): void {
    this.#isReadOnly = isReadOnly;
    this.#life?.setReadOnly(isReadOnly);
  }

  submit(bytes: Uint8Array): Submission {
    const detail = 'this node heals its state and takes nothing meanwhile; use another node';
    return this.#life?.submit(bytes) ?? { status: 'refused', code: 'not-ready', detail };
  }

  isWaiting(id: Digest): boolean {
    return this.#life?.isWaiting(id) ?? false;
  }

  checkpoint(): Uint8Array | undefined {
    return this.#life?.checkpoint();
  }

  checkpointAt(height: number, hasOwnLine: boolean): Uint8Array | undefined {
    return this.#life?.checkpointAt(height, hasOwnLine);
  }

  async proveState(path: StatePath): Promise<ProvenState | undefined> {
    return this.#life?.proveState(path);
  }

  get logKey(): string {
    const { name, chainId, logKey } = this.#parts;
    return formatVerifierKey(verifierKey(originOf({ ledger: name, chainId }), 'note', logKey.publicKey));
  }

  onBlock(listener: BlockListener): () => void {
    this.#listeners.set(listener, this.#life?.onBlock(listener));
    return () => {
      this.#listeners.get(listener)?.();
      this.#listeners.delete(listener);
    };
  }

  receive(from: number, channel: Channel, bytes: Uint8Array): void {
    this.#life?.receive(from, channel, bytes);
  }

  /** While it heals, what it would answer may be what is damaged. */
  serve(from: number, request: Uint8Array): Uint8Array | undefined {
    return this.#life?.serve(from, request);
  }

  connected(peer: number): void {
    this.#life?.connected(peer);
  }

  disconnected(peer: number): void {
    this.#life?.disconnected(peer);
  }

  /** An error of a read outside the life that runs, for an answer to a client: damage heals, all else is fatal. */
  failed(error: unknown): void {
    const damage = damageOf(error);
    if (damage === undefined) this.#parts.onFailure(error);
    else if (this.#work === undefined) this.#diverged(damage);
  }

  status(): NodeStatus {
    return this.#life?.status() ?? this.#healingStatus();
  }

  #begin(tree: StateTree, awaits: DivergenceMark | undefined): void {
    const { genesis: _, keepIncident: __, ...parts } = this.#parts;
    const life = new ValidatorNode({
      ...parts,
      peers: this.#peers,
      tree,
      awaits: awaits?.refused?.height,
      takeSnapshot: (from) => this.#takeSnapshot(from, () => this.#life === life),
      onDivergence: (divergence) => {
        if (this.#life === life) this.#refusedOrDamaged(divergence, awaits);
      },
    });
    this.#life = life;
    if (awaits !== undefined) {
      const unmark = life.onBlock(({ height }) => {
        if (height < (awaits.refused?.height ?? 0)) return;
        unmark();
        this.store.markDivergence(undefined);
      });
    }
    for (const listener of this.#listeners.keys()) this.#listeners.set(listener, life.onBlock(listener));
    life.setReadOnly(this.#isReadOnly);
    life.start();
  }

  /** [S2, S4] From the moment at which all of it is here, nothing of the life before uses the store. */
  async #takeSnapshot(from: readonly number[], isWanted: () => boolean): Promise<boolean> {
    const peers = from.map((index) => this.#peers.peerOf(index)).filter((peer) => peer !== undefined);
    if (!(await this.#putSnapshot(peers, isWanted))) return false;
    this.store.markDivergence(undefined); // a block that was awaited is behind it
    this.start();
    return true;
  }

  #putSnapshot(peers: readonly number[], isStillWanted: () => boolean): Promise<boolean> {
    const { genesis, chainId, transport, timers, loop, log } = this.#parts;
    const sync = { transport, timeoutMs: timers.syncTimeoutMs, after: loop.after };
    const sets = { chainId: digestBytes(chainId), genesisSet: genesis.validators };
    const isWanted = () => !this.#isStopped && isStillWanted();
    const ready = () => this.#end();
    return takeSnapshot({ store: this.store, ...sets, ...sync, isWanted, ready, log }, peers);
  }

  /** [R4, S2] The log here cannot be folded from its beginning, and nobody has it any more: the state comes whole. */
  async #healBySnapshot(work: Work, incident: DivergenceIncident, peers: readonly number[]): Promise<boolean> {
    if (!(await this.#putSnapshot(peers, () => this.#work === work))) return false;
    work.isStopped = true;
    this.#healed(work, incident, { tree: treeOf(this.store), records: [], rows: 0, fetched: [] });
    return true;
  }

  /** A block that is refused again although the state is the certified one: nothing here can heal that. */
  #refusedOrDamaged(divergence: Divergence, awaits: DivergenceMark | undefined): void {
    const { refused } = divergence;
    if (refused === undefined || awaits?.refused?.height !== refused.height) return this.#diverged(divergence);
    this.#end();
    const reason = `${divergence.reason}, although this state is the certified one: a bug, or more than f liars`;
    this.#parts.onIncident(reason, [refused]);
  }

  #end(): void {
    this.#life?.stop();
    this.#life = undefined;
  }

  #diverged({ reason, path, refused }: Divergence): void {
    const { store } = this;
    this.#end();
    const mark = { height: store.head().height, reason, refused: refused ?? this.#mark()?.refused };
    try {
      store.markDivergence(encodeMark(mark));
    } catch (error) {
      return this.#parts.onFailure(error);
    }
    this.#heal(mark, path);
  }

  #mark(): DivergenceMark | undefined {
    const unreadable = { height: this.store.head().height, reason: 'a mark that cannot be read', refused: undefined };
    try {
      const encoded = this.store.divergence();
      return encoded === undefined ? undefined : (decodeMark(encoded) ?? unreadable);
    } catch (error) {
      if (damageOf(error) === undefined) throw error;
      return unreadable;
    }
  }

  #heal(mark: DivergenceMark, path?: string): void {
    const work: Work = { mark, noticedAt: this.#parts.now(), height: 0, isStopped: this.#isStopped };
    this.#work = work;
    const incident = this.#incident(work, path);
    this.#parts.keepIncident(incident);
    this.#parts.log('error', 'the state here differs from the chain: this validator heals before it votes again', {
      height: mark.height,
      reason: mark.reason,
      ...incident.record,
    });
    this.#performHealing(work, incident)
      .then((healed) => {
        if (healed !== undefined && !work.isStopped) this.#healed(work, incident, healed);
      })
      .catch((error: unknown) => {
        if (!work.isStopped) this.#notHealed(incident, error);
      });
  }

  #performHealing(work: Work, incident: DivergenceIncident): Promise<Healed | undefined> {
    const { genesis, chainId, transport, timers, loop } = this.#parts;
    if (this.#peers.voters.length === 0) this.#peers.enter(this.#electors());
    const others = this.#peers.voters;
    const sync = { chainId: digestBytes(chainId), timeoutMs: timers.syncTimeoutMs, after: loop.after };
    const record = this.store.voteRecord();
    let client: { readonly hash: Digest; readonly of: SyncClient } | undefined;
    return heal({
      store: this.store,
      genesis,
      contracts,
      bodies: record === undefined ? [] : decodeRecord(record).bodies,
      fetch: (height, end, set) => {
        const hash = validatorSetHash(set);
        // Kept, because it knows who lies and who stalls.
        if (client?.hash !== hash) client = { hash, of: new SyncClient(transport, { ...sync, validators: set }) };
        return client.of.fetchBlocks(height, others, end);
      },
      takeSnapshot: () => this.#healBySnapshot(work, incident, others),
      soon: loop.soon,
      after: loop.after,
      askAgainMs: timers.statusIntervalMs,
      progress: (height) => {
        work.height = height;
      },
      isStopped: () => work.isStopped,
    });
  }

  /** Before the first life: of the state here where it can be read, else those of genesis. */
  #electors(): Electors {
    const { genesis } = this.#parts;
    return (
      readable(() => electorsIfWhole(this.store)) ?? {
        current: { number: 0, from: 1, validators: genesis.validators },
        previous: undefined,
        learners: [],
      }
    );
  }

  #healed(work: Work, incident: DivergenceIncident, healed: Healed): void {
    const { mark } = work;
    const awaits = mark.refused !== undefined && mark.refused.height > this.store.head().height ? mark : undefined;
    try {
      if (awaits === undefined) this.store.markDivergence(undefined);
    } catch (error) {
      return this.#parts.onFailure(error);
    }
    this.#work = undefined;
    this.#healings += 1;
    const records = wrongRecords(healed.records);
    this.#parts.keepIncident({
      ...incident,
      outcome: 'healed',
      healedAt: this.#parts.now(),
      records,
      recordCount: healed.records.length,
      rowCount: healed.rows,
      fetchedBlocks: healed.fetched.slice(0, 1_000),
    });
    this.#parts.log('warn', 'the state is made again from the log and is the certified one', {
      height: mark.height,
      records: records.slice(0, 10),
      recordCount: healed.records.length,
      rowCount: healed.rows,
      fetchedBlocks: healed.fetched.length,
    });
    this.#begin(healed.tree, awaits);
  }

  #notHealed(incident: DivergenceIncident, error: unknown): void {
    if (!(error instanceof HealingError)) return this.#parts.onFailure(error);
    const why = error.message;
    this.#parts.keepIncident({ ...incident, outcome: 'not healed', why });
    this.#parts.onFailure(new HealingError(`this validator cannot heal itself and stays out: ${why}`));
  }

  #incident({ mark, noticedAt }: Work, path: string | undefined): DivergenceIncident {
    const { digest, stateRoot } = this.store.head();
    const { refused } = mark;
    return {
      kind: 'divergence',
      validator: this.#parts.validator,
      noticedAt,
      height: mark.height,
      block: digest,
      stateRoot,
      reason: mark.reason,
      ...(path === undefined ? {} : { record: recordNameOf(path) }),
      ...(refused === undefined
        ? {}
        : { refused: { height: refused.height, certificate: toHex(encodeAs(certificateSchema, refused)) } }),
      outcome: 'healing',
    };
  }

  /** Before the first life and between two of them: from the store, and nothing of the state. */
  #healingStatus(): NodeStatus {
    const { version, chainId, name, validator, genesis, transport } = this.#parts;
    const head = this.store.head();
    const encoded = this.store.voteRecord();
    const { epoch, view } = encoded === undefined ? { epoch: 0, view: 0 } : decodeRecord(encoded);
    const validators = genesis.validators.length;
    const { mark, height } = this.#work ?? { mark: undefined, height: 0 };
    const reason =
      mark === undefined
        ? 'this node has stopped'
        : `the state differed from the chain at height ${mark.height} (${mark.reason}): this node votes again once ` +
          `it is made again from the log; it is at block ${height} of ${head.height}`;
    return {
      version,
      chainId,
      name,
      validator,
      index: genesis.validators.findIndex(({ id }) => id === validator),
      epoch,
      view,
      mode: 'healing',
      primary: view % validators,
      height: head.height,
      logSize: head.logSize,
      stateRoot: head.stateRoot,
      logRoot: toHex(Frontier.fromHashes(head.logSize, head.peaks).root()),
      peers: transport.peers(),
      validators,
      quorum: quorumOf(validators).size,
      ready: false,
      reason,
      readOnly: this.#isReadOnly,
      mempool: { transactions: 0, bytes: 0 },
      pid: process.pid,
      startedAt: this.#startedAt,
    };
  }
}
