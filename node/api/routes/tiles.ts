// The log as other tools read it: C2SP tlog-tiles at the root of this server. Every answer but the checkpoint is the
// same bytes from every node, for ever.
import { z } from 'zod';
import { leafHash } from '../../ledger/hash.ts';
import { encodeBundle, parseTilePath, tileWidth, treeLevels } from '../../ledger/tile-layout.ts';
import type { ApiParts, ApiServer } from '../parts.ts';
import { Problem } from '../problem.ts';
import { proofAt } from '../proof.ts';
import * as schemas from '../schemas.ts';

const checkpointsMax = 256;
const octets = 'application/octet-stream';
const text = 'text/plain; charset=utf-8';
const noHash = new Uint8Array(0);
const forEver = 'max-age=31536000, immutable';

export function tileRoutes(app: ApiServer, parts: ApiParts): void {
  proofRoute(app, parts);
  checkpointRoute(app, parts);
  tilesRoute(app, parts);
  bundlesRoute(app, parts);
  keyRoute(app, parts);
  checkpointsRoute(app, parts);
}

function checkpointRoute(app: ApiServer, { node }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/checkpoint',
    schema: { summary: 'The newest stable checkpoint (C2SP tlog-checkpoint)', querystring: schemas.noParameters },
    async handler(_request, reply) {
      const note = node.checkpoint();
      if (note === undefined) throw new Problem('not-found', 'No block has a stable checkpoint yet.');
      reply.type(text).header('cache-control', 'public, max-age=1');
      return Buffer.from(note);
    },
  });
}

function tilesRoute(app: ApiServer, { node: { store } }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/tile/*',
    schema: {
      summary: 'A tile of the Merkle tree: /tile/L/N or /tile/L/N.p/W (C2SP tlog-tiles)',
      params: z.object({ '*': z.string() }),
      querystring: schemas.noParameters,
    },
    async handler(request, reply) {
      const { level, index, width } = placeOf(`tile/${request.params['*']}`);
      if (level === 'entries') throw noTile();
      const first = index * tileWidth;
      const { logSize } = store.head();
      if (first + width > Math.floor(logSize / tileWidth ** level)) throw noTile();
      const hashes = level === 0 ? store.entries(first, first + width).map(leafHash) : [];
      for (let at = first; level > 0 && at < first + width; at++)
        hashes.push(store.node(level * treeLevels, at) ?? noHash);
      if (hashes.length < width || hashes.includes(noHash)) throw forgotten();
      reply.type(octets).header('cache-control', `public, ${forEver}`);
      return Buffer.concat(hashes);
    },
  });
}

/** Entries are customers' data: whoever may read /v1/entries may read these. */
function bundlesRoute(app: ApiServer, { node: { store }, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/tile/entries/*',
    onRequest: readersOnly,
    schema: {
      summary: 'Entries: /tile/entries/N or /tile/entries/N.p/W (C2SP tlog-tiles)',
      params: z.object({ '*': z.string() }),
      querystring: schemas.noParameters,
    },
    async handler(request, reply) {
      const { index, width } = placeOf(`tile/entries/${request.params['*']}`);
      const first = index * tileWidth;
      if (first + width > store.head().logSize) throw noTile();
      reply.type(octets).header('cache-control', `private, ${forEver}`);
      const entries = store.entries(first, first + width);
      if (entries.length < width) throw forgotten();
      return Buffer.from(encodeBundle(entries));
    },
  });
}

function placeOf(path: string): NonNullable<ReturnType<typeof parseTilePath>> {
  const place = parseTilePath(path);
  if (place === undefined) throw noTile();
  return place;
}

function forgotten(): Problem {
  return new Problem('pruned', 'This node has forgotten entries of that tile; ask one that keeps the whole log.');
}

function noTile(): Problem {
  return new Problem('not-found', 'There is no such tile: the log is shorter, or the path is not in its one form.');
}

function proofRoute(app: ApiServer, { node, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/proofs/:index',
    onRequest: readersOnly,
    schema: {
      summary: 'The entry at a log index with its C2SP tlog-proof, to be checked with the genesis document alone',
      params: z.strictObject({ index: schemas.wholeNumber }),
      querystring: schemas.noParameters,
      response: { 200: schemas.entryProof, '4xx': schemas.problem },
    },
    async handler(request) {
      const { index } = request.params;
      const { base, head } = { base: node.store.base(), head: node.store.head() };
      if (index >= head.logSize) throw new Problem('not-found', `The log has ${head.logSize} entries.`);
      // Genesis stays, and what its proof is made of does not.
      if (base.height > 0 && index < base.logSize) throw forgotten();
      const proof = proofAt(node, index);
      if (proof === undefined) throw new Problem('not-found', 'No stable checkpoint covers that entry yet.');
      return { index, proof };
    },
  });
}

function keyRoute(app: ApiServer, { node }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/log/key',
    schema: { summary: 'Verifier key of the first line of /checkpoint', querystring: schemas.noParameters },
    async handler(_request, reply) {
      reply.type(text);
      return `${node.logKey}\n`;
    },
  });
}

function checkpointsRoute(app: ApiServer, { node, turns }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/checkpoints',
    schema: {
      summary: 'Stable checkpoints of heights from one on, ascending, as signed notes; not every height has one',
      querystring: z.strictObject({
        from: schemas.wholeNumber,
        limit: schemas.wholeNumber.optional().meta({ description: `heights looked at, at most ${checkpointsMax}` }),
      }),
      response: { 200: schemas.checkpointPage, '4xx': schemas.problem },
    },
    async handler(request) {
      const { from, limit = checkpointsMax } = request.query;
      if (limit < 1 || limit > checkpointsMax)
        throw new Problem('malformed', `query: limit is 1 to ${checkpointsMax}.`);
      const checkpoints: z.infer<typeof schemas.checkpointPage>['checkpoints'] = [];
      for (let height = Math.max(from, 1); height < from + limit; height++) {
        await turns.next();
        const note = node.checkpointAt(height, false);
        if (note !== undefined) checkpoints.push({ height, note: Buffer.from(note).toString('utf8') });
      }
      return { checkpoints };
    },
  });
}
