// What is the same for every validator that gets the same bytes is done once in a run: reading a frame, judging its
// signatures, reading and verifying a transaction. Whatever differs in a single byte goes the whole way, and what a
// validator decides from its own state it decides by itself.
import { decodeMessage, type Message } from '../../node/consensus/messages.ts';
import { decodeRecord, type VoteRecord } from '../../node/consensus/record.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import type { MessageReader } from '../../node/network/inbound.ts';
import { type Jurisdiction, messageProblem } from '../../node/network/message-checks.ts';

const framesKept = 4_000;
/** Longer frames are rare, and most of them junk. */
const frameBytesMax = 100_000;
const statusKind = 4;

interface Judged {
  readonly under: Jurisdiction;
  readonly problem: string | undefined;
}

export class SharedWork implements MessageReader {
  readonly transactions = new TransactionCache();
  /** The one that went out in broadcasts, and copies of it by their bytes, as after a replay. */
  readonly #byFrame = new WeakMap<Uint8Array, Message>();
  readonly #records = new WeakMap<Uint8Array, VoteRecord>();
  readonly #judged = new WeakMap<Message, Judged>();
  #recent = new Map<string, Message>();
  #older = new Map<string, Message>();

  /** Throws DecodeError. */
  readonly decode = (bytes: Uint8Array): Message => {
    const known = this.#byFrame.get(bytes);
    if (known !== undefined) return known;
    const message = this.#byContent(bytes);
    this.#byFrame.set(bytes, message);
    return message;
  };

  #byContent(bytes: Uint8Array): Message {
    // The second byte is the kind: a status is made for one receiver, and is the same array while it says the same.
    if (bytes.length > frameBytesMax || bytes[1] === statusKind) return decodeMessage(bytes);
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const known = this.#recent.get(name) ?? this.#older.get(name) ?? decodeMessage(bytes);
    if (this.#recent.size >= framesKept) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, known);
    return known;
  }

  problem(message: Message, under: Jurisdiction): string | undefined {
    const known = this.#judged.get(message);
    if (known !== undefined && isSame(known.under, under)) return known.problem;
    const problem = messageProblem(message, under);
    this.#judged.set(message, { under, problem });
    return problem;
  }

  /** Throws DecodeError. */
  record(bytes: Uint8Array): VoteRecord {
    let record = this.#records.get(bytes);
    if (record === undefined) {
      record = decodeRecord(bytes, this.decode);
      this.#records.set(bytes, record);
    }
    return record;
  }
}

/** The same chain in all of a run; a set of validators belongs to its epoch. */
function isSame(a: Jurisdiction, b: Jurisdiction): boolean {
  return a.epoch === b.epoch && a.validators.length === b.validators.length && a.base?.digest === b.base?.digest;
}
