// Who lied, from logs and checkpoints that do not fit together: two commits of one validator for two blocks, two
// cosignatures for one size. However many are guilty, each pair of signatures stands by itself; a log that is damaged
// in other ways is read as far as it goes, since judging logs is another command's work.
import type { Genesis } from '../../genesis/genesis.ts';
import { type CommitCertificate, certificateProblem, certificateSchema } from '../ledger/certificate.ts';
import { cosignerKey, type LogName, originOf, parseCheckpointText } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { type CosignedHead, decodeTimed, isSignedBy } from '../ledger/cosignature.ts';
import { decodeEntry, type Entry, headerDigest } from '../ledger/entry.ts';
import { contradict, cosignatureEvidenceOf, type Evidence, evidenceOf, evidenceProblem } from '../ledger/evidence.ts';
import { type Digest, digestBytes } from '../ledger/hash.ts';
import { parseNote } from '../ledger/note.ts';
import { decodeAs } from '../ledger/schema.ts';
import { quorumOf } from '../ledger/validators.ts';
import { logNameOf } from './anchor.ts';
import type { Cosigner, CosignerSet, GivenCheckpoint } from './consistency.ts';
import { lineOf } from './policy.ts';

interface SealedBlock {
  readonly digest: Digest;
  certificate: CommitCertificate | undefined;
}

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

export interface BlameReport {
  /** Entries of the logs that hold evidence, judged again. */
  readonly recorded: readonly RecordedEvidence[];
  /** One a validator and epoch, in the order in which they were found. */
  readonly guilty: readonly Guilty[];
  readonly suspicions: readonly Suspicion[];
  /** As many as may lie without harm, of the last known set. */
  readonly faulty: number;
}

/** A log as it is collected: push its entries in order. */
export class CollectedLog {
  readonly name: string;
  readonly blocks = new Map<number, SealedBlock>();
  readonly evidence: { readonly index: number; readonly evidence: Evidence }[] = [];
  #size = 0;

  constructor(name: string) {
    this.name = name;
  }

  push(bytes: Uint8Array): void {
    const index = this.#size++;
    const entry = decoded(() => decodeEntry(bytes));
    if (entry?.kind === 4) this.evidence.push({ index, evidence: entry.evidence });
    if (entry?.kind === 3) this.#header(entry, bytes);
  }

  /** Of the last block, which no header follows. */
  finish(certificate: Uint8Array | undefined): void {
    const last = certificate && decoded(() => decodeAs(certificateSchema, certificate));
    if (last !== undefined) this.#certify(last);
  }

  #header({ header }: Extract<Entry, { kind: 3 }>, bytes: Uint8Array): void {
    this.blocks.set(header.height, { digest: headerDigest(bytes), certificate: undefined });
    if (header.lastCommit !== undefined) this.#certify(header.lastCommit);
  }

  #certify(certificate: CommitCertificate): void {
    const block = this.blocks.get(certificate.height);
    if (block?.digest === certificate.digest) block.certificate = certificate;
  }
}

export function blame(
  genesis: Genesis,
  sets: readonly CosignerSet[],
  logs: readonly CollectedLog[],
  notes: readonly GivenCheckpoint[],
): BlameReport {
  return new Inquiry(logNameOf(genesis), sets).run(logs, notes);
}

class Inquiry {
  readonly #log: LogName;
  readonly #chainId: Uint8Array;
  readonly #sets: readonly CosignerSet[];
  readonly #guilty = new Map<string, Guilty>();
  readonly #suspicions: Suspicion[] = [];

