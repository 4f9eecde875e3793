// Checkpoints of one validator, between its store, its peers and its audit key: what the rules K1 to K7 ask of a node.
// The clock, the store and the transport are here; what counts is decided in consensus/checkpoints.ts.
import { decodeCheckpointMessage, encodeCheckpointMessage } from './consensus/checkpoint-messages.ts';
import { CheckpointCollector, type CheckpointOutcome, checkpointWindow, type Place } from './consensus/checkpoints.ts';
import { Cosigner } from './consensus/cosigner.ts';
import type { ReplicaStatus } from './consensus/replica.ts';
import { assert } from './ledger/assert.ts';
import type { SignatureCheck } from './ledger/certificate.ts';
import { checkpointText, type LogName, originOf } from './ledger/checkpoint.ts';
import { DecodeError } from './ledger/codec.ts';
import {
  type CosignatureContradiction,
  type CosignedHead,
  checkpointNote,
  noteSignature,
  type StableCheckpoint,
} from './ledger/cosignature.ts';
import { digestOf, equalBytes } from './ledger/hash.ts';
import { Frontier } from './ledger/merkle.ts';
import type { ValidatorSet } from './ledger/validators.ts';
import { formatVerifierKey, type VerifierKey, verifierKey } from './ledger/verifier-key.ts';
import type { Transport } from './network/transport.ts';
import type { CheckpointChange, Head, Store } from './store/store.ts';

/** An Ed25519 key that may be used and not be seen. */
export interface NoteKey {
  readonly publicKey: Uint8Array;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export interface CheckpointingParts {
  readonly store: Store;
  readonly log: LogName;
  /** [K3] */
  readonly validatorsOf: (height: number) => ValidatorSet | undefined;
  readonly check: SignatureCheck;
  /** While keys are rotated there are two: the set of a height names the one that cosigns it. */
  readonly auditKeys: () => readonly NoteKey[];
  /** Whether a peer is the validator of this number in the set of this height. */
  readonly speaksFor: (from: number, validator: number, height: number) => boolean;
  /** Signs what this node serves, under the log's own name; it never counts toward a quorum. */
  readonly logKey: NoteKey;
  readonly transport: Pick<Transport, 'send' | 'broadcast'>;
  /** UTC milliseconds. */
  readonly now: () => number;
  readonly status: () => ReplicaStatus;
  /** Own statuses are as many ticks apart. */
  readonly statusTicks: number;
  readonly onContradiction: (pair: CosignatureContradiction) => void;
}

const noKey = new Uint8Array(0);

export class Checkpointing {
  readonly #parts: CheckpointingParts;
  readonly #cosigner: Cosigner;
  readonly #collector: CheckpointCollector;
  readonly #logKey: VerifierKey;
  /** Of the set that is being cosigned for. */
  #auditKey: NoteKey | undefined;
  #published: StableCheckpoint | undefined;
  #note: Uint8Array | undefined;
  /** Stable, and not stored yet. */
  #waiting: StableCheckpoint[] = [];
  #ticks = 0;

