// Holds evidence to what the simulator knows: who can have contradicted itself at all, and which validators were shown
// both halves of a contradiction and must bring it to the ledger. It finds contradictions by itself, in the plainest
// form: two votes for one view and height.
import { decodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import type { Message } from '../../node/consensus/messages.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { isCosigned } from '../../node/ledger/cosignature.ts';
import { decodeEntry } from '../../node/ledger/entry.ts';
import { type Evidence, evidenceSchema } from '../../node/ledger/evidence.ts';
import { decodeAs, literal, record } from '../../node/ledger/schema.ts';
import { verify } from '../../node/ledger/signature.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { Epochs } from './epochs.ts';
import type { SharedWork } from './shared-work.ts';
import { check } from './violation.ts';

/** One life of a validator: what it saw dies with it. */
export interface Finder {
  readonly station: number;
  readonly life: string;
  /** The height that votes are for, and its epoch. */
  readonly height: number;
  readonly epoch: number;
}

interface Shown extends Finder {
  readonly guilty: number;
}

export interface JuryParts {
  readonly chainId: Uint8Array;
  readonly epochs: Epochs;
  readonly work: SharedWork;
  /** Machines that lie with their own keys, or may have forgotten what they signed. */
  canBeGuilty(machine: number): boolean;
  /**
   * Of checkpoints; none where a liar may fill the place of its second cosignature with noise [K4], or validators
   * change.
   */
  readonly origin: string | undefined;
}

/** Taken whatever they say, as docs/consensus.md has it [A4]. */
const heightsBehind = 2;
const heightsAhead = 2;
/** Of one validator, in one life; far fewer than a replica keeps. */
const votesKept = 8;

const frameSchema = record({ kind: literal(1), evidence: evidenceSchema });

export class Jury {
  readonly #parts: JuryParts;
  /** Machine and epoch -> height of the block. */
  readonly #accused = new Map<string, number>();
  /** Who is guilty in which epoch, and who was shown it. */
  readonly #shown = new Map<string, Shown[]>();
  /** By finder, epoch and machine: the latest votes, each place with its digest. */
  readonly #votes = new Map<string, Map<string, string>>();
  /** By finder, validator and size: the root that it was shown first. */
  readonly #roots = new Map<string, string>();
  /** Of the log, after the last block of all, and that block's height. */
  #size = 1;
  #height = 0;

  constructor(parts: JuryParts) {
    this.#parts = parts;
  }

  /** Machines, in the order in which they were accused. */
  get accused(): number[] {
    return [...new Set([...this.#accused.keys()].map((name) => Number(name.split(' ')[0])))];
  }

  /** A block that is new to the chain. */
  landed(height: number, entries: readonly Uint8Array[]): void {
    this.#size += entries.length;
    this.#height = height;
    this.#roots.clear();
    const found = entries.flatMap((bytes) => {
      const entry = bytes[1] === 4 ? decodeEntry(bytes) : undefined;
      return entry?.kind === 4 ? [entry.evidence] : [];
    });
    check(found.length <= 1, `${found.length} pieces of evidence at height ${height}`);
    for (const evidence of found) {
      const what = `the evidence at height ${height}`;
      const name = nameOf(this.#judge(evidence, what), evidence.epoch);
      // [A3]
      const { number } = this.#parts.epochs.at(height);
      check(evidence.epoch === number || evidence.epoch === number - 1, `${what} is of epoch ${evidence.epoch}`);
      check(!this.#accused.has(name), `validator ${evidence.validator} is accused a second time`);
      this.#accused.set(name, height);
    }
  }

  /** A frame of an honest validator: it passes on nothing that is no evidence. */
  leaves(who: number, channel: Channel, bytes: Uint8Array): void {
    if (channel !== 'transactions' || bytes[0] !== 0x82 || bytes[1] !== 1) return;
    this.#judge(decodeAs(frameSchema, bytes).evidence, `what validator ${who} passes on`);
  }

  /** Answers with the machine. */
  #judge(evidence: Evidence, what: string): number {
    const { chainId, epochs, canBeGuilty } = this.#parts;
    const { epoch, validator } = evidence;
    const machine = epochs.machineOf(validator, epoch);
    check(canBeGuilty(machine), `${what} accuses validator ${validator}, who never contradicted itself`);
    if (evidence.type !== 0) return machine; // the witness of checkpoints judges those
    const { first, second } = evidence;
    for (const { kind, signature, ...at } of [first, second]) {
      const key = epochs.numbered(epoch)?.validators[validator]?.voteKey;
      const signed = voteMessage(kind, chainId, { epoch, ...at });
      check(key !== undefined && verify(signed, signature, key), `${what} has a statement that nobody signed`);
    }
    const isSame = first.kind === second.kind && first.view === second.view && first.height === second.height;
    check(!isSame || first.digest !== second.digest, `${what} says one thing twice`);
    return machine;
  }

  /** A frame comes to an honest validator. */
  arrives(finder: Finder, from: number, channel: Channel, bytes: Uint8Array): void {
    if (channel === 'transactions' || !this.#parts.canBeGuilty(from)) return;
    if (channel === 'checkpoints') return this.#cosignature(finder, from, bytes);
    const message = this.#vote(from, finder.epoch, bytes);
    const guilty = nameOf(from, finder.epoch);
    if (message === undefined || this.#accused.has(guilty)) return;
    if (message.height < finder.height - heightsBehind || message.height > finder.height + heightsAhead) return;
    const name = `${finder.station} ${finder.life} ${guilty}`;
    const votes = this.#votes.get(name) ?? new Map<string, string>();
    this.#votes.set(name, votes);
    const place = `${message.view} ${message.height}`;
    const known = votes.get(place);
    if (known !== undefined && known !== message.digest) this.#show(guilty, { ...finder, guilty: from });
    votes.delete(place);
    votes.set(place, message.digest);
    for (const old of votes.keys()) if (votes.size > votesKept) votes.delete(old);
  }

  #show(guilty: string, shown: Shown): void {
    this.#shown.set(guilty, [...(this.#shown.get(guilty) ?? []), shown]);
  }

  /** [K7] Of the last block of all, which the finder has. */
  #cosignature(finder: Finder, from: number, bytes: Uint8Array): void {
    const { origin, epochs } = this.#parts;
    const guilty = nameOf(from, finder.epoch);
    if (origin === undefined || finder.height !== this.#height + 1 || this.#accused.has(guilty)) return;
    const message = checkpointMessageOf(bytes);
    if (message?.type !== 'cosignature') return;
    const { cosigned } = message;
    const { validators } = epochs.latest;
    if (cosigned.validator !== from || cosigned.size !== this.#size || !isCosigned(origin, cosigned, validators))
      return;
    const place = `${finder.station} ${finder.life} ${from} ${cosigned.size}`;
    const known = this.#roots.get(place) ?? cosigned.root;
    this.#roots.set(place, known);
    if (known !== cosigned.root) this.#show(guilty, { ...finder, guilty: from });
  }

  #vote(from: number, number: number, bytes: Uint8Array) {
    const { chainId, epochs, work } = this.#parts;
    const epoch = epochs.numbered(number);
    let message: Message;
    try {
      message = work.decode(bytes);
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
    if (message.type !== 'pre-prepare' && message.type !== 'prepare' && message.type !== 'commit') return undefined;
    if (epoch === undefined || message.epoch !== number || epoch.machines[message.validator] !== from) return undefined;
    const under = { chainId, epoch: number, validators: epoch.validators, base: epoch.base };
    return work.problem(message, under) === undefined ? message : undefined;
  }

  /**
   * Who should have been accused by now, and is not: one of these was shown its contradiction and has lived since.
   * What is of an epoch before the last can stand in no block any more [A3].
   */
  missing(isAlive: (finder: Finder) => boolean): number[] {
    const last = this.#parts.epochs.latest.number;
    const guilty = [...this.#shown].filter(([name, finders]) => {
      return !this.#accused.has(name) && finders.some((each) => each.epoch >= last - 1 && isAlive(each));
    });
    return guilty.flatMap(([, finders]) => finders.slice(0, 1).map((each) => each.guilty));
  }
}

function nameOf(machine: number, epoch: number): string {
  return `${machine} ${epoch}`;
}

function checkpointMessageOf(bytes: Uint8Array) {
  try {
    return decodeCheckpointMessage(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