  constructor(log: LogName, sets: readonly CosignerSet[]) {
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
    const last = this.#sets.at(-1)?.validators.length ?? 1;
    const guilty = [...this.#guilty.values()];
    return { recorded, guilty, suspicions: this.#suspicions, faulty: quorumOf(last).faulty };
  }

  #recorded({ name, evidence }: CollectedLog): RecordedEvidence[] {
    return evidence.flatMap(({ index, evidence: each }) => {
      const set = this.#setOf(each.epoch);
      if (set === undefined || evidenceProblem(each, this.#chainId, set) !== undefined) return [];
      return [{ log: name, index, epoch: each.epoch, ...this.#who(each.epoch, each.validator) }];
    });
  }

  #compareBlocks(first: CollectedLog, second: CollectedLog): void {
    for (const [height, { digest, certificate: one }] of first.blocks) {
      const { digest: otherDigest, certificate: other } = second.blocks.get(height) ?? {};
      if (one === undefined || other === undefined || digest === otherDigest) continue;
      const set = this.#setOf(one.epoch);
      // After a fork the two sides may choose other validators; what was signed under one set counts.
      if (set === undefined || one.epoch !== other.epoch || !this.#isNew(one, other)) continue;
      const good = [one, other].every((each) => certificateProblem(each, this.#chainId, set) === undefined);
      if (good) this.#compareSigners(height, one, other);
    }
  }

  /** Signatures cost: only where somebody signed both who is not known yet. */
  #isNew(one: CommitCertificate, other: CommitCertificate): boolean {
    const signers = new Set(other.signers.map(({ validator }) => validator));
    return one.signers.some(({ validator }) => {
      return signers.has(validator) && !this.#guilty.has(`${one.epoch}/${validator}`);
    });
  }

  #compareSigners(height: number, one: CommitCertificate, other: CommitCertificate): void {
    const { epoch } = one;
    const both: Cosigner[] = [];
    for (const { validator, signature } of one.signers) {
      const twin = other.signers.find((each) => each.validator === validator);
      if (twin === undefined) continue;
      const a = { kind: 'commit', view: one.view, height, digest: one.digest, signature } as const;
      const b = { kind: 'commit', view: other.view, height, digest: other.digest, signature: twin.signature } as const;
      if (contradict(a, b)) this.#accuse(evidenceOf(epoch, validator, a, b));
      else both.push(this.#who(epoch, validator));
    }
    if (both.length > 0) this.#suspicions.push({ height, views: [one.view, other.view], validators: both });
  }

  #compareCosignatures(notes: readonly GivenCheckpoint[]): void {
    const seen = new Map<string, CosignedHead>();
    for (const { bytes } of notes)
      for (const { epoch, head } of this.#cosigned(bytes)) {
        const key = `${epoch}/${head.validator}/${head.size}`;
        const before = seen.get(key);
        if (before === undefined) seen.set(key, head);
        else if (before.root !== head.root)
          this.#accuse(cosignatureEvidenceOf(epoch, this.#log.ledger, { first: before, second: head }));
      }
  }

  /** Every good cosignature of a note, a quorum or not. */
  #cosigned(bytes: Uint8Array): { readonly epoch: number; readonly head: CosignedHead }[] {
    const note = decoded(() => parseNote(bytes));
    const checkpoint = note && decoded(() => parseCheckpointText(note.text));
    if (note === undefined || checkpoint?.origin !== originOf(this.#log)) return [];
    const { size, root } = checkpoint;
    return this.#sets.flatMap(({ epoch, validators }) =>
      validators.flatMap((validator, index) => {
        const key = cosignerKey(this.#log, validator);
        const line = lineOf(note, key);
        if (line === undefined || !isSignedBy(key, checkpoint, line)) return [];
        return [{ epoch, head: { validator: index, size, root, ...decodeTimed(line.signature) } }];
      }),
    );
  }

  #accuse(evidence: Evidence): void {
    const { epoch, validator } = evidence;
    const set = this.#setOf(epoch);
    const key = `${epoch}/${validator}`;
    if (set === undefined || this.#guilty.has(key)) return;
    if (evidenceProblem(evidence, this.#chainId, set) !== undefined) return;
    this.#guilty.set(key, { epoch, evidence, ...this.#who(epoch, validator) });
  }

  #setOf(epoch: number): CosignerSet['validators'] | undefined {
    return this.#sets.find((each) => each.epoch === epoch)?.validators;
  }

  #who(epoch: number, validator: number): Cosigner {
    const found = this.#setOf(epoch)?.[validator];
    return { validator: found?.id ?? `${validator}`, member: found?.member ?? '' };
  }
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
