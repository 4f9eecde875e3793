// Who lied, from logs and checkpoints that do not fit together: two commits of one validator for two blocks, two
// cosignatures for one size, each judged by the set of its own height or size. However many are guilty, each pair of
// signatures stands by itself; a log that is damaged in other ways is read as far as it goes, since judging logs is
// another command's work.
import type { Genesis } from '../../genesis/genesis.ts';
import { type CommitCertificate, certificateProblem, certificateSchema } from '../ledger/certificate.ts';
import { cosignerKey, type LogName, originOf, parseCheckpointText } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { type CosignedHead, decodeTimed, isSignedBy } from '../ledger/cosignature.ts';
import { decodeEntry } from '../ledger/entry.ts';
import { contradict, cosignatureEvidenceOf, type Evidence, evidenceOf, evidenceProblem } from '../ledger/evidence.ts';
import { digestBytes, toHex } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { parseNote } from '../ledger/note.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { KnownSet } from '../ledger/set-chain.ts';
import { quorumOf } from '../ledger/validators.ts';
import { logNameOf } from './anchor.ts';
import type { JudgedCheckpoint } from './checkpoint-check.ts';
import type { Cosigner, GivenCheckpoint } from './consistency.ts';
import { lineOf } from './policy.ts';
import type { SetHistories } from './set-histories.ts';

export interface RecordedEvidence extends Cosigner {
  readonly log: string;
  readonly index: number;
  readonly epoch: number;
}

export interface Guilty extends Cosigner {
  readonly epoch: number;
  readonly evidence: Evidence;
}

/** Two certified blocks of one height in different views: over f lied, and commits alone do not say who. */
export interface Suspicion {
  readonly height: number;
  readonly views: readonly [number, number];
  readonly validators: readonly Cosigner[];
}

/** How many of one set lied, and how many may without harm. */
export interface EpochGuilt {
  readonly epoch: number;
  readonly guilty: number;
  readonly faulty: number;
}

export interface BlameReport {
  /** Entries of the logs that hold evidence, judged again. */
  readonly recorded: readonly RecordedEvidence[];
  /** One a validator and epoch, in the order in which they were found. */
  readonly guilty: readonly Guilty[];
  readonly suspicions: readonly Suspicion[];
  /** Of the epochs in which anybody is guilty, ascending. */
  readonly epochs: readonly EpochGuilt[];
  /** Entries, certificates and checkpoints that could not be read, or are of another log. */
  readonly unread: number;
  /** What the sources themselves could not give: more may be there to find. */
  readonly missing: readonly { readonly log: string; readonly what: string }[];
}

interface Certified {
  readonly set: KnownSet;
  readonly certificate: CommitCertificate;
}

/** A log as it is collected: push its entries in order. */
export class CollectedLog {
  readonly name: string;
  /**
   * By height, every one that stands in a header or beside the log. Two of one height accuse whoever signed both,
   * whatever else is in the log: so none replaces another, and the block itself is not asked for.
   */
  readonly certificates = new Map<number, CommitCertificate[]>();
  readonly evidence: { readonly index: number; readonly evidence: Evidence }[] = [];
  /** Of the highest block, as the headers say; at most one an entry. */
  height = 0;
  /** Pieces that are not there, or of no accepted form: they are left out, and counted. */
  unread = 0;
  /** What the source could not give, for people. */
  readonly missing: string[] = [];
  #size = 0;

  constructor(name: string) {
    this.name = name;
  }

  push(bytes: Uint8Array): void {
    const index = this.#size++;
    const entry = decoded(() => decodeEntry(bytes));
    if (entry === undefined) this.unread++;
    if (entry?.kind === 4) this.evidence.push({ index, evidence: entry.evidence });
    if (entry?.kind === 3) this.#header(entry.header);
  }

  /** Entries that the source cannot give. */
  skip(count: number): void {
    this.#size += count;
  }

  miss(what: string, pieces = 1): void {
    this.missing.push(what);
    this.unread += pieces;
  }

  /** Of the last block, which no header follows. */
  finish(certificate: Uint8Array | undefined): void {
    const last = certificate && decoded(() => decodeAs(certificateSchema, certificate));
    if (last === undefined) this.unread++;
    if (last !== undefined) this.certify(last);
  }

