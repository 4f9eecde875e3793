// The audit of formats, hashes and signatures: takes the log entry by entry and holds the rules that need no state of
// accounts. It knows nothing of the node: what it trusts is the genesis entry, the two hash functions and Ed25519.
import {
  type CommitCertificate,
  certificateProblem,
  certificateSchema,
  type SignatureCheck,
} from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { accepted, type EvidenceEntry, type LineEntry, type TransactionEntry } from '../ledger/entry.ts';
import { evidenceProblem } from '../ledger/evidence.ts';
import { type Digest, digestOf, equalBytes, leafHash, toHex } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { blockEntriesMax } from '../ledger/limits.ts';
import { decodeAs } from '../ledger/schema.ts';
import { verify } from '../ledger/signature.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { headerFault, sizeFault } from './block-check.ts';
import { isReadSigned, type ReadEntry, readEntry } from './entry-reader.ts';
import type { Accused, Counts, Fault, Finding, Rule } from './finding.ts';
import { Frontier, type NodeListener } from './frontier.ts';
import { ReferenceWindow } from './references.ts';
import { inForce, type SetInForce, setAfter } from './set-walk.ts';

/** Thrown where a rule breaks, caught by verify alone. */
export class FindingError extends Error {
  override name = 'FindingError';
  readonly finding: Finding;
  constructor(finding: Finding) {
    super(`${finding.rule}: ${finding.detail}`);
    this.finding = finding;
  }
}

/** What the audit takes from the genesis document. */
export interface ChainTerms {
  readonly validators: ValidatorSet;
  /** The timestamp at height 0. */
  readonly timestamp: number;
  readonly validityMaxMs: number;
  readonly referenceWindowMs: number;
  /** Most transactions of one member in a block. */
  readonly memberTransactionsMax: number;
}

export interface CheckedTransaction {
  readonly kind: 1;
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: TransactionEntry;
  readonly transaction: Transaction;
}

export interface CheckedLine {
  readonly kind: 2;
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: LineEntry;
}

export interface CheckedEvidence {
  readonly kind: 4;
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: EvidenceEntry;
}

export type CheckedEntry = CheckedTransaction | CheckedLine | CheckedEvidence;

/** A block whose form, hashes and transactions are good; its certificate is judged with the next header. */
export interface CheckedBlock {
  readonly firstIndex: number;
  readonly body: readonly CheckedEntry[];
  readonly header: Header;
  readonly headerBytes: Uint8Array;
}

export interface ChainHead {
  readonly height: number;
  readonly digest: Digest;
  readonly logSize: number;
  readonly logRoot: Digest;
  readonly stateRoot: Digest | undefined;
  readonly timestamp: number;
}

export interface ChainOptions {
  readonly listener?: NodeListener | undefined;
  /** Signatures that were judged ahead; Ed25519 itself if nothing is said. */
  readonly check?: SignatureCheck | undefined;
}

export class ChainCheck {
  readonly chainId: Digest;
  readonly #chainBytes: Uint8Array;
  readonly #check: SignatureCheck;
  readonly #terms: ChainTerms;
  /** Of the next block, and of the last one that passed. */
  #set: SetInForce;
  #headSet: SetInForce;
  /** Sets of the epochs that may still be accused. */
  #formerSet: SetInForce | undefined;
  readonly #tree: Frontier;
  readonly #references: ReferenceWindow;
  #head: ChainHead;
  #body: CheckedEntry[] = [];
  readonly #accused = new Map<string, Accused>();
  #counts = { transactions: 0, lines: 0, accepted: 0, refused: 0, signatures: 0, certificates: 0 };

