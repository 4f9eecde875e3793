// What a reference was used for the first time. Its outcome stands for ever, so a second request under it is answered
// with the first outcome, if it asks for the same.
import { paymentsName } from '../contracts/payments.ts';
import type { Value } from '../node/ledger/codec.ts';
import type { Digest } from '../node/ledger/hash.ts';
import { decodeTransaction, type TransactionBody } from '../node/ledger/transaction.ts';
import type { Client, VerifiedOutcome } from './client.ts';
import { VerificationError } from './receipt.ts';

export interface FirstUse {
  readonly outcome: VerifiedOutcome;
  readonly contract: string;
  readonly method: string;
  readonly args: Value;
}

interface Batch {
  readonly index: number;
  readonly body: TransactionBody;
}

/** Batches whose receipts were checked: hundreds of lines share one. */
export type BatchCache = Map<Digest, Promise<Batch | undefined>>;
const cachedMax = 256;

/** Checked against receipts of the entry and, for a line, of the batch that carried it. */
export async function firstUse(
  client: Client,
  member: string,
  reference: string,
  batches: BatchCache = new Map(),
): Promise<FirstUse | undefined> {
  const outcome = await client.referenceOutcome(member, reference);
  if (outcome === undefined) return undefined;
  const { entry } = outcome.verified;
  if (entry.kind === 1) {
    const { body } = decodeTransaction(entry.transaction);
    if (body.member !== member || body.reference !== reference) throw otherUse(reference);
    return { outcome, contract: body.contract, method: body.method, args: body.args };
  }
  const batch = outcome.batch === undefined ? undefined : await batchOf(client, outcome.batch, batches);
  if (entry.kind !== 2 || batch?.index !== entry.batch || entry.reference !== reference) throw otherUse(reference);
  const { body } = batch;
  const line = lineOf(body.args, entry.line);
  if (body.member !== member || line?.[0] !== reference) throw otherUse(reference);
  const method = body.contract === paymentsName && body.method === 'open-batch' ? 'open' : 'transfer';
  return { outcome, contract: body.contract, method, args: line[1] ?? [] };
}

function batchOf(client: Client, id: Digest, batches: BatchCache): Promise<Batch | undefined> {
  let found = batches.get(id);
  if (found === undefined) {
    if (batches.size >= cachedMax) batches.clear();
    found = fetchBatch(client, id);
    batches.set(id, found);
  }
  return found;
}

async function fetchBatch(client: Client, id: Digest): Promise<Batch | undefined> {
  const outcome = await client.outcome(id, 0);
  const entry = outcome?.verified.entry;
  if (outcome === undefined || entry?.kind !== 1) return undefined;
  return { index: outcome.index, body: decodeTransaction(entry.transaction).body };
}

/** [reference, arguments] of a line, counted from 1. */
function lineOf(args: Value, line: number): readonly Value[] | undefined {
  const lines = listOf(args)[0];
  return listOf(listOf(lines)[line - 1]);
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : [];
}

function otherUse(reference: string): VerificationError {
  return new VerificationError(`the node shows another entry than the one that used reference ${reference}`);
}
