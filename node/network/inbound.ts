// The only minter of Verified messages: between the wire and the replica stands this, and nothing passes whose form,
// sender, place or signature is wrong. It decides nothing of the protocol and never throws: bytes from outside end
// here.
import type { Verified } from '../consensus/events.ts';
import { decodeMessage, type Heard, type Message, type PrePrepare, type Vote } from '../consensus/messages.ts';
import { assert } from '../ledger/assert.ts';
import { DecodeError } from '../ledger/codec.ts';
import { hashBytes } from '../ledger/hash.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { frameBytesMax } from './frames.ts';
import { type Jurisdiction, messageProblem } from './message-checks.ts';
import type { Channel } from './transport.ts';
import { VerifiedSignatures } from './verified-signatures.ts';

/** Votes of so many heights below may still show that their signer contradicted itself [A4]. */
const heightsBehind = 2;
/** Votes further ahead than this say only that we are behind, which status says as well. */
const heightsAhead = 2;

export interface InboundOptions {
  readonly chainId: Uint8Array;
  readonly epoch: number;
  readonly validators: ValidatorSet;
  readonly base?: Jurisdiction['base'];
  /** Our own index; -1 for who has no vote. */
  readonly self: number;
  /** The view we are in and the height that votes are for: the last committed one and one. */
  position(): { readonly view: number; readonly height: number };
  readonly reader?: MessageReader | undefined;
}

/** What is the same for every receiver of the same bytes; one that remembers may stand here. */
export interface MessageReader {
  /** Throws DecodeError. */
  decode(bytes: Uint8Array): Message;
  problem(message: Message, under: Jurisdiction): string | undefined;
}

const plainReader: MessageReader = { decode: decodeMessage, problem: messageProblem };

export type Refusal =
  /** Bytes of no known form, over the limit, on the wrong channel, or fields that no honest sender writes. */
  | { readonly refused: 'malformed'; readonly reason: string }
  /** A message in another validator's name. */
  | { readonly refused: 'not-the-sender' }
  /** [E5] Never counted; one of an earlier epoch is answered with the end of that epoch. */
  | { readonly refused: 'other-epoch'; readonly epoch: number; readonly type: Message['type'] }
  /** A vote for a block that is committed here: the answer is its certificate (rule C3). */
  | {
      readonly refused: 'committed-height';
      readonly height: number;
      readonly type: Message['type'];
      readonly late?: Late;
    }
  /** Of a view that was left. */
  | { readonly refused: 'stale'; readonly late?: Late }
  | { readonly refused: 'far'; readonly height: number }
  /** A signature that does not verify, or a certificate or view change with a part that does not hold. */
  | { readonly refused: 'unproven'; readonly reason: string };

/** What came too late to count, if it is good and recent: nothing but a contradiction can follow from it [A4]. */
export type Late = Verified<PrePrepare | Vote>;

export type Judgement = { readonly message: Verified<Message> } | Refusal;

/** Proposals have a stream of their own, so that a block on its way delays no vote. */
export function channelOf(message: Message): Channel {
  return message.type === 'pre-prepare' ? 'proposals' : 'votes';
}

export class Inbound {
  readonly #options: InboundOptions;
  readonly #under: Jurisdiction;
  readonly #reader: MessageReader;

  constructor(options: InboundOptions) {
    assert(options.chainId.length === hashBytes, 'a chain id is a hash');
    this.#options = options;
    this.#reader = options.reader ?? plainReader;
    const { chainId, epoch, validators, base } = options;
    this.#under = { chainId, epoch, validators, base, check: new VerifiedSignatures().check };
  }

  /** `from` is the index that the channel proves. */
  check(from: number, channel: Channel, bytes: Uint8Array): Judgement {
    if (bytes.length > frameBytesMax[channel]) return malformed(`${bytes.length} bytes on ${channel}`);
    let message: Message;
    try {
      message = this.#reader.decode(bytes);
    } catch (error) {
      if (error instanceof DecodeError) return malformed(error.message);
      throw error;
    }
    if (channelOf(message) !== channel) return malformed(`a ${message.type} on ${channel}`);
    const hint = this.#hintOf(from, message);
    if (hint !== undefined) return { message: hint as Verified<Message> };
    return (
      this.#cheapRefusal(from, message) ?? this.#proofRefusal(message) ?? { message: message as Verified<Message> }
    );
  }

  /** [E5] A status of a later epoch says no more than that there is one. Its sender has another number there. */
  #hintOf(from: number, message: Message): Message | undefined {
    if (message.type !== 'status' || message.epoch <= this.#under.epoch) return undefined;
    return from >= 0 && from < this.#under.validators.length
      ? { ...message, validator: from, heard: undefined }
      : undefined;
  }

  #cheapRefusal(from: number, message: Message): Refusal | undefined {
    const { type } = message;
    const epoch = type === 'committed' ? message.certificate.epoch : message.epoch;
    if (epoch !== this.#under.epoch) return { refused: 'other-epoch', epoch, type };
    if (type === 'committed') return undefined;
    // Every replica repeats the NewView it accepted; everything else comes from its signer or not at all.
    if (type !== 'new-view' && message.validator !== from) return { refused: 'not-the-sender' };
    if (message.validator >= this.#under.validators.length) return malformed(`no validator ${message.validator}`);
    return type === 'pre-prepare' || type === 'prepare' || type === 'commit' ? this.#placeRefusal(message) : undefined;
  }

  #placeRefusal(message: PrePrepare | Vote): Refusal | undefined {
    const { type, view, height } = message;
    const here = this.#options.position();
    if (height < here.height) {
      const isRecent = height >= here.height - heightsBehind;
      return { refused: 'committed-height', height, type, ...(isRecent && this.#late(message)) };
    }
    if (height > here.height + heightsAhead) return { refused: 'far', height };
    // A quorum of Commits is valid in any view; nothing else of a view that we left can matter.
    if (view < here.view && type !== 'commit') return { refused: 'stale', ...this.#late(message) };
    return undefined;
  }

  #late(message: PrePrepare | Vote): { readonly late?: Late } {
    return this.#proofRefusal(message) === undefined ? { late: message as Late } : {};
  }

  #proofRefusal(message: Message): Refusal | undefined {
    const heard = message.type === 'status' ? message.heard : undefined;
    const problem = (heard && this.#heardProblem(heard)) ?? this.#reader.problem(message, this.#under);
    return problem === undefined ? undefined : { refused: 'unproven', reason: `${message.type}: ${problem}` };
  }

  /** [R2] What a peer says it heard from us decides whether we may vote, so it must show our own signature. */
  #heardProblem(heard: Heard): string | undefined {
    if (heard.validator !== this.#options.self) return `heard from validator ${heard.validator}, who is not asked`;
    return heard.epoch === this.#under.epoch ? undefined : `heard in epoch ${heard.epoch}`;
  }
}

function malformed(reason: string): Refusal {
  return { refused: 'malformed', reason };
}