  constructor(genesisEntry: Uint8Array, terms: ChainTerms, { listener, check = verify }: ChainOptions = {}) {
    this.#terms = terms;
    this.#check = check;
    this.#chainBytes = leafHash(genesisEntry);
    this.chainId = digestOf(this.#chainBytes);
    this.#set = inForce({ epoch: 0, from: 1, validators: terms.validators });
    this.#headSet = this.#set;
    this.#references = new ReferenceWindow(terms.referenceWindowMs);
    this.#tree = new Frontier(listener);
    this.#tree.append(this.#chainBytes);
    const logRoot = this.#tree.root();
    const { timestamp } = terms;
    this.#head = { height: 0, digest: this.chainId, logSize: 1, logRoot, stateRoot: undefined, timestamp };
  }

  /** Who certified, and cosigned, the last block that passed. */
  get validators(): ValidatorSet {
    return this.#headSet.validators;
  }

  /** Entries so far. */
  get logSize(): number {
    return this.#tree.size;
  }

  /** The last block that passed. */
  get head(): ChainHead {
    return this.#head;
  }

  /** Validators whose contradictions are proven, in log order: one a validator and epoch. */
  get accused(): Accused[] {
    return [...this.#accused.values()];
  }

  get counts(): Counts {
    return { blocks: this.#head.height, entries: this.#head.logSize, ...this.#counts };
  }

  /** Peaks of the log's tree, largest first. */
  get peaks(): Uint8Array[] {
    return this.#tree.peaks;
  }

  /**
   * The next entry of the log; gives the block that it ends, if it is a header. Of `past` blocks, which an earlier run
   * has judged, no signature is looked at but those that put validators in force. Throws FindingError.
   */
  push(read: Uint8Array | ReadEntry, past = false): CheckedBlock | undefined {
    if (read instanceof Uint8Array) return this.push(readEntry(read), past);
    const { bytes, entry } = read;
    const index = this.#tree.size;
    if (typeof entry === 'string') return this.#fail('entry-form', entry, index);
    switch (entry.kind) {
      case 0:
        return this.#fail('entry-order', 'a second genesis entry', index);
      case 1: {
        const transaction = this.#transaction(read, index, past);
        this.#body.push({ kind: 1, index, bytes, entry, transaction });
        break;
      }
      case 2:
        this.#line(entry, index);
        this.#body.push({ kind: 2, index, bytes, entry });
        break;
      case 3:
        return this.#seal(entry.header, bytes, index, past);
      case 4:
        this.#evidence(entry, index);
        this.#body.push({ kind: 4, index, bytes, entry });
        break;
    }
    // A log that never seals a block must not fill the memory.
    if (this.#body.length > blockEntriesMax) this.#fail('block-size', `over ${blockEntriesMax} entries`, index);
    this.#tree.append(leafHash(bytes));
    return undefined;
  }

  /** After the last entry: the last block needs a certificate too, and nothing may follow it. Throws FindingError. */
  finish(certificate: Uint8Array | undefined): void {
    if (this.#body.length > 0) this.#fail('entry-order', 'the log ends within a block', this.#tree.size - 1);
    const { height } = this.#head;
    if (height === 0) {
      if (certificate !== undefined)
        this.#fail('certificate', 'a certificate where there is no block', undefined, { height });
      return;
    }
    const bytes = certificate ?? this.#fail('certificate', 'the last block has none', undefined, { height });
    let decoded: CommitCertificate;
    try {
      decoded = decodeAs(certificateSchema, bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      decoded = this.#fail('certificate', `of the last block: ${error.message}`, undefined, { height });
    }
    this.#certificate(decoded, { height, check: this.#check });
  }

  /** Of the next block, if no height is given. */
  #fail(rule: Rule, detail: string, index?: number, more: Omit<Partial<Finding>, 'index'> = {}): never {
    const height = this.#head.height + 1;
    throw new FindingError({ height, ...(index === undefined ? {} : { index }), rule, detail, ...more });
  }

  #hold(fault: Fault | undefined, index: number): void {
    if (fault !== undefined) this.#fail(fault.rule, fault.detail, index, fault);
  }

  /** What needs the block's timestamp waits for the header. */
  #transaction(read: ReadEntry, index: number, past: boolean): Transaction {
    const { transaction } = read;
    if (typeof transaction !== 'object') return this.#fail('transaction-form', transaction ?? 'none', index);
    const { chainId } = transaction.body;
    if (!equalBytes(chainId, this.#chainBytes))
      this.#fail('transaction-chain', `it names chain ${toHex(chainId)}`, index, {
        ...{ found: toHex(chainId), expected: this.chainId },
      });
    if (!past && !isReadSigned(read, transaction, this.#check))
      this.#fail('transaction-signature', `transaction ${transaction.id} is not signed by its key`, index, {
        ...{ found: toHex(transaction.signature), expected: `a signature by ${toHex(transaction.publicKey)}` },
      });
    this.#counts.signatures++;
    return transaction;
  }

  #line(line: LineEntry, index: number): void {
    const previous = this.#body.at(-1);
    if (previous === undefined || previous.kind === 4)
      return this.#fail('entry-order', 'a batch line without a batch', index);
    const number = previous.kind === 1 ? 1 : previous.entry.line + 1;
    const batch = previous.kind === 1 ? previous.index : previous.entry.batch;
    if (line.batch !== batch || line.line !== number) {
      const [found, expected] = [`line ${line.line} of batch ${line.batch}`, `line ${number} of ${batch}`];
      this.#fail('entry-order', `${found} where ${expected} is due`, index, { found, expected });
    }
    if (previous.kind === 1 && previous.entry.outcome !== accepted)
      this.#fail('entry-order', 'a line of a refused batch', index);
  }

  /** Judged by the signatures and the validator set alone; that it names whom they prove guilty is part of it. */
  #evidence({ evidence, events }: EvidenceEntry, index: number): void {
    if (this.#body.length > 0) this.#fail('entry-order', 'evidence that is not the first entry of its block', index);
    const { epoch, validator } = evidence;
    const set = [this.#set, this.#formerSet].find((each) => each?.epoch === epoch)?.validators;
    const id = set?.[validator]?.id;
    if (set === undefined || id === undefined)
      return this.#fail('evidence', `no validator ${validator} of epoch ${epoch} to be accused`, index);
    const problem = evidenceProblem(evidence, this.#chainBytes, set);
    if (problem !== undefined) this.#fail('evidence', problem, index);
    const [event] = events;
    const [eventEpoch, eventId] = Array.isArray(event?.payload) ? event.payload : [];
    const isNamed = event?.contract === 'consortium' && event.type === 'accused' && event.payload !== undefined;
    if (!isNamed || eventEpoch !== epoch || eventId !== id)
      this.#fail('evidence', `its event does not name ${id} in epoch ${epoch}`, index);
    const key = `${epoch}/${id}`;
    if (this.#accused.has(key)) this.#fail('evidence', `${id} is accused in epoch ${epoch} twice`, index);
    this.#accused.set(key, { validator: id, epoch, height: this.#head.height + 1, index });
    this.#counts.signatures += 2;
  }

  #seal(header: Header, bytes: Uint8Array, index: number, past: boolean): CheckedBlock {
    const next = this.#header(header, index, past);
    this.#hold(sizeFault(this.#body, this.#terms.memberTransactionsMax), index);
    this.#operations(header.timestamp);
    const body = this.#body;
    this.#headSet = this.#set;
    if (next !== this.#set) [this.#formerSet, this.#set] = [this.#set, next];
    const leaf = leafHash(bytes);
    this.#tree.append(leaf);
    this.#body = [];
    this.#head = {
      height: header.height,
      digest: digestOf(leaf),
      logSize: index + 1,
      logRoot: this.#tree.root(),
      stateRoot: digestOf(header.stateRoot),
      timestamp: header.timestamp,
    };
    return { firstIndex: index - body.length, body, header, headerBytes: bytes };
  }

  /** Answers with the set of the next height. */
  #header(header: Header, index: number, past: boolean): SetInForce {
    const { height, digest, timestamp } = this.#head;
    const place = { height: height + 1, parent: digest, after: timestamp, logSize: index, logRoot: this.#tree.root() };
    this.#hold(headerFault(header, { chainId: this.#chainBytes, set: this.#set, ...place }), index);
    const next = this.#nextSet(header, index);
    const { length } = this.#set.validators;
    if (header.proposer >= length)
      this.#fail('header-epoch', `no validator ${header.proposer}`, index, {
        ...{ found: `${header.proposer}`, expected: `below ${length}` },
      });
    this.#parentCertificate(header, index, past);
    return next;
  }

  /** That of the next height, by this block's entries; the header must name it. */
  #nextSet(header: Header, index: number): SetInForce {
    const transactions = this.#body.flatMap((each) => (each.kind === 1 ? [each.entry] : []));
    const next = setAfter(transactions, this.#set, header.height);
    if (typeof next === 'string') return this.#fail('header-epoch', next, index);
    if (!equalBytes(header.nextValidatorSetHash, next.hash))
      this.#fail('header-epoch', 'the next validator set is not the one that the entries give', index, {
        ...{ found: toHex(header.nextValidatorSetHash), expected: toHex(next.hash) },
      });
    return next;
  }

