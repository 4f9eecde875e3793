// The outcomes of the lines of a batch. Its receipt proves that it stands in the log, and nothing of its lines: those
// are entries of their own behind it, read here and held against the log root that the same header seals.
import { paymentsName } from '../contracts/payments.ts';
import { equalBytes, leafHash } from '../node/ledger/hash.ts';
import { decodeTransaction } from '../node/ledger/transaction.ts';
import { BadAnswerError, bytesOf, listOf, objectOf } from './api-types.ts';
import type { Client, VerifiedOutcome } from './client.ts';
import { type FollowedLine, fetchEntries, frontierOf, transactionsOf } from './follow.ts';
import { VerificationError } from './receipt.ts';

/** In their order; none where the transaction has no lines. Throws VerificationError where no node shows true ones. */
export async function batchLines(client: Client, outcome: VerifiedOutcome): Promise<readonly FollowedLine[]> {
  const { entry } = outcome.verified;
  if (entry.kind !== 1 || !hasLines(entry.transaction)) return [];
  for (let node = 0; ; node++) {
    try {
      return await linesAt(client, outcome, node);
    } catch (error) {
      const isFalse = error instanceof VerificationError || error instanceof BadAnswerError;
      if (!isFalse || node + 1 >= client.nodes.length) throw error;
    }
  }
}

function hasLines(transaction: Uint8Array): boolean {
  const { contract, method } = decodeTransaction(transaction).body;
  return contract === paymentsName && (method === 'batch' || method === 'open-batch');
}

async function linesAt(client: Client, { index, verified }: VerifiedOutcome, first: number) {
  const { logSize, logRoot, height } = verified.header;
  const frontier = await client.getAs(
    `/v1/log/peaks?size=${index}`,
    (value) => frontierOf(index, listOf(objectOf(value)['peaks']).map(bytesOf)),
    { first },
  );
  const { entries } = await fetchEntries(client, index, logSize, first);
  for (const entry of entries) frontier.append(leafHash(entry));
  if (entries.length !== logSize - index || !equalBytes(frontier.root(), logRoot))
    throw new VerificationError(`block ${height}: the entries of the batch are not those of its log root`);
  return transactionsOf(entries, index)[0]?.lines ?? [];
}
