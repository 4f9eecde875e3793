// The index rows that a block's entries come with, read off the entries alone: who comes by a snapshot writes them, who
// prunes removes them, and neither executes anything.
import { hostRefusals } from '../../contracts/contract.ts';
import { assert } from '../ledger/assert.ts';
import { decodeEntry, decodeHeader } from '../ledger/entry.ts';
import { type Digest, leafHash } from '../ledger/hash.ts';
import type { CompleteSubtree, Frontier } from '../ledger/merkle.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import type { StoredBlock } from '../network/sync-messages.ts';
import type { BlockCommit, ReferenceRow, RepairedBlock } from '../store/store.ts';

export type IndexRows = Pick<BlockCommit, 'references' | 'transactions'>;

/** Every row of a block that was checked to follow this end of the log, which moves on behind it. */
export function blockRowsOf({ entries, certificate }: StoredBlock, frontier: Frontier): RepairedBlock {
  const last = entries.at(-1);
  assert(last !== undefined, 'a block ends with its header');
  const { height, timestamp } = decodeHeader(last);
  const firstIndex = frontier.size;
  const nodes: CompleteSubtree[] = [];
  for (const entry of entries) frontier.append(leafHash(entry), nodes);
  const block = { height, digest: certificate.digest, firstIndex, headerIndex: frontier.size - 1 };
  return { block, entries, certificate, nodes, ...indexRowsOf(entries, firstIndex, timestamp) };
}

/** `entries` are those of one block, its header among them or not; `firstIndex` is the first one's log index. */
export function indexRowsOf(entries: readonly Uint8Array[], firstIndex: number, time: number): IndexRows {
  const references: ReferenceRow[] = [];
  const transactions: (readonly [Digest, number])[] = [];
  let last: { readonly member: string; readonly id: Digest } | undefined;
  for (const [at, bytes] of entries.entries()) {
    const entry = decodeEntry(bytes);
    const index = firstIndex + at;
    if (entry.kind === 1) {
      const { id, body } = decodeTransaction(entry.transaction);
      last = { member: body.member, id };
      transactions.push([id, index]);
      references.push({ member: body.member, reference: body.reference, index, time, transaction: id, line: 0 });
    } else if (entry.kind === 2) {
      assert(last !== undefined, 'a line follows its batch');
      // A line that was refused because its reference was used has not used it.
      if (entry.outcome === hostRefusals.duplicateReference) continue;
      const { member, id } = last;
      references.push({ member, reference: entry.reference, index, time, transaction: id, line: entry.line });
    }
  }
  return { references, transactions };
}