  #parentCertificate({ lastCommit }: Header, index: number, past: boolean): void {
    if (this.#head.height === 0) {
      if (lastCommit !== undefined) this.#fail('certificate', 'a certificate of genesis, which has none', index);
      return;
    }
    const parent = lastCommit ?? this.#fail('certificate', 'the header has none of its parent', index);
    // Under a certificate that ends an epoch stand the keys of the next one: it is looked at in any case.
    const trusted = past && this.#headSet === this.#set;
    this.#certificate(parent, { index, height: this.#head.height + 1, check: trusted ? () => true : this.#check });
  }

  /** Of the head. `height` and `index` say where it stands: in the next header, for the last block beside the log. */
  #certificate(
    certificate: CommitCertificate,
    { index, height, check }: { index?: number; height: number; check: SignatureCheck },
  ): void {
    const { head } = this;
    const { epoch, digest } = certificate;
    if (certificate.height !== head.height || digest !== head.digest || epoch !== this.#headSet.epoch) {
      const found = `of height ${certificate.height}, epoch ${epoch}, block ${digest}`;
      const due = `where block ${head.digest} of height ${head.height} is due`;
      const expected = `of height ${head.height}, epoch ${this.#headSet.epoch}, block ${head.digest}`;
      this.#fail('certificate', `${found} ${due}`, index, { found, expected, height });
    }
    const problem = certificateProblem(certificate, this.#chainBytes, this.#headSet.validators, check);
    if (problem !== undefined)
      this.#fail('certificate', `of height ${head.height}: ${problem}`, index, { found: problem, height });
    this.#counts.certificates++;
    this.#counts.signatures += certificate.signers.length;
  }

  /** In log order, because a reference that one entry uses is used for the next one. */
  #operations(time: number): void {
    this.#references.advance(time);
    let member = '';
    this.#body.forEach((item, i) => {
      if (item.kind === 4) return;
      if (item.kind === 1) {
        ({ member } = item.transaction.body);
        this.#transactionInTime(item, time);
        this.#counts.transactions++;
        if (this.#body[i + 1]?.kind === 2) return;
      } else {
        this.#lineReference(member, item, time);
        this.#counts.lines++;
      }
      if (item.entry.outcome === accepted) this.#counts.accepted++;
      else this.#counts.refused++;
    });
  }

  #transactionInTime({ transaction, index }: CheckedTransaction, time: number): void {
    const { member, reference, validUntil } = transaction.body;
    if (validUntil <= time || validUntil > time + this.#terms.validityMaxMs)
      this.#fail('transaction-time', `valid until ${validUntil} in a block of ${time}`, index, {
        ...{ found: `${validUntil}`, expected: `above ${time}, at most ${time + this.#terms.validityMaxMs}` },
      });
    if (this.#references.has(member, reference))
      this.#fail('reference', `${member} used the reference ${reference} before`, index);
    this.#references.add(member, reference, time);
  }

  /** A used reference refuses a line alone (DU04), and only a used one does; every other outcome uses it. */
  #lineReference(member: string, { entry, index }: CheckedLine, time: number): void {
    const used = this.#references.has(member, entry.reference);
    if (used !== (entry.outcome === duplicateReference))
      this.#fail(
        'reference',
        `${member} ${used ? 'used' : 'never used'} the reference ${entry.reference} before`,
        index,
      );
    if (!used) this.#references.add(member, entry.reference, time);
  }
}

/** The host's code for a line under a used reference (ISO 20022 DU04); no contract answers it. */
const duplicateReference = 'DU04';
