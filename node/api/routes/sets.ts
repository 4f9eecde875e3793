// How the validator set came to be what it is: for each change the header that names the next set, its certificate and
// the set. Whoever knows genesis walks from there to the set of any block, and believes no node.
import { z } from 'zod';
import { consortiumName, epochNumbered } from '../../../contracts/consortium-state.ts';
import type { StateReader } from '../../../contracts/contract.ts';
import { DivergedRecord } from '../../execution/diverged-record.ts';
import { toBase64 } from '../../ledger/base64.ts';
import { decodeAs, encodeAs } from '../../ledger/schema.ts';
import { setLinkSchema } from '../../ledger/set-chain.ts';
import type { Store } from '../../store/store.ts';
import type { ApiParts, ApiServer } from '../parts.ts';
import * as schemas from '../schemas.ts';

/** Of one answer: a set of 100 validators has some 40 kB. */
const linksMax = 32;

export function setRoutes(app: ApiServer, { node: { store } }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/validator-sets',
    schema: {
      summary: `Changes of the validator set, at most ${linksMax}, after the one that began an epoch`,
      querystring: z.strictObject({ after: schemas.wholeNumber.optional().meta({ description: '0 if absent' }) }),
      response: { 200: schemas.validatorSets, '4xx': schemas.problem },
    },
    async handler(request) {
      const { after = 0 } = request.query;
      return { after, changes: linksAfter(store, after).map(toBase64) };
    },
  });
}

function linksAfter(store: Store, after: number): Uint8Array[] {
  const state: StateReader = {
    read(collection, key) {
      const bytes = store.get(`${consortiumName}/${collection.name}/${key}`);
      return bytes === undefined ? undefined : decodeAs(collection.schema, bytes);
    },
  };
  const links: Uint8Array[] = [];
  for (let number = after + 1; links.length < linksMax; number++) {
    const epoch = epochNumbered(state, number);
    if (epoch === undefined) break;
    const block = store.block(epoch.from - 1);
    const certificate = block && store.certificate(block.height);
    const header = block && store.entry(block.headerIndex);
    // Pruning keeps what changes the set, so the row is lost, or the epoch is another's: either is made again [R4].
    if (certificate === undefined || header === undefined)
      throw new DivergedRecord(
        `damaged store: epoch ${number} begins after block ${epoch.from - 1}, of which rows are lost`,
      );
    links.push(encodeAs(setLinkSchema, { header, certificate, next: [...epoch.validators] }));
  }
  return links;
}