  #header({ height, lastCommit }: Header): void {
    this.height = Math.max(this.height, Math.min(height, this.#size));
    if (lastCommit !== undefined) this.certify(lastCommit);
  }

  certify(certificate: CommitCertificate): void {
    const before = this.certificates.get(certificate.height);
    if (before === undefined) this.certificates.set(certificate.height, [certificate]);
    else before.push(certificate);
  }
}

export function blame(
  genesis: Genesis,
  sets: SetHistories,
  logs: readonly CollectedLog[],
  notes: readonly GivenCheckpoint[],
): BlameReport {
  return new Inquiry(logNameOf(genesis), sets).run(logs, notes);
}

class Inquiry {
  readonly #log: LogName;
  readonly #chainId: Uint8Array;
  readonly #sets: SetHistories;
  readonly #guilty = new Map<string, Guilty>();
  readonly #suspicions: Suspicion[] = [];
  readonly #gaps: BlameReport['missing'][number][] = [];
  #unread = 0;

  constructor(log: LogName, sets: SetHistories) {
    this.#log = log;
    this.#chainId = digestBytes(log.chainId);
    this.#sets = sets;
  }

  run(logs: readonly CollectedLog[], notes: readonly GivenCheckpoint[]): BlameReport {
    const recorded = logs.flatMap((log) => this.#recorded(log));
    logs.forEach((first, i) => {
      for (const second of logs.slice(i + 1)) this.#compareBlocks(first, second);
    });
    this.#compareCosignatures(notes);
    const guilty = [...this.#guilty.values()];
    const unread = logs.reduce((sum, each) => sum + each.unread, 0) + this.#unread;
    const missing = [
      ...logs.flatMap(({ name, missing: each }) => each.map((what) => ({ log: name, what }))),
      ...this.#gaps,
    ];
    return { recorded, guilty, suspicions: this.#suspicions, epochs: this.#epochsOf(guilty), unread, missing };
  }

  #epochsOf(guilty: readonly Guilty[]): EpochGuilt[] {
    const numbers = [...new Set(guilty.map(({ epoch }) => epoch))].sort((a, b) => a - b);
    return numbers.map((epoch) => {
      const sizes = this.#sets.ofEpoch(epoch).map(({ validators }) => quorumOf(validators.length).faulty);
      const count = guilty.filter((each) => each.epoch === epoch).length;
      return { epoch, guilty: count, faulty: Math.max(...sizes) };
    });
  }

  #recorded({ name, evidence }: CollectedLog): RecordedEvidence[] {
    return evidence.flatMap(({ index, evidence: each }) => {
      const set = this.#sets.ofEpoch(each.epoch).find(({ validators }) => this.#isProven(each, validators));
      return set === undefined ? [] : [{ log: name, index, epoch: each.epoch, ...who(set, each.validator) }];
    });
  }

  #compareBlocks(first: CollectedLog, second: CollectedLog): void {
    const unproved = new Set<number>();
    for (const [height, certificates] of first.certificates)
      for (const one of certificates)
        for (const other of second.certificates.get(height) ?? []) {
          // Where two logs part they are of one epoch; of what a later one signed, only its own side can say.
          if (one.digest === other.digest || one.epoch !== other.epoch) continue;
          if (!this.#comparePair(one, other)) unproved.add(height);
        }
    // Whoever lied may have damaged its own signatures: that hides itself alone, and is said.
    if (unproved.size === 0) return;
    const [lowest] = [...unproved].sort((a, b) => a - b);
    const where = `where they contradict each other (${unproved.size}, from height ${lowest} on)`;
    this.#gaps.push({ log: second.name, what: `its certificates or those of ${first.name} do not verify ${where}` });
    this.#unread += unproved.size;
  }

  /** False where one of them is certified by no set that is known, and whoever is in it may not be proved guilty. */
  #comparePair(one: CommitCertificate, other: CommitCertificate): boolean {
    const certified = [one, other].map((certificate) => {
      return this.#sets.ofHeight(certificate.epoch, certificate.height).map((set) => ({ set, certificate }));
    });
    const [ones = [], others = []] = certified;
    const judged = ones.flatMap((first) => others.map((second) => this.#compareSigners(first, second)));
    return judged.includes(true) || certified.every((each) => each.some((given) => this.#isCertified(given)));
  }

  #isCertified({ set, certificate }: Certified): boolean {
    return certificateProblem(certificate, this.#chainId, set.validators) === undefined;
  }

  /** Whether somebody signed both, and every pair of signatures verifies. */
  #compareSigners(one: Certified, other: Certified): boolean {
    const { epoch, height, view, digest } = one.certificate;
    const twins = twinsOf(one, other);
    if (twins.length === 0) return false;
    const otherView = other.certificate.view;
    const both: Cosigner[] = [];
    let isProven = true;
    for (const { validator, signatures } of twins) {
      const a = { kind: 'commit', view, height, digest, signature: signatures[0] } as const;
      const { digest: otherDigest } = other.certificate;
      const b = { kind: 'commit', view: otherView, height, digest: otherDigest, signature: signatures[1] } as const;
      if (!contradict(a, b)) both.push(who(one.set, validator));
      else if (!this.#accuse(evidenceOf(epoch, validator, a, b), one.set)) isProven = false;
    }
    if (both.length === 0 || twins.every(({ validator }) => this.#guilty.has(keyOf(one.set, validator))))
      return isProven;
    if (!this.#isCertified(one) || !this.#isCertified(other)) return false;
    this.#suspicions.push({ height, views: [view, otherView], validators: both });
    return isProven;
  }

  #compareCosignatures(notes: readonly GivenCheckpoint[]): void {
    const seen = new Map<string, Signed>();
    for (const { bytes } of notes)
      for (const { set, head } of this.#cosigned(bytes)) {
        const { auditKey = new Uint8Array(0) } = set.validators[head.validator] ?? {};
        const key = `${toHex(auditKey)}/${head.size}`;
        const before = seen.get(key);
        if (before === undefined) seen.set(key, { set, head });
        else if (before.head.root !== head.root) {
          const pair = { first: before.head, second: { ...head, validator: before.head.validator } };
          this.#accuse(cosignatureEvidenceOf(before.set.epoch, this.#log.ledger, pair), before.set);
        }
      }
  }

  #cosigned(bytes: Uint8Array): readonly Signed[] {
    const note = decoded(() => parseNote(bytes));
    const checkpoint = note && decoded(() => parseCheckpointText(note.text));
    if (note !== undefined && checkpoint?.origin === originOf(this.#log))
      return this.#sets.ofSize(checkpoint.size).flatMap((set) => cosignedBy(set, this.#log, { note, checkpoint }));
    this.#unread++;
    return [];
  }

  /** Whether it is guilty, by this or before. Signatures cost: once it is, no more of them are looked at. */
  #accuse(evidence: Evidence, set: KnownSet): boolean {
    const { epoch, validator } = evidence;
    const key = keyOf(set, validator);
    if (this.#guilty.has(key)) return true;
    if (!this.#isProven(evidence, set.validators)) return false;
    this.#guilty.set(key, { epoch, evidence, ...who(set, validator) });
    return true;
  }

  #isProven(evidence: Evidence, set: KnownSet['validators']): boolean {
    return evidenceProblem(evidence, this.#chainId, set) === undefined;
  }
}

interface Signed {
  readonly set: KnownSet;
  readonly head: CosignedHead;
}

/** Every good cosignature of a note by a validator of a set, a quorum or not. */
export function cosignedBy(set: KnownSet, log: LogName, { note, checkpoint }: JudgedCheckpoint): Signed[] {
  const { size, root } = checkpoint;
  return set.validators.flatMap((validator, index) => {
    const key = cosignerKey(log, validator);
    const line = lineOf(note, key);
    if (line === undefined || !isSignedBy(key, checkpoint, line)) return [];
    return [{ set, head: { validator: index, size, root, ...decodeTimed(line.signature) } }];
  });
}

/** One accusation a validator and epoch. */
function keyOf(set: KnownSet, validator: number): string {
  return `${set.epoch}/${who(set, validator).validator}`;
}

export function who({ validators }: KnownSet, validator: number): Cosigner {
  const found = validators[validator];
  return { validator: found?.id ?? `${validator}`, member: found?.member ?? '' };
}

interface Twin {
  /** Place in the first one's set. */
  readonly validator: number;
  readonly signatures: readonly [Uint8Array, Uint8Array];
}

/** After a fork the two sides may have chosen other validators: the key says who signed, and its place does not. */
function twinsOf(one: Certified, other: Certified): Twin[] {
  const theirs = new Map<string, Uint8Array>();
  for (const { validator, signature } of other.certificate.signers) {
    const key = other.set.validators[validator]?.voteKey;
    if (key !== undefined) theirs.set(toHex(key), signature);
  }
  return one.certificate.signers.flatMap(({ validator, signature }) => {
    const key = one.set.validators[validator]?.voteKey;
    const twin = key && theirs.get(toHex(key));
    return twin === undefined ? [] : [{ validator, signatures: [signature, twin] as const }];
  });
}

export function guiltText({ validator, member, epoch, evidence }: Guilty): string {
  const who = `${validator} of ${member}`;
  if (evidence.type === 1) {
    const { size, first, second } = evidence;
    return `${who} cosigned two roots for ${size} entries (epoch ${epoch}): ${first.root} and ${second.root}`;
  }
  const { first, second } = evidence;
  const said = (each: typeof first) => `${each.kind} of ${each.digest} in view ${each.view}`;
  return `${who} signed at height ${first.height} (epoch ${epoch}) ${said(first)} and ${said(second)}`;
}

function decoded<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
