// The only minter of Verified messages: between the wire and the replica stands this, and nothing passes whose form,
// sender, place or signature is wrong. It decides nothing of the protocol and never throws: bytes from outside end
// here.
import type { Verified } from '../consensus/events.ts';
import { decodeMessage, type Heard, type Message, type PrePrepare, type Vote } from '../consensus/messages.ts';
import { assert } from '../ledger/assert.ts';
import { certificateProblem } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { headerDigest } from '../ledger/entry.ts';
import { hashBytes } from '../ledger/hash.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { frameBytesMax } from './frames.ts';
import { type Jurisdiction, newViewProblem, signatureProblem, viewChangeProblem } from './message-checks.ts';
import type { Channel } from './transport.ts';
import { VerifiedSignatures } from './verified-signatures.ts';

/** Votes further ahead than this say only that we are behind, which status says as well. */
const heightsAhead = 2;

export interface InboundOptions {
  readonly chainId: Uint8Array;
  readonly epoch: number;
  readonly validators: ValidatorSet;
  /** Our own index. */
  readonly self: number;
  /** The view we are in and the height that votes are for: the last committed one and one. */
  position(): { readonly view: number; readonly height: number };
}

export type Refusal =
  /** Bytes of no known form, over the limit, on the wrong channel, or fields that no honest sender writes. */
  | { readonly refused: 'malformed'; readonly reason: string }
  /** A message in another validator's name. */
  | { readonly refused: 'not-the-sender' }
  /** May be answered with certificates; never counted. */
  | { readonly refused: 'other-epoch'; readonly epoch: number; readonly type: Message['type'] }
  /** A vote for a block that is committed here: the answer is its certificate (rule C3). */
  | { readonly refused: 'committed-height'; readonly height: number; readonly type: Message['type'] }
  | { readonly refused: 'stale' }
  | { readonly refused: 'far'; readonly height: number }
  /** A signature that does not verify, or a certificate or view change with a part that does not hold. */
  | { readonly refused: 'unproven'; readonly reason: string };

export type Judgement = { readonly message: Verified<Message> } | Refusal;

/** Proposals have a stream of their own, so that a block on its way delays no vote. */
export function channelOf(message: Message): Channel {
  return message.type === 'pre-prepare' ? 'proposals' : 'votes';
}

export class Inbound {
  readonly #options: InboundOptions;
  readonly #under: Jurisdiction;

  constructor(options: InboundOptions) {
    assert(options.chainId.length === hashBytes, 'a chain id is a hash');
    assert(options.validators[options.self] !== undefined, 'our own index is one of the set');
    this.#options = options;
    const { chainId, epoch, validators } = options;
    this.#under = { chainId, epoch, validators, check: new VerifiedSignatures().check };
  }

  /** `from` is the index that the channel proves. */
  check(from: number, channel: Channel, bytes: Uint8Array): Judgement {
    if (bytes.length > frameBytesMax[channel]) return malformed(`${bytes.length} bytes on ${channel}`);
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (error instanceof DecodeError) return malformed(error.message);
      throw error;
    }
    if (channelOf(message) !== channel) return malformed(`a ${message.type} on ${channel}`);
    return (
      this.#cheapRefusal(from, message) ?? this.#proofRefusal(message) ?? { message: message as Verified<Message> }
    );
  }

  #cheapRefusal(from: number, message: Message): Refusal | undefined {
    const { type } = message;
    const epoch = type === 'committed' ? message.certificate.epoch : message.epoch;
    // Every replica repeats the NewView it accepted; everything else comes from its signer or not at all.
    if (type !== 'committed' && type !== 'new-view' && message.validator !== from) return { refused: 'not-the-sender' };
    if (epoch !== this.#under.epoch) return { refused: 'other-epoch', epoch, type };
    if (type !== 'committed' && message.validator >= this.#under.validators.length)
      return malformed(`no validator ${message.validator}`);
    return type === 'pre-prepare' || type === 'prepare' || type === 'commit' ? this.#placeRefusal(message) : undefined;
  }

  #placeRefusal(message: PrePrepare | Vote): Refusal | undefined {
    const { type, view, height } = message;
    const here = this.#options.position();
    if (height < here.height) return { refused: 'committed-height', height, type };
    if (height > here.height + heightsAhead) return { refused: 'far', height };
    // A quorum of Commits is valid in any view; nothing else of a view that we left can matter.
    if (view < here.view && type !== 'commit') return { refused: 'stale' };
    return undefined;
  }

  #proofRefusal(message: Message): Refusal | undefined {
    const problem = this.#problem(message);
    return problem === undefined ? undefined : { refused: 'unproven', reason: `${message.type}: ${problem}` };
  }

  #problem(message: Message): string | undefined {
    const under = this.#under;
    switch (message.type) {
      case 'pre-prepare':
        return this.#prePrepareProblem(message);
      case 'prepare':
      case 'commit':
        return signatureProblem(message.type, message, message.validator, message.signature, under);
      case 'view-change':
        return viewChangeProblem(message, under);
      case 'new-view':
        return newViewProblem(message, under);
      case 'status':
        return message.heard === undefined ? undefined : this.#heardProblem(message.heard);
      case 'committed':
        return message.certificate.height === 0
          ? 'a certificate for height 0'
          : certificateProblem(message.certificate, under.chainId, under.validators, under.check);
    }
  }

  #prePrepareProblem(message: PrePrepare): string | undefined {
    const { view, validator, digest, block } = message;
    if (validator !== view % this.#under.validators.length)
      return `validator ${validator} is not the primary of view ${view}`;
    if (headerDigest(block.header) !== digest) return 'the header has another digest';
    return signatureProblem('pre-prepare', message, validator, message.signature, this.#under);
  }

  /** [R2] What a peer says it heard from us decides whether we may vote, so it must show our own signature. */
  #heardProblem(heard: Heard): string | undefined {
    if (heard.validator !== this.#options.self) return `heard from validator ${heard.validator}, who is not asked`;
    if (heard.epoch !== this.#under.epoch) return `heard in epoch ${heard.epoch}`;
    return signatureProblem(heard.kind, heard, heard.validator, heard.signature, this.#under);
  }
}

function malformed(reason: string): Refusal {
  return { refused: 'malformed', reason };
}
