// The validator sets of one run, as the log says them: read from each block when it is first seen, and held to rule E2
// by what they are and not by what the node makes of them. A machine is a validator over all its keys and numbers: the
// first ones have the numbers that they have in genesis, later ones come after them.
import { setsIn } from '../../node/audit/set-walk.ts';
import { type Digest, digestBytes, digestOf, equalBytes } from '../../node/ledger/hash.ts';
import type { Header } from '../../node/ledger/header.ts';
import { type ValidatorSet, validatorSetHash } from '../../node/ledger/validators.ts';
import { check } from './violation.ts';

export interface SetInForce {
  readonly number: number;
  /** First height that it votes for. */
  readonly from: number;
  readonly validators: ValidatorSet;
  readonly faulty: number;
  readonly quorum: number;
  /** By index. */
  readonly machines: readonly number[];
  readonly hash: Digest;
  /** [E4] The block before it. */
  readonly base: { readonly height: number; readonly digest: Digest };
}

export const validatorName = (machine: number): string => `node-${machine}`;

function machineOf(id: string): number {
  const machine = Number(id.slice(validatorName(0).length - 1));
  check(id === validatorName(machine), `a validator of no machine: ${id}`);
  return machine;
}

function setInForce(number: number, validators: ValidatorSet, base: SetInForce['base']): SetInForce {
  const faulty = Math.floor((validators.length - 1) / 3);
  const quorum = Math.floor((validators.length + faulty) / 2) + 1;
  const machines = validators.map(({ id }) => machineOf(id));
  const from = base.height + 1;
  return { number, from, validators, faulty, quorum, machines, hash: validatorSetHash(validators), base };
}

export class Epochs {
  readonly all: SetInForce[];

  constructor(validators: ValidatorSet, genesis: Digest) {
    this.all = [setInForce(0, validators, { height: 0, digest: genesis })];
  }

  /** Of the block after the last one that was seen. */
  get latest(): SetInForce {
    return this.all.at(-1) as SetInForce;
  }

  /** Of a height up to the one after the last block that was seen. */
  at(height: number): SetInForce {
    for (let number = this.all.length - 1; number > 0; number--) {
      const epoch = this.all[number];
      if (epoch !== undefined && epoch.from <= height) return epoch;
    }
    return this.all[0] as SetInForce;
  }

  numbered(epoch: number): SetInForce | undefined {
    return this.all[epoch];
  }

  /** Index of a machine in an epoch; -1 where it has no vote. */
  seatOf(machine: number, epoch: number): number {
    return this.all[epoch]?.machines.indexOf(machine) ?? -1;
  }

  /** The machine that is a validator of an epoch; -1 where there is none. */
  machineOf(index: number, epoch: number): number {
    return this.all[epoch]?.machines[index] ?? -1;
  }

  /** Whether a machine votes in an epoch under other keys than in the first. */
  hasOtherKeys(machine: number, epoch: number): boolean {
    const [first, later] = [0, epoch].map((each) => this.keyOf(machine, each));
    return later !== undefined && (first === undefined || !equalBytes(first, later));
  }

  /** The vote key of a machine in an epoch. */
  keyOf(machine: number, epoch: number): Uint8Array | undefined {
    return this.all[epoch]?.validators[this.seatOf(machine, epoch)]?.voteKey;
  }

  /** The next block of the chain. [E1, E2] */
  sealed(header: Header, digest: Digest, entries: readonly Uint8Array[]): void {
    const { height, epoch, validatorSetHash: now, nextValidatorSetHash: next } = header;
    const { latest } = this;
    check(epoch === latest.number, `block ${height} says that it is of epoch ${epoch}`);
    check(digestOf(now) === latest.hash, `block ${height} names the set of its own height`);
    if (equalBytes(now, next)) return;
    const said = setsIn(entries).at(-1);
    check(said?.epoch === epoch + 1 && said.from === height + 1, `block ${height} says whom its header names`);
    const begun = setInForce(epoch + 1, said.validators, { height, digest });
    check(equalBytes(digestBytes(begun.hash), next), `block ${height} names the set that it says`);
    const changed = changedIds(latest.validators, begun.validators);
    check(
      changed.length <= latest.faulty && begun.validators.length >= 4,
      `block ${height} changes ${changed.join(', ')} of ${latest.validators.length}`,
    );
    this.all.push(begun);
  }
}

/** Who is in one of the sets and not, under the same key, in the other. */
export function changedIds(before: ValidatorSet, after: ValidatorSet): string[] {
  const isIn = (set: ValidatorSet, key: Uint8Array) => set.some(({ voteKey }) => equalBytes(voteKey, key));
  const left = before.filter(({ voteKey }) => !isIn(after, voteKey));
  const came = after.filter(({ voteKey }) => !isIn(before, voteKey));
  return [...new Set([...left, ...came].map(({ id }) => id))];
}
