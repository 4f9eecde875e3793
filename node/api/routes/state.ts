// Reads of the state after the last block. Every answer says which block that is.
import { z } from 'zod';
import { toBase64 } from '../../ledger/base64.ts';
import { accountDetail, accountPage, accountPath, consortiumView } from '../account-view.ts';
import type { ApiParts, ApiServer } from '../parts.ts';
import { Problem } from '../problem.ts';
import * as schemas from '../schemas.ts';

const accountsMax = 1_000;

export function stateRoutes(app: ApiServer, parts: ApiParts): void {
  const detail = 'This node makes its state again from the log, because it differed from the chain. Ask another node.';
  app.addHook('preHandler', async ({ routeOptions }) => {
    if (parts.node.isHealing === true && readsState(routeOptions.url)) throw new Problem('not-ready', detail);
  });
  accountsRoute(app, parts);
  accountRoute(app, parts);
  accountProofRoute(app, parts);
  consortiumRoute(app, parts);
}

const ofState = ['/v1/accounts', '/v1/consortium', '/v1/proposals', '/v1/validator-sets'];

function readsState(url: string | undefined): boolean {
  return url !== undefined && ofState.some((prefix) => url.startsWith(prefix));
}

function accountsRoute(app: ApiServer, { node: { store }, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/accounts',
    onRequest: readersOnly,
    schema: {
      summary: 'Accounts, ascending by id',
      querystring: z.strictObject({
        limit: schemas.wholeNumber.optional().meta({ description: `at most ${accountsMax}` }),
        after: schemas.identifierText
          .optional()
          .meta({ description: 'go on after this account: `next` of the last answer' }),
      }),
      response: { 200: schemas.accountPage, '4xx': schemas.problem },
    },
    async handler(request) {
      const { limit = accountsMax, after } = request.query;
      if (limit < 1 || limit > accountsMax) throw new Problem('malformed', `query: limit is 1 to ${accountsMax}.`);
      const { height, stateRoot } = store.head();
      return { height, stateRoot, ...accountPage(store, limit, after) };
    },
  });
}

function accountRoute(app: ApiServer, { node: { store }, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/accounts/:id',
    onRequest: readersOnly,
    schema: {
      summary: 'One account',
      params: z.strictObject({ id: schemas.identifierText }),
      querystring: schemas.noParameters,
      response: { 200: schemas.accountDetail, '4xx': schemas.problem },
    },
    async handler(request) {
      const account = accountDetail(store, request.params.id);
      if (account === undefined) throw new Problem('not-found', `There is no account ${request.params.id}.`);
      const { height, stateRoot } = store.head();
      return { height, stateRoot, ...account };
    },
  });
}

/** A proof of absence shows the records of two other accounts: readers only, like the accounts themselves. */
function accountProofRoute(app: ApiServer, { node, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/accounts/:id/proof',
    onRequest: readersOnly,
    schema: {
      summary: 'ICS23 proof of one account, or of its absence, under the state root of the last block',
      params: z.strictObject({ id: schemas.identifierText }),
      querystring: schemas.noParameters,
      response: { 200: schemas.accountProof, '4xx': schemas.problem },
    },
    async handler(request) {
      const { id } = request.params;
      const proven = await node.proveState(accountPath(id));
      if (proven === undefined) throw new Problem('busy', 'This node gives no proof now; try again in a moment.');
      return { account: id, height: proven.height, present: proven.isPresent, proof: toBase64(proven.proof) };
    },
  });
}

function consortiumRoute(app: ApiServer, { node: { store }, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/consortium',
    onRequest: readersOnly,
    schema: {
      summary: 'Members, users and validators',
      querystring: schemas.noParameters,
      response: { 200: schemas.consortium, '4xx': schemas.problem },
    },
    async handler() {
      return { height: store.head().height, ...consortiumView(store) };
    },
  });
}
