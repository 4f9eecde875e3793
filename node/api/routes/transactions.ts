// Submitting transactions and asking what became of them. A submission is idempotent: the same bytes again get the
// first outcome, and a time-out leaves the outcome open, never failed.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { fromBase64 } from '../../ledger/base64.ts';
import { type Digest, parseDigest } from '../../ledger/hash.ts';
import { transactionBytesMax } from '../../ledger/limits.ts';
import type { LedgerNode, Refused, Submission } from '../ledger-node.ts';
import { type Outcome, outcomeAt, outcomeOf, outcomeOfReference } from '../outcome.ts';
import type { ApiParts, ApiServer } from '../parts.ts';
import { Problem } from '../problem.ts';
import {
  bulkResult,
  bulkSubmission,
  digest,
  identifierText,
  lineOutcome,
  noParameters,
  outcome,
  pending,
  problem,
  reference,
  submission,
  waitParameters,
} from '../schemas.ts';

const defaultTimeoutMs = 10_000;
/** A bulk request gives way to the rest of the node (votes among it) after this long. */
const sliceMs = 5;
/** Being worked on or waiting for their turn; a further one is refused. */
const bulkRequestsMax = 64;
const textLengthMax = 4 * Math.ceil(transactionBytesMax / 3);

type Pending = z.output<typeof pending>;
type WaitQuery = z.output<typeof waitParameters>;

export function transactionRoutes(app: ApiServer, parts: ApiParts): void {
  submitRoute(app, parts);
  bulkRoute(app, parts);
  outcomeRoute(app, parts);
  referenceRoute(app, parts);
}

function submitRoute(app: ApiServer, parts: ApiParts): void {
  app.route({
    method: 'POST',
    url: '/v1/transactions',
    schema: {
      summary: 'Submit a signed transaction',
      querystring: waitParameters,
      body: submission,
      response: { 200: outcome, 202: pending, '4xx': problem, '5xx': problem },
    },
    async handler(request, reply) {
      const submitted = submitText(parts.node, request.body.transaction);
      parts.metrics.submitted(submitted.status);
      if (submitted.status === 'refused') throw refusalProblem(parts.node, submitted);
      const { id } = submitted;
      const index = submitted.status === 'final' ? submitted.index : undefined;
      const known = outcomeOf(parts.node.store, id, index);
      const settled = known ?? (await waitForOutcome(parts, id, request.query, reply));
      return settled === undefined ? reply.code(202).send(pendingOf(id)) : reply.code(200).send(settled);
    },
  });
}

function bulkRoute(app: ApiServer, parts: ApiParts): void {
  // One after another: many at once would each take a slice of every turn of the event loop.
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;
  app.route({
    method: 'POST',
    url: '/v1/transactions/bulk',
    schema: {
      summary: 'Submit many signed transactions; each has its own result, in the order sent',
      querystring: noParameters,
      body: bulkSubmission(parts.options.bulkItemsMax),
      response: { 200: bulkResult, '4xx': problem, '5xx': problem },
    },
    async handler(request) {
      const { transactions } = request.body;
      if (transactions.length > parts.options.bulkItemsMax)
        throw new Problem('too-large', `At most ${parts.options.bulkItemsMax} transactions at once.`);
      if (count >= bulkRequestsMax) throw new Problem('busy', 'Too many bulk requests at once; send fewer.');
      count += 1;
      const results = last.then(() => submitAll(parts, transactions));
      last = results.catch(() => undefined).finally(() => count--);
      return { results: await results };
    },
  });
}

function outcomeRoute(app: ApiServer, parts: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/transactions/:id',
    onRequest: parts.readersOnly,
    schema: {
      summary: 'The outcome of a transaction, with its receipt',
      params: z.strictObject({ id: digest }),
      querystring: waitParameters,
      response: { 200: z.union([outcome, pending]), '4xx': problem },
    },
    async handler(request, reply): Promise<Outcome | Pending> {
      const id = parseDigest(request.params.id);
      if (id === undefined) throw new Problem('malformed', 'A transaction id is 64 lower-case hex digits.');
      const settled = outcomeOf(parts.node.store, id) ?? (await waitForOutcome(parts, id, request.query, reply));
      if (settled !== undefined) return settled;
      if (parts.node.isWaiting(id)) return pendingOf(id);
      throw new Problem('not-found', 'This node knows no such transaction: it never came here, or it expired.');
    },
  });
}

function referenceRoute(app: ApiServer, { node, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/references/:member/:reference',
    onRequest: readersOnly,
    schema: {
      summary: "The outcome of what used a member's reference last",
      params: z.strictObject({ member: identifierText, reference }),
      querystring: noParameters,
      response: { 200: z.union([outcome, lineOutcome]), '4xx': problem },
    },
    async handler(request) {
      const { member, reference: text } = request.params;
      const found = outcomeOfReference(node.store, member, text);
      if (found === undefined) throw new Problem('not-found', `${member} has used no reference ${text}.`);
      return found;
    },
  });
}

/** Base64 is checked here, so that `submit` sees bytes; what is too long is refused before it is decoded. */
function submitText(node: LedgerNode, text: string): Submission {
  if (text.length > textLengthMax)
    return { status: 'refused', code: 'too-large', detail: `A transaction is at most ${transactionBytesMax} bytes.` };
  const bytes = fromBase64(text);
  if (bytes === undefined) return { status: 'refused', code: 'malformed', detail: 'The transaction is not in base64.' };
  return node.submit(bytes);
}

type BulkResult = z.output<typeof bulkResult>['results'][number];

async function submitAll({ node, metrics }: ApiParts, texts: readonly string[]): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  const counts = { admitted: 0, waiting: 0, final: 0, refused: 0 };
  let since = performance.now();
  for (const text of texts) {
    const submitted = submitText(node, text);
    counts[submitted.status] += 1;
    const { status, id } = submitted;
    const named = id === undefined ? { status } : { id, status };
    results.push(submitted.status === 'refused' ? { ...named, code: submitted.code, detail: submitted.detail } : named);
    if (performance.now() - since > sliceMs) {
      await nextTurn();
      since = performance.now();
    }
  }
  for (const [result, count] of Object.entries(counts)) if (count > 0) metrics.submitted(result, count);
  return results;
}

function refusalProblem({ store }: LedgerNode, { code, detail, id, first }: Refused): Problem {
  return new Problem(code, detail, {
    ...(id === undefined ? {} : { id }),
    ...(first === undefined ? {} : { first: outcomeAt(store, first) }),
  });
}

function pendingOf(id: Digest): Pending {
  return { id, status: 'pending' };
}

/** Undefined when nobody asked to wait, or the time is over. */
async function waitForOutcome(
  { node, options, waiters, turns }: ApiParts,
  id: Digest,
  query: WaitQuery,
  reply: FastifyReply,
): Promise<Outcome | undefined> {
  if (query.wait === undefined) return undefined;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const timeoutMs = Math.min(query.timeoutMs ?? defaultTimeoutMs, options.waitTimeoutMsMax);
  await waiters.wait(id, timeoutMs, gone.signal);
  await turns.next();
  return outcomeOf(node.store, id);
}