  constructor(parts: CheckpointingParts) {
    const { store, log, validatorsOf, check, logKey, speaksFor } = parts;
    const origin = originOf(log);
    this.#parts = parts;
    this.#published = store.lastCheckpoint();
    this.#cosigner = new Cosigner(origin, store.cosigned(), (message) => {
      assert(this.#auditKey !== undefined, 'who cosigns has found its key in the set');
      return this.#auditKey.sign(message);
    });
    this.#collector = new CheckpointCollector(
      { origin, validatorsOf, check, speaksFor },
      placeOf(store.head()),
      this.#published,
    );
    this.#logKey = verifierKey(origin, 'note', logKey.publicKey);
    const { last } = this.#cosigner;
    if (last?.size === store.head().logSize) this.#take(this.#collector.vouch(last));
  }

  /** [K1] [K5] What goes into the block's own write. */
  cosign(head: Head, isSilenced: boolean): CheckpointChange {
    const stable = this.#waiting;
    return { own: isSilenced ? undefined : this.#cosigned(head), stable };
  }

  /** The block, and what `cosign` gave for it, is durable. */
  committed(head: Head): void {
    this.#stored();
    const { last } = this.#cosigner;
    const own = last?.size === head.logSize ? last : undefined;
    if (own !== undefined) this.#announce(own, head.height);
    this.#take(this.#collector.durable(placeOf(head), own));
  }

  /** Answers with what was wrong with it, if no honest validator sends it. */
  receive(from: number, bytes: Uint8Array): string | undefined {
    try {
      const outcome = this.#collector.heard(from, decodeCheckpointMessage(bytes));
      this.#take(outcome);
      if (outcome.answer !== undefined) {
        const answer = encodeCheckpointMessage({ type: 'stable', checkpoint: outcome.answer });
        this.#parts.transport.send(from, 'checkpoints', answer);
      }
      return outcome.refused;
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
  }

  /** Throws when the store fails. */
  tick(): void {
    const { store, statusTicks } = this.#parts;
    const head = store.head();
    const own = this.#late(head);
    this.#ticks = (this.#ticks + 1) % statusTicks;
    const isDue = this.#ticks === 0;
    // A write of its own costs a sync, during which nothing else moves: under load the next block comes before it.
    if (own !== undefined || (isDue && this.#waiting.length > 0)) {
      store.persistCheckpoints({ own, stable: this.#waiting });
      this.#stored();
      if (own !== undefined) this.#take(this.#collector.vouch(own));
    }
    if (isDue) this.#repeat(head);
  }

  /** The newest checkpoint that is stored here. */
  get published(): StableCheckpoint | undefined {
    return this.#published;
  }

  /** The same as a signed note, with this node's own line first. */
  note(): Uint8Array | undefined {
    if (this.#published !== undefined) this.#note ??= this.#noteOf(this.#published, true);
    return this.#note;
  }

  /** An earlier one, as far as it is stored. */
  noteAt(height: number, hasOwnLine: boolean): Uint8Array | undefined {
    const checkpoint = this.#parts.store.checkpoint(height);
    return checkpoint && this.#noteOf(checkpoint, hasOwnLine);
  }

  #noteOf(checkpoint: StableCheckpoint, hasOwnLine: boolean): Uint8Array | undefined {
    const { log, logKey, validatorsOf } = this.#parts;
    const set = validatorsOf(checkpoint.height);
    if (set === undefined) return undefined;
    if (!hasOwnLine) return checkpointNote(log, checkpoint, set);
    const text = checkpointText({ origin: originOf(log), ...checkpoint });
    const own = noteSignature(this.#logKey, logKey.sign(new TextEncoder().encode(text)));
    return checkpointNote(log, checkpoint, set, [own]);
  }

  /** As log clients are given it. */
  get logKey(): string {
    return formatVerifierKey(this.#logKey);
  }

  #cosigned(head: Head): CosignedHead | undefined {
    const { validator, key } = this.#ownAt(head.height);
    this.#auditKey = key;
    if (key === undefined) return undefined;
    return this.#cosigner.cosign(placeOf(head), validator, Math.floor(this.#parts.now() / 1_000));
  }

  /** A set names the key, so that on a rotation the old one and the new one each cosign their heights. */
  #ownAt(height: number): { readonly validator: number; readonly key: NoteKey | undefined } {
    const keys = this.#parts.auditKeys();
    const set = this.#parts.validatorsOf(height) ?? [];
    const keyOf = (named: Uint8Array) => keys.find(({ publicKey }) => equalBytes(publicKey, named));
    const validator = set.findIndex(({ auditKey }) => keyOf(auditKey) !== undefined);
    return { validator, key: keyOf(set[validator]?.auditKey ?? noKey) };
  }

  /**
   * A block that came here without a cosignature: with a folder of an earlier version, or with a snapshot. Not under a
   * key that the next block has no more: who votes now may have been silenced under that one [E7].
   */
  #late(head: Head): CosignedHead | undefined {
    const isMissing = head.height > 0 && this.#cosigner.last?.size !== head.logSize;
    if (!isMissing || this.#parts.status().voice !== 'voting') return undefined;
    const [key, next] = [this.#ownAt(head.height).key, this.#ownAt(head.height + 1).key];
    const isSame = equalBytes(key?.publicKey ?? noKey, next?.publicKey ?? noKey);
    return isSame ? this.#cosigned(head) : undefined;
  }

  // [K6]
  #announce(own: CosignedHead, height: number): void {
    if (this.#parts.status().bestHeight > height + checkpointWindow) return;
    this.#broadcast(own, false);
  }

  // [K6]
  #repeat(head: Head): void {
    this.#collector.statusSent();
    const { last } = this.#cosigner;
    if (head.height === 0 || this.#collector.isStable(head.logSize)) return;
    if (last?.size === head.logSize) return this.#broadcast(last, true);
    const wanted = encodeCheckpointMessage({ type: 'wanted', size: head.logSize });
    this.#parts.transport.broadcast('checkpoints', wanted);
  }

  #broadcast(cosigned: CosignedHead, repeated: boolean): void {
    const message = encodeCheckpointMessage({ type: 'cosignature', cosigned, repeated });
    this.#parts.transport.broadcast('checkpoints', message);
  }

  #take({ stable, contradictions }: CheckpointOutcome): void {
    if (stable !== undefined) this.#waiting.push(stable);
    for (const pair of contradictions) this.#parts.onContradiction(pair);
  }

  /** [K5] The newest of those that were just stored is what is shown. */
  #stored(): void {
    for (const each of this.#waiting) {
      if (each.size <= (this.#published?.size ?? 0)) continue;
      this.#published = each;
      this.#note = undefined;
    }
    this.#waiting = [];
  }
}

function placeOf({ height, logSize, peaks }: Head): Place {
  return { height, size: logSize, root: digestOf(Frontier.fromHashes(logSize, peaks).root()) };
}
