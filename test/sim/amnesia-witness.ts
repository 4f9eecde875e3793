// Holds a validator whose disk was exchanged to what it promises of itself [R3], which no other rule can make up for:
// without a record it says that it is silent at once, whoever it can hear; who is shown a message of its own key that
// its copy of the disk does not know is silent when it has seen it; and who was silent once is so for as long as it has
// that disk, through every start.
import { type CheckpointMessage, decodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import type { Message } from '../../node/consensus/messages.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { equalBytes, toHex } from '../../node/ledger/hash.ts';
import type { ValidatorSet } from '../../node/ledger/validators.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { MemoryImage } from '../../node/store/memory-store.ts';
import type { BlockCommit } from '../../node/store/store.ts';
import type { SharedWork } from './shared-work.ts';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

export interface AmnesiaParts {
  readonly chainId: Uint8Array;
  readonly validators: ValidatorSet;
  readonly work: SharedWork;
}

/** What a disk knows of what its key signed. */
interface Memory {
  /** Signatures. */
  readonly known: Set<string>;
  /** The log's size when it was silenced. */
  silentSince: number | undefined;
}

interface Life extends Memory {
  /** The vote record as the disk was found, until it has changed. */
  readonly found: Uint8Array | undefined;
}

export class AmnesiaWitness {
  readonly #parts: AmnesiaParts;
  /** Station -> all that left it, whatever disk it had. */
  readonly #signed = new Map<ValidatorStation, Set<string>>();
  readonly #lives = new Map<ValidatorStation, Life>();
  readonly #copies = new WeakMap<MemoryImage, Memory>();

  constructor(parts: AmnesiaParts) {
    this.#parts = parts;
  }

  /** Its disk was copied. */
  copied(station: ValidatorStation, image: MemoryImage): void {
    const { known, silentSince, found } = this.#lifeOf(station);
    const hasMoved = found === undefined || image.voteRecord === undefined || !equalBytes(found, image.voteRecord);
    // Who has gone on without being shown what it forgot is past it. What is durable may leave after the copy was made.
    const left = hasMoved ? this.#signed.get(station) : known;
    this.#copies.set(image, { known: new Set([...(left ?? []), ...this.#heldIn(image, station.index)]), silentSince });
  }

  #heldIn({ voteRecord }: MemoryImage, index: number): string[] {
    if (voteRecord === undefined) return [];
    const { accepted, prepare, commit, viewChange, newView } = this.#parts.work.record(voteRecord);
    const held = [accepted, prepare, commit, viewChange, newView].filter((each) => each !== undefined);
    return ofSigner(held, index).map(toHex);
  }

  /** It has that copy now, or a disk that never knew anything. */
  exchanged(station: ValidatorStation, image?: MemoryImage): void {
    const copy = image === undefined ? undefined : this.#copies.get(image);
    const known = new Set(copy?.known);
    this.#lives.set(station, { known, silentSince: copy?.silentSince, found: image?.voteRecord });
  }

  /** It has read its disk and heard nobody yet. */
  started(station: ValidatorStation, isWiped: boolean): void {
    const { node, index } = station;
    const isSilent = node?.silence !== undefined;
    check(!isWiped || isSilent || node?.isHealing === true, `validator ${index} has no record and does not say so`);
    this.#noteSilence(station);
  }

  /** A frame has come and was dealt with. */
  handled(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    const life = this.#lives.get(station);
    const { node, index, parts } = station;
    if (channel !== 'votes' || node === undefined || node.isHealing || life?.found === undefined) return;
    if (node.silence !== undefined) return this.#noteSilence(station);
    const record = parts.disk.voteRecord();
    if (record === undefined || !equalBytes(record, life.found)) return;
    const message = this.#read(bytes);
    if (message === undefined) return;
    const signed = this.#signed.get(station);
    const shown = shownOf(message, index, parts.disk.head().height + 1);
    const forgotten = shown.map(toHex).find((each) => signed?.has(each) === true && !life.known.has(each));
    check(
      forgotten === undefined,
      `validator ${index} is shown by a ${message.type} what it forgot, and is not silent`,
    );
  }

  /** A block is about to be durable here. */
  committed(station: ValidatorStation, { certificate }: BlockCommit): void {
    const life = this.#lives.get(station);
    if (life === undefined || station.node?.silence !== undefined) return;
    const signed = this.#signed.get(station);
    const own = ofSigner(certificate?.signers ?? [], station.index).map(toHex);
    const forgotten = own.find((each) => signed?.has(each) === true && !life.known.has(each));
    check(forgotten === undefined, `validator ${station.index} commits by a Commit that it forgot, and is not silent`);
  }

  /** A frame is about to leave. */
  leaves(station: ValidatorStation, channel: Channel, bytes: Uint8Array): void {
    if (channel === 'checkpoints') return this.#cosigns(station, decodeCheckpointMessage(bytes));
    if (channel === 'transactions' || bytes[1] === 4 || bytes[1] === 5) return;
    const message = this.#parts.work.decode(bytes);
    if (message.type === 'status' || message.type === 'committed' || message.validator !== station.index) return;
    const life = this.#lifeOf(station);
    check(life.silentSince === undefined, `validator ${station.index} was silenced and sends a ${message.type}`);
    const signed = this.#signed.get(station) ?? new Set();
    this.#signed.set(station, signed);
    const signature = toHex(message.signature);
    signed.add(signature);
    life.known.add(signature);
  }

  /** [K1] What it cosigned before it may repeat. */
  #cosigns(station: ValidatorStation, message: CheckpointMessage): void {
    const { silentSince } = this.#lifeOf(station);
    if (message.type !== 'cosignature' || silentSince === undefined) return;
    const { size } = message.cosigned;
    check(
      size <= silentSince,
      `validator ${station.index} was silenced at size ${silentSince} and cosigns size ${size}`,
    );
  }

  #lifeOf(station: ValidatorStation): Life {
    let life = this.#lives.get(station);
    if (life === undefined) {
      life = { known: new Set(), silentSince: undefined, found: undefined };
      this.#lives.set(station, life);
    }
    return life;
  }

  #noteSilence(station: ValidatorStation): void {
    if (station.node?.silence === undefined) return;
    const life = this.#lifeOf(station);
    life.silentSince ??= station.parts.disk.head().logSize;
  }

  /** Undefined for what no honest validator believes. */
  #read(bytes: Uint8Array): Message | undefined {
    const { chainId, validators, work } = this.#parts;
    try {
      const message = work.decode(bytes);
      return work.problem(message, { chainId, epoch: 0, validators }) === undefined ? message : undefined;
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }
}

/** Signatures of a validator in a message, by the words of R3. */
function shownOf(message: Message, index: number, openHeight: number): Uint8Array[] {
  switch (message.type) {
    case 'status':
      return message.heard?.validator === index ? [message.heard.signature] : [];
    case 'committed':
      return message.certificate.height === openHeight ? ofSigner(message.certificate.signers, index) : [];
    case 'view-change': {
      const { prepared, committed } = message;
      const votes = prepared === undefined ? [] : [prepared.prePrepare, ...prepared.prepares];
      const commits = committed.height === openHeight ? (committed.certificate?.signers ?? []) : [];
      return ofSigner([...votes, ...commits], index);
    }
    case 'new-view':
      return [
        ...ofSigner([message, ...message.viewChanges], index),
        ...message.viewChanges.flatMap((each) => shownOf(each, index, openHeight)),
      ];
    default:
      return [];
  }
}

function ofSigner(
  signers: readonly { readonly validator: number; readonly signature: Uint8Array }[],
  index: number,
): Uint8Array[] {
  return signers.filter(({ validator }) => validator === index).map(({ signature }) => signature);
}
