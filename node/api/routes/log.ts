// The log as it is: entries, blocks, the tree's peaks, the genesis document, and blocks as they come. All that an
// auditor needs; answers are cut at a size, and a client asks again from where one stopped.
import { z } from 'zod';
import { toBase64 } from '../../ledger/base64.ts';
import { frontierAt } from '../../ledger/merkle.ts';
import { type BlockView, blockView } from '../block-view.ts';
import type { ApiParts, ApiServer } from '../parts.ts';
import { Problem } from '../problem.ts';
import * as schemas from '../schemas.ts';

const entriesBytesMax = 4_194_304;
const entriesPerRead = 256;
const blocksMax = 500;
/** Entries of the blocks of one answer: counting transactions reads them. */
const blockEntriesReadMax = 4_096;

export function logRoutes(app: ApiServer, parts: ApiParts): void {
  entriesRoute(app, parts);
  blocksRoute(app, parts);
  blockRoute(app, parts);
  peaksRoute(app, parts);
  genesisRoute(app, parts);
  eventsRoute(app, parts);
}

function entriesRoute(app: ApiServer, parts: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/entries',
    onRequest: parts.readersOnly,
    schema: {
      summary: 'Entries from one log index (inclusive) to another (exclusive), cut at 4 MiB',
      querystring: z.strictObject({ from: schemas.wholeNumber, to: schemas.wholeNumber }),
      response: { 200: schemas.entryPage, '4xx': schemas.problem },
    },
    async handler(request) {
      const { from, to } = request.query;
      if (from > to) throw new Problem('malformed', 'query: from is after to.');
      const begins = parts.node.store.base().logSize;
      if (from > 0 && from < begins) throw pruned(`Entries 1 to ${begins - 1}`, { logFrom: begins });
      return { from, entries: await entriesText(parts, from, to) };
    },
  });
}

function blocksRoute(app: ApiServer, { node: { store }, turns }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/blocks',
    schema: {
      summary: 'Blocks from a height on, ascending',
      querystring: z.strictObject({
        from: schemas.wholeNumber,
        limit: schemas.wholeNumber.optional().meta({ description: `100 if absent, at most ${blocksMax}` }),
      }),
      response: { 200: schemas.blockPage, '4xx': schemas.problem },
    },
    async handler(request) {
      const { from, limit = 100 } = request.query;
      if (limit < 1 || limit > blocksMax) throw new Problem('malformed', `query: limit is 1 to ${blocksMax}.`);
      const blocks: BlockView[] = [];
      let read = 0;
      for (let height = Math.max(from, 1); blocks.length < limit && read < blockEntriesReadMax; height++) {
        await turns.next();
        const block = blockView(store, height);
        if (block === undefined) break;
        blocks.push(block);
        read += block.headerIndex - block.firstIndex;
      }
      return { blocks };
    },
  });
}

function blockRoute(app: ApiServer, { node: { store } }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/blocks/:height',
    schema: {
      summary: 'One block',
      params: z.strictObject({ height: schemas.wholeNumber }),
      querystring: schemas.noParameters,
      response: { 200: schemas.block, '4xx': schemas.problem },
    },
    async handler(request) {
      const { height } = request.params;
      const block = blockView(store, height);
      const base = store.base().height;
      if (block === undefined && height >= 1 && height <= base)
        throw pruned(`Blocks 1 to ${base}`, { blocksFrom: base + 1 });
      if (block === undefined)
        throw new Problem('not-found', `There is no block ${height}: they are 1 to ${store.head().height}.`);
      return block;
    },
  });
}

function peaksRoute(app: ApiServer, { node: { store } }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/log/peaks',
    schema: {
      summary: "Roots of the complete subtrees that make up the log's tree at a size, the largest first",
      querystring: z.strictObject({ size: schemas.wholeNumber }),
      response: { 200: schemas.peaks, '4xx': schemas.problem },
    },
    async handler(request) {
      const { size } = request.query;
      const { logSize } = store.head();
      if (size > logSize) throw new Problem('not-found', `The log has ${logSize} entries.`);
      const begins = store.base().logSize;
      if (size > 0 && size < begins) throw pruned(`Trees of less than ${begins} entries`, { logFrom: begins });
      const peaks = frontierAt((level, index) => store.node(level, index), size).toHashes();
      return { size, peaks: peaks.map(toBase64) };
    },
  });
}

function genesisRoute(app: ApiServer, { node }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/genesis',
    schema: { summary: 'The genesis document', querystring: schemas.noParameters },
    async handler(_request, reply) {
      reply.type('application/json');
      return node.genesisText;
    },
  });
}

function eventsRoute(app: ApiServer, { node: { store }, events }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/events',
    schema: {
      summary: 'Server-sent events: one `block` a block, its id being the height; Last-Event-ID or from resumes',
      querystring: z.strictObject({
        from: schemas.wholeNumber.optional().meta({ description: 'first height; without it, the next block' }),
      }),
      response: { '4xx': schemas.problem, '5xx': schemas.problem },
    },
    async handler(request, reply) {
      const from = firstHeight(request.headers['last-event-id'], request.query.from);
      const { height } = store.base();
      if (from !== undefined && from <= height) throw pruned(`Blocks 1 to ${height}`, { blocksFrom: height + 1 });
      if (events.isFull) throw new Problem('busy', 'All event streams of this node are taken.');
      reply.hijack();
      events.open(reply.raw, from ?? store.head().height + 1);
    },
  });
}

/** Last-Event-ID names the last height that the reader has, so it wins over where it once began. */
function firstHeight(lastEventId: string | string[] | undefined, from: number | undefined): number | undefined {
  if (lastEventId === undefined) return from === undefined ? undefined : Math.max(from, 1);
  const last = schemas.wholeNumber.safeParse(lastEventId);
  if (!last.success) throw new Problem('malformed', 'Last-Event-ID is the height of a block.');
  return last.data + 1;
}

function pruned(what: string, facts: object): Problem {
  return new Problem(
    'pruned',
    `${what} are forgotten here; ask a node that keeps the whole log, or an archive.`,
    facts,
  );
}

async function entriesText({ node: { store }, turns }: ApiParts, from: number, to: number): Promise<string[]> {
  const entries: string[] = [];
  const end = Math.min(to, store.head().logSize);
  let bytes = 0;
  for (let at = from; at < end; at = from + entries.length) {
    await turns.next();
    const read = store.entries(at, Math.min(at + entriesPerRead, end));
    // Forgotten meanwhile: what was read is all that there is of it.
    if (read.length === 0) break;
    for (const entry of read) {
      bytes += entry.length;
      if (bytes > entriesBytesMax) return entries;
      entries.push(toBase64(entry));
    }
  }
  return entries;
}
