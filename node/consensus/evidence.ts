// Looks at every signature that this replica is shown and finds those of one validator that contradict each other [A4].
// It decides nothing: what it finds is for the ledger. What it remembers dies with the process; evidence does not need
// it once it is made.
import type { CommitCertificate, Signer } from '../ledger/certificate.ts';
import { contradict, evidenceOf, type Statement, type VoteEvidence } from '../ledger/evidence.ts';
import { equalBytes } from '../ledger/hash.ts';
import type { VoteKind, VotePosition } from '../ledger/vote.ts';
import type { NewView, PrePrepare, PreparedCertificate, ViewChange, Vote } from './messages.ts';
import { positionOf } from './messages.ts';

/** [L1] Of one validator: about what it signs in so many heights. */
const statementsMax = 32;

export class Watch {
  readonly #self: number;
  readonly #epoch: number;
  /** The latest last. */
  readonly #kept = new Map<number, Statement[]>();
  /** Evidence is one a validator and epoch, so nobody is looked at further. */
  readonly #accused = new Set<number>();
  #found: VoteEvidence[] = [];

  constructor(self: number, epoch: number) {
    this.#self = self;
    this.#epoch = epoch;
  }

  /** What was found since the last call. */
  take(): readonly VoteEvidence[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  message(message: PrePrepare | Vote | ViewChange | NewView): void {
    const { type: kind, validator, signature } = message;
    if (message.epoch !== this.#epoch || this.#knows(message)) return; // it is repeated often
    this.#note(validator, { kind, ...positionOf(message), signature });
    if (message.type === 'view-change') this.#content(message);
    if (message.type === 'new-view') for (const each of message.viewChanges) this.message(each);
  }

  certificate(certificate: CommitCertificate): void {
    for (const signer of certificate.signers) this.#signer('commit', certificate, signer);
  }

  #content({ committed, prepared }: ViewChange): void {
    if (committed.certificate !== undefined) this.certificate(committed.certificate);
    if (prepared !== undefined) this.#prepared(prepared);
  }

  #prepared(prepared: PreparedCertificate): void {
    this.#signer('pre-prepare', prepared, prepared.prePrepare);
    for (const signer of prepared.prepares) this.#signer('prepare', prepared, signer);
  }

  #signer(kind: VoteKind, at: VotePosition, { validator, signature }: Signer): void {
    if (at.epoch === this.#epoch) this.#note(validator, { kind, ...at, signature });
  }

  /** What is said again is mostly the latest. */
  #knows({ type: kind, view, validator, signature }: PrePrepare | Vote | ViewChange | NewView): boolean {
    const isIt = (each: Statement) => each.kind === kind && each.view === view && equalBytes(each.signature, signature);
    return this.#kept.get(validator)?.findLast(isIt) !== undefined;
  }

  #note(validator: number, statement: Statement): void {
    if (validator === this.#self || this.#accused.has(validator)) return;
    let kept = this.#kept.get(validator);
    if (kept === undefined) {
      kept = [];
      this.#kept.set(validator, kept);
    }
    if (kept.findLast((each) => isSame(each, statement)) !== undefined) return;
    const other = kept.find((each) => contradict(each, statement));
    if (other !== undefined) {
      this.#accused.add(validator);
      this.#kept.delete(validator);
      this.#found.push(evidenceOf(this.#epoch, validator, other, statement));
      return;
    }
    kept.push(statement);
    if (kept.length > statementsMax) kept.shift();
  }
}

function isSame(a: Statement, b: Statement): boolean {
  return a.kind === b.kind && a.view === b.view && a.height === b.height && a.digest === b.digest;
}
