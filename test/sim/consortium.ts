// The chain that a simulated cluster runs: its genesis, the keys of its validators and users. Made once a process for
// each number of validators and kind of signatures.
import { contracts } from '../../contracts/registry.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import type { NoteKey } from '../../node/checkpointing.ts';
import { encodeRecord, firstRecord } from '../../node/consensus/record.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import type { BlockCommit, VoteChange } from '../../node/store/store.ts';
import { members, type Signer, seedOf, signer, testGenesis, validator } from '../execution/_ledger.ts';
import { SimulatedDisk } from './disk.ts';

export interface Consortium {
  readonly genesis: Genesis;
  readonly commit: BlockCommit;
  readonly tellers: readonly Signer[];
  readonly clearing: Signer;
}

const made = new Map<string, Consortium>();

export function consortiumOf(validators: number, realSignatures: boolean, windowMs?: number): Consortium {
  const name = `${validators}/${realSignatures}/${windowMs}`;
  const known = made.get(name);
  if (known !== undefined) return known;
  const tellers = members.map((member) => signer(member, 'teller', 'teller'));
  const clearing = signer('NORTH', 'clearing', 'clearing');
  const base = testGenesis(windowMs === undefined ? {} : { referenceWindowMs: windowMs, validityMaxMs: windowMs });
  const genesis: Genesis = {
    ...base,
    validators: Array.from({ length: validators }, (_, i) =>
      validator(`node-${i}`, members[i % members.length] ?? members[0]),
    ),
    consortium: {
      ...base.consortium,
      users: [...tellers, clearing].map(({ member, user, publicKey, roles }) => ({ member, user, publicKey, roles })),
    },
  };
  const consortium = { genesis, commit: genesisCommit(genesis, contracts).commit, tellers, clearing };
  made.set(name, consortium);
  return consortium;
}

export function voteSeedOf(index: number): Uint8Array {
  return deriveSeed(seedOf(`node-${index}`), 'vote');
}

export function voteSignerOf(index: number): (message: Uint8Array) => Uint8Array {
  const seed = voteSeedOf(index);
  publicKeyOf(seed); // the stand-in learns keys when they are made
  return (message) => sign(message, seed);
}

export function noteKeyOf(index: number, purpose: 'audit' | 'log'): NoteKey {
  const seed = deriveSeed(seedOf(`node-${index}`), purpose);
  return { publicKey: publicKeyOf(seed), sign: (message) => sign(message, seed) };
}

/** The disk of a validator that was just set up. */
export function newDisk({ commit }: Consortium, index: number): SimulatedDisk {
  const vote: VoteChange = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };
  return new SimulatedDisk({ chainId: commit.head.digest, validator: `node-${index}`, format: 1 }, commit, vote);
}
