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
import type { ValidatorSet } from '../../node/ledger/validators.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { SharedWork } from './shared-work.ts';
import { check } from './violation.ts';

/** One life of a validator: what it saw dies with it. */
export interface Finder {
  readonly station: number;
  readonly life: string;
  /** The height that votes are for. */
  readonly height: number;
}

export interface JuryParts {
  readonly chainId: Uint8Array;
  readonly validators: ValidatorSet;
  readonly work: SharedWork;
  /** Who lies with its own key, or may have forgotten what it signed. */
  canBeGuilty(validator: number): boolean;
  /** Of checkpoints; none where a liar may fill the place of its own second cosignature with noise [K4]. */
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
  /** Validator -> height of the block. */
  readonly accused = new Map<number, number>();
  /** Who is guilty, and who was shown it. */
  readonly #shown = new Map<number, Finder[]>();
  /** By finder and validator: the latest votes, each place with its digest. */
  readonly #votes = new Map<string, Map<string, string>>();
  /** By finder, validator and size: the root that it was shown first. */
  readonly #roots = new Map<string, string>();
  /** Of the log, after the last block of all, and that block's height. */
  #size = 1;
  #height = 0;

  constructor(parts: JuryParts) {
    this.#parts = parts;
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
      this.#judge(evidence, `the evidence at height ${height}`);
      check(!this.accused.has(evidence.validator), `validator ${evidence.validator} is accused a second time`);
      this.accused.set(evidence.validator, height);
    }
  }

  /** A frame of an honest validator: it passes on nothing that is no evidence. */
  leaves(who: number, channel: Channel, bytes: Uint8Array): void {
    if (channel !== 'transactions' || bytes[0] !== 0x82 || bytes[1] !== 1) return;
    this.#judge(decodeAs(frameSchema, bytes).evidence, `what validator ${who} passes on`);
  }

  #judge(evidence: Evidence, what: string): void {
    const { chainId, validators, canBeGuilty } = this.#parts;
    const { epoch, validator } = evidence;
    check(canBeGuilty(validator), `${what} accuses validator ${validator}, who never contradicted itself`);
    check(epoch === 0, `${what} is of epoch ${epoch}`);
    if (evidence.type !== 0) return; // the witness of checkpoints judges those
    const { first, second } = evidence;
    for (const { kind, signature, ...at } of [first, second]) {
      const key = validators[validator]?.voteKey;
      const signed = voteMessage(kind, chainId, { epoch, ...at });
      check(key !== undefined && verify(signed, signature, key), `${what} has a statement that nobody signed`);
    }
    const isSame = first.kind === second.kind && first.view === second.view && first.height === second.height;
    check(!isSame || first.digest !== second.digest, `${what} says one thing twice`);
  }

  /** A frame comes to an honest validator. */
  arrives(finder: Finder, from: number, channel: Channel, bytes: Uint8Array): void {
    if (channel === 'transactions' || !this.#parts.canBeGuilty(from)) return;
    if (channel === 'checkpoints') return this.#cosignature(finder, from, bytes);
    const message = this.#vote(from, bytes);
    if (message === undefined || this.accused.has(from)) return;
    if (message.height < finder.height - heightsBehind || message.height > finder.height + heightsAhead) return;
    const name = `${finder.station} ${finder.life} ${from}`;
    const votes = this.#votes.get(name) ?? new Map<string, string>();
    this.#votes.set(name, votes);
    const place = `${message.view} ${message.height}`;
    const known = votes.get(place);
    if (known !== undefined && known !== message.digest)
      this.#shown.set(from, [...(this.#shown.get(from) ?? []), finder]);
    votes.delete(place);
    votes.set(place, message.digest);
    for (const old of votes.keys()) if (votes.size > votesKept) votes.delete(old);
  }

  /** [K7] Of the last block of all, which the finder has. */
  #cosignature(finder: Finder, from: number, bytes: Uint8Array): void {
    const { origin, validators } = this.#parts;
    if (origin === undefined || finder.height !== this.#height + 1 || this.accused.has(from)) return;
    const message = checkpointMessageOf(bytes);
    if (message?.type !== 'cosignature') return;
    const { cosigned } = message;
    if (cosigned.validator !== from || cosigned.size !== this.#size || !isCosigned(origin, cosigned, validators))
      return;
    const place = `${finder.station} ${finder.life} ${from} ${cosigned.size}`;
    const known = this.#roots.get(place) ?? cosigned.root;
    this.#roots.set(place, known);
    if (known !== cosigned.root) this.#shown.set(from, [...(this.#shown.get(from) ?? []), finder]);
  }

  #vote(from: number, bytes: Uint8Array) {
    const { chainId, validators, work } = this.#parts;
    let message: Message;
    try {
      message = work.decode(bytes);
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
    if (message.type !== 'pre-prepare' && message.type !== 'prepare' && message.type !== 'commit') return undefined;
    if (message.validator !== from || message.epoch !== 0) return undefined;
    return work.problem(message, { chainId, epoch: 0, validators }) === undefined ? message : undefined;
  }

  /** Who should have been accused by now, and is not: one of these was shown its contradiction and has lived since. */
  missing(isAlive: (finder: Finder) => boolean): number[] {
    const guilty = [...this.#shown].filter(([validator, finders]) => {
      return !this.accused.has(validator) && finders.some(isAlive);
    });
    return guilty.map(([validator]) => validator);
  }
}

function checkpointMessageOf(bytes: Uint8Array) {
  try {
    return decodeCheckpointMessage(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
