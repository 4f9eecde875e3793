// The auditor's check of ICS23 proofs about the state tree: presence under a root, and absence between two neighbours.

import { DecodeError } from '../ledger/codec.ts';
import { equalBytes, nodeHash, sha256 } from '../ledger/hash.ts';
import { decodeStateProof, type ExistenceProof, type Ics23Proof } from '../ledger/ics23.ts';
import { type StateStep, stateLeafHash } from '../ledger/state-proof.ts';

/** Whether the proof shows that this value stands under this key. False for anything malformed. */
export function verifyMembership(root: Uint8Array, proof: Uint8Array, key: Uint8Array, value: Uint8Array): boolean {
  const decoded = tryDecode(proof);
  if (decoded === undefined || !('exist' in decoded)) return false;
  return equalBytes(decoded.exist.key, key) && equalBytes(decoded.exist.value, value) && leadsTo(root, decoded.exist);
}

/** Whether the proof shows that nothing stands under this key. False for anything malformed. */
export function verifyNonMembership(root: Uint8Array, proof: Uint8Array, key: Uint8Array): boolean {
  const decoded = tryDecode(proof);
  if (decoded === undefined || 'exist' in decoded || !equalBytes(decoded.key, key)) return false;
  const { left, right } = decoded;
  if (left === undefined && right === undefined) return false;
  if (left !== undefined && !(Buffer.compare(left.key, key) < 0 && leadsTo(root, left))) return false;
  if (right !== undefined && !(Buffer.compare(key, right.key) < 0 && leadsTo(root, right))) return false;
  return areNeighbours(left?.steps, right?.steps);
}

/** Whether nothing stands between the two leaves; a missing one stands for the end of the tree on that side. */
function areNeighbours(left: readonly StateStep[] | undefined, right: readonly StateStep[] | undefined): boolean {
  const rightmost = (steps: readonly StateStep[]) => steps.every((step) => step.siblingIsLeft);
  const leftmost = (steps: readonly StateStep[]) => steps.every((step) => !step.siblingIsLeft);
  if (left === undefined) return right !== undefined && leftmost(right);
  if (right === undefined) return rightmost(left);
  let leftEnd = left.length - 1;
  let rightEnd = right.length - 1;
  for (; leftEnd >= 0 && rightEnd >= 0; leftEnd--, rightEnd--) {
    const [a, b] = [left[leftEnd], right[rightEnd]];
    if (a === undefined || b === undefined) return false;
    if (a.siblingIsLeft === b.siblingIsLeft && equalBytes(a.sibling, b.sibling)) continue;
    // The ways part here: one goes left, the other right, and from there each hugs the other's side.
    return (
      !a.siblingIsLeft && b.siblingIsLeft && rightmost(left.slice(0, leftEnd)) && leftmost(right.slice(0, rightEnd))
    );
  }
  return false;
}

function leadsTo(root: Uint8Array, { key, value, steps }: ExistenceProof): boolean {
  let hash = stateLeafHash(key, sha256(value));
  for (const { sibling, siblingIsLeft } of steps) {
    hash = siblingIsLeft ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  }
  return equalBytes(hash, root);
}

function tryDecode(proof: Uint8Array): Ics23Proof | undefined {
  try {
    return decodeStateProof(proof);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
