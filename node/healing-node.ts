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
import { type Healed, HealingError, heal } from './healing.ts';
import { electorsToAsk } from './healing-electors.ts';
import { readable } from './healing-walk.ts';
import { certificateSchema } from './ledger/certificate.ts';
import { originOf } from './ledger/checkpoint.ts';
import { type Digest, digestBytes, digestOf, toHex } from './ledger/hash.ts';
import { Frontier } from './ledger/merkle.ts';
import { encodeAs } from './ledger/schema.ts';
import { quorumOf, type Validator, validatorSetHash } from './ledger/validators.ts';
import { formatVerifierKey, verifierKey } from './ledger/verifier-key.ts';
import type { PeerFaults } from './network/peer-asker.ts';
import { SyncClient } from './network/sync-client.ts';
import { SyncServer } from './network/sync-server.ts';
import type { Channel, Receiver } from './network/transport.ts';
import { Peers } from './peers.ts';
import { StoredOffers } from './snapshot/stored.ts';
import { type TakeParts, takeAnySnapshot, takeSnapshot } from './snapshot/take.ts';
import type { ProvenState } from './state-prover.ts';
import type { StatePath, Store } from './store/store.ts';
import { ValidatorNode, type ValidatorNodeParts } from './validator-node.ts';

export interface HealingNodeParts
  extends Omit<ValidatorNodeParts, 'onDivergence' | 'takeSnapshot' | 'tree' | 'awaits'> {
  readonly genesis: Genesis;
  /** Called when a divergence is noticed and again when it is over: the later one takes the place of the first. May
   * throw: nothing depends on it.
   */
  readonly keepIncident: (incident: DivergenceIncident) => void;
}

interface Work {
  readonly mark: DivergenceMark;
  readonly noticedAt: number;
  height: number;
  waitsFor: string | undefined;
  isStopped: boolean;
}

export class HealingNode implements LedgerNode, Receiver {
  readonly store: Store;
  readonly genesisText: string;
  readonly #parts: HealingNodeParts;
  readonly #listeners = new Map<BlockListener, (() => void) | undefined>();
  readonly #startedAt: number;
  readonly #peers: Peers;
  /** Kept over attempts, or whoever lies is asked first in each, and what others gave goes for what it offers. */
  readonly #snapshotFaults = new Map<number, PeerFaults>();
  #life: ValidatorNode | undefined;
  #work: Work | undefined;
  /** Of the store as it was opened: a snapshot that was taken since is sound. */
  #flaw: string | undefined;
  #isReadOnly = false;
  #isStopped = false;
  #healings = 0;

  constructor(parts: HealingNodeParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.genesisText = parts.genesisText;
    this.#flaw = parts.store.flaw;
    this.#startedAt = parts.now();
    const isOwn = ({ id, voteKey }: Validator) => id === parts.validator && (parts.holds?.(voteKey) ?? true);
    this.#peers = new Peers(parts.transport, isOwn);
  }

