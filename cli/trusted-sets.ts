// What this home has learnt of the validator sets after genesis: the proved changes, kept in a file so that each is
// asked for once. They are verified again whenever they are read.
import { existsSync } from 'node:fs';
import { DecodeError } from '../node/ledger/codec.ts';
import { type Digest, digestBytes, fromHex, toHex } from '../node/ledger/hash.ts';
import { decodeAs } from '../node/ledger/schema.ts';
import { SetChain, type SetLink, setLinkSchema } from '../node/ledger/set-chain.ts';
import type { ValidatorSet } from '../node/ledger/validators.ts';
import { readJson, writeJson } from './files.ts';
import type { HomePaths } from './home.ts';
import { VerificationError } from './receipt.ts';

/** Throws VerificationError. */
export function decodedLink(bytes: Uint8Array): SetLink {
  try {
    return decodeAs(setLinkSchema, bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw new VerificationError(`a change of validators: ${error.message}`);
    throw error;
  }
}

interface Known {
  readonly sets: SetChain;
  readonly links: readonly Uint8Array[];
}

/** As far as what is stored verifies; the rest is asked for again. */
export function knownSets(
  paths: HomePaths,
  { chainId, validators }: { readonly chainId: Digest; readonly validators: ValidatorSet },
): Known {
  const sets = new SetChain(digestBytes(chainId), validators);
  const links: Uint8Array[] = [];
  const stored = readJson(paths.sets) ?? {};
  if (stored['chainId'] !== chainId || !Array.isArray(stored['changes'])) return { sets, links };
  for (const each of stored['changes']) {
    const bytes = typeof each === 'string' ? fromHex(each) : undefined;
    if (bytes === undefined || !isTaken(sets, bytes)) break;
    links.push(bytes);
  }
  return { sets, links };
}

function isTaken(sets: SetChain, bytes: Uint8Array): boolean {
  try {
    return sets.add(decodedLink(bytes)) === undefined;
  } catch (error) {
    if (error instanceof VerificationError) return false;
    throw error;
  }
}

export function keepSets(
  paths: HomePaths,
  chainId: Digest,
  known: readonly Uint8Array[],
  learnt: readonly Uint8Array[],
): void {
  if (learnt.length === 0 || !existsSync(paths.folder)) return;
  writeJson(paths.sets, { chainId, changes: [...known, ...learnt].map(toHex) });
}
