// What a submission needs of the ledger, over the API, for lines of payments.
import { paymentsName } from '../contracts/payments.ts';
import type { Value } from '../node/ledger/codec.ts';
import { listOf, objectOf, readBulkResult } from './api-types.ts';
import { batchLines } from './batch-lines.ts';
import type { Client } from './client.ts';
import { type BatchCache, firstUse } from './first-use.ts';
import { followBlocks, positionAt, provenHeight } from './follow.ts';
import type { LedgerLink } from './submission.ts';

export interface LinkedLine {
  readonly reference: string;
  /** Whether arguments of `method` ask for what this line asks for. */
  isSame(method: string, args: Value): boolean;
}

export function ledgerLink(client: Client, member: string, lines: readonly LinkedLine[]): LedgerLink {
  const batches: BatchCache = new Map();
  return {
    wordsNeeded: () => client.wordsNeeded,

    async head() {
      // Outcomes are read from the entries. A node that shows them to nobody says so now, before anything is sent.
      await client.get('/v1/entries?from=0&to=1');
      return provenHeight(client);
    },

    async *follow(height, signal) {
      yield* followBlocks(client, await positionAt(client, height), signal);
    },

    post(transactions, attempt) {
      const body = { transactions: transactions.map((bytes) => Buffer.from(bytes).toString('base64')) };
      const read = (value: unknown) => listOf(objectOf(value)['results']).map(readBulkResult);
      const first = attempt === 0 ? {} : { first: attempt % client.nodes.length };
      return client.postAs('/v1/transactions/bulk', body, read, first);
    },

    async final(id) {
      const found = await client.outcome(id, 0);
      return found === undefined ? undefined : { ...found, id, lines: await batchLines(client, found) };
    },

    async first(line) {
      const own = lines[line];
      const found = own === undefined ? undefined : await firstUse(client, member, own.reference, batches);
      if (own === undefined || found === undefined) return undefined;
      const { height, index, outcome } = found.outcome;
      const isSame = found.contract === paymentsName && own.isSame(found.method, found.args);
      return { outcome: isSame ? outcome : 'DU04', height, index };
    },
  };
}