  /** Throws StoreError where the store is not this validator's. */
  start(): void {
    const flaw = this.#flaw;
    this.#flaw = undefined;
    const marked = this.#mark();
    if (marked !== undefined) return this.#heal(marked);
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

  /** [R4] While it heals others may need what it has: the asker checks all of it. */
  serve(from: number, request: Uint8Array): Uint8Array | undefined {
    if (this.#work === undefined || this.#isStopped) return this.#life?.serve(from, request);
    const offers = new StoredOffers(this.store, () => this.store.lastCheckpoint()?.height ?? 0);
    try {
      return new SyncServer(this.store, offers).serve(request);
    } catch (error) {
      this.failed(error); // what is damaged is answered by others
      return undefined;
    }
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
    if (!(await takeSnapshot(this.#takeParts(isWanted), peers))) return false;
    this.store.markDivergence(undefined); // a block that was awaited is behind it
    if (!this.#isStopped) this.start();
    return true;
  }

  #takeParts(isStillWanted: () => boolean): TakeParts {
    const { genesis, chainId, transport, timers, loop, log } = this.#parts;
    const { after, monotonicMs } = loop;
    const sync = { transport, timeoutMs: timers.syncTimeoutMs, after, monotonicMs };
    const sets = { chainId: digestBytes(chainId), genesisSet: genesis.validators };
    const isWanted = () => !this.#isStopped && isStillWanted();
    const ready = () => this.#end();
    return { store: this.store, ...sets, ...sync, faults: this.#snapshotFaults, isWanted, ready, log };
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
    const work: Work = {
      mark,
      noticedAt: this.#parts.now(),
      height: 0,
      waitsFor: undefined,
      isStopped: this.#isStopped,
    };
    this.#work = work;
    const incident = this.#incident(work, path);
    this.#keep(incident);
    this.#parts.log('error', 'the state here differs from the chain: this validator heals before it votes again', {
      height: mark.height,
      reason: mark.reason,
      ...incident.record,
    });
    this.#performHealing(work)
      .then((healed) => {
        if (healed !== undefined && !work.isStopped) this.#healed(work, incident, healed);
      })
      .catch((error: unknown) => {
        if (!work.isStopped) this.#notHealed(incident, error);
      });
  }

  #performHealing(work: Work): Promise<Healed | undefined> {
    const { genesis, chainId, transport, timers, loop, log } = this.#parts;
    if (this.#peers.voters.length === 0) this.#peers.enter(electorsToAsk(this.store, genesis));
    // Who is not there would keep a question from whoever is for as long as an answer may take.
    const others = () => {
      const connected = new Set(transport.peers());
      return this.#peers.voters.filter((peer) => connected.has(peer));
    };
    const { after, monotonicMs } = loop;
    const sync = { chainId: digestBytes(chainId), timeoutMs: timers.syncTimeoutMs, after, monotonicMs };
    let client: { readonly hash: Digest; readonly of: SyncClient } | undefined;
    return heal({
      store: this.store,
      genesis,
      contracts,
      fetch: (height, end, set) => {
        const hash = validatorSetHash(set);
        // Kept, because it knows who lies and who stalls.
        if (client?.hash !== hash) client = { hash, of: new SyncClient(transport, { ...sync, validators: set }) };
        return client.of.fetchBlocks(height, others(), end);
      },
      takeSnapshot: () =>
        takeAnySnapshot(
          this.#takeParts(() => this.#work === work),
          others(),
        ),
      soon: loop.soon,
      after: loop.after,
      askAgainMs: timers.statusIntervalMs,
      progress: (height) => {
        [work.height, work.waitsFor] = [height, undefined];
      },
      waits: (waitsFor) => {
        if (work.waitsFor !== waitsFor) log('warn', 'healing waits', { waitsFor });
        work.waitsFor = waitsFor;
      },
      passedOver: (source, why) => log('warn', 'the state is not made again from there', { source, why }),
      isStopped: () => work.isStopped,
    });
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
    this.#keep({
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
    this.#keep({ ...incident, outcome: 'not healed', why });
    this.#parts.onFailure(new HealingError(`this validator cannot heal itself and stays out: ${why}`));
  }

  /** A report: where it cannot be written, on a full disk for one, the state must be made again all the same. */
  #keep(incident: DivergenceIncident): void {
    try {
      this.#parts.keepIncident(incident);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const { outcome, height, reason } = incident;
      const what = 'the incident file cannot be written: give this node the right to write beside its data folder';
      this.#parts.log('error', what, { why, outcome, height, reason });
    }
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
    const { mark, height, waitsFor } = this.#work ?? { mark: undefined, height: 0, waitsFor: undefined };
    const reason =
      mark === undefined
        ? 'this node has stopped'
        : `the state differed from the chain at height ${mark.height} (${mark.reason}): this node votes again once ` +
          `it is made again from the log; it ${
            waitsFor === undefined ? `is at block ${height} of ${head.height}` : `waits for ${waitsFor}`
          }`;
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
