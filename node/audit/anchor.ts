// What proofs lead to: a checkpoint with a quorum's cosignatures, the header of the block that it ends with, and the
// changes of the validator set up to there. Whoever holds the genesis document can judge it alone.
import { chainIdOf, type Genesis, genesisEntry } from '../../genesis/genesis.ts';
import { type Checkpoint, type LogName, originOf } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader } from '../ledger/entry.ts';
import { digestBytes, digestOf, equalBytes, leafHash } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { hash } from '../ledger/identifiers.ts';
import { entryBytesMax } from '../ledger/limits.ts';
import { verifyInclusion } from '../ledger/merkle.ts';
import { noteBytesMax } from '../ledger/note.ts';
import { bytes, list, record, type TypeOf, uint } from '../ledger/schema.ts';
import { SetChain, setLinkSchema } from '../ledger/set-chain.ts';
import { type ValidatorSet, validatorSetHash } from '../ledger/validators.ts';
import { FindingError } from './chain.ts';
import { cosignersProblem, readCheckpoint } from './checkpoint-check.ts';
import type { Rule } from './finding.ts';
import type { Policy } from './policy.ts';
import { judgeByPolicy } from './policy-fit.ts';

/** From the leaf's sibling up; a tree of safe integers is no deeper. */
export const pathSchema = list(hash, 0, 53);
export const setChangesMax = 4_096;

export const anchorSchema = record({
  setChanges: list(setLinkSchema, 0, setChangesMax),
  checkpoint: bytes(1, noteBytesMax),
  /** The entry at the checkpoint's size - 1. */
  header: bytes(1, entryBytesMax),
  headerPath: pathSchema,
});
export type Anchor = TypeOf<typeof anchorSchema>;

/** An entry with its place in the log. */
export const locatedSchema = record({ index: uint, entry: bytes(1, entryBytesMax), path: pathSchema });
export type Located = TypeOf<typeof locatedSchema>;

export interface JudgedAnchor {
  readonly checkpoint: Checkpoint;
  readonly header: Header;
  readonly validators: ValidatorSet;
}

/** To write a document as an entry checks every key in it, so each document is written once. */
const logNames = new WeakMap<Genesis, LogName>();

export function logNameOf(genesis: Genesis): LogName {
  let name = logNames.get(genesis);
  if (name === undefined) {
    name = { ledger: genesis.name, chainId: chainIdOf(genesisEntry(genesis)) };
    logNames.set(genesis, name);
  }
  return name;
}

/** Throws FindingError. */
export function judgeAnchor(anchor: Anchor, genesis: Genesis, policy?: Policy): JudgedAnchor {
  const log = logNameOf(genesis);
  const judged = readCheckpoint(anchor.checkpoint, { height: 0 });
  const { checkpoint } = judged;
  if (checkpoint.origin !== originOf(log))
    failed('checkpoint-origin', `it is of ${checkpoint.origin}, not of ${originOf(log)}`);
  const header = headerOf(anchor.header);
  const { height } = header;
  if (!equalBytes(header.chainId, digestBytes(log.chainId))) failed('header-chain', 'it names another chain', height);
  const validators = setOf(anchor, header, genesis, log);
  const problem = cosignersProblem(judged, log, validators);
  if (problem !== undefined) failed('checkpoint-quorum', problem, height);
  const place = { index: checkpoint.size - 1, entry: anchor.header, path: anchor.headerPath };
  judgePlace(place, checkpoint, 'the header');
  const unmet = policy && judgeByPolicy(policy, log, validators, judged);
  if (unmet !== undefined) failed(unmet.rule, unmet.detail, height);
  return { checkpoint, header, validators };
}

/** Whose cosignatures count: the set of the height with which the checkpoint ends. */
function setOf(anchor: Anchor, header: Header, genesis: Genesis, { chainId }: LogName): ValidatorSet {
  const sets = new SetChain(digestBytes(chainId), genesis.validators);
  for (const link of anchor.setChanges) {
    const problem = sets.add(link);
    if (problem !== undefined) return failed('header-epoch', `a change of the validator set: ${problem}`);
  }
  const known = sets.at(header.height);
  if (known === undefined || known.epoch !== header.epoch || known !== sets.latest)
    return failed('header-epoch', `the changes do not end with epoch ${header.epoch}`, header.height);
  if (digestOf(header.validatorSetHash) !== validatorSetHash(known.validators))
    return failed('header-epoch', 'the header names another validator set', header.height);
  return known.validators;
}

/** Throws FindingError unless the entry stands at its index in the log of the checkpoint. */
export function judgePlace({ index, entry, path }: Located, { size, root }: Checkpoint, what = 'the entry'): void {
  if (index >= size) failed('proof-path', `${what} at ${index} in a log of ${size} entries`, 0, index);
  if (!verifyInclusion(leafHash(entry), index, size, path, digestBytes(root)))
    failed('proof-path', `the path does not lead from ${what} to the root of the checkpoint`, 0, index);
}

function headerOf(encoded: Uint8Array): Header {
  return decodedAs('proof-entry', () => decodeHeader(encoded));
}

export function failed(rule: Rule, detail: string, height = 0, index?: number): never {
  throw new FindingError({ height, ...(index === undefined ? {} : { index }), rule, detail });
}

/** Bytes of no accepted form break a rule. */
export function decodedAs<T>(rule: Rule, work: () => T, index?: number): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) return failed(rule, error.message, 0, index);
    throw error;
  }
}
