// A proposal of the consortium, by the member that made it and its reference.
import { z } from 'zod';
import { type Change, consortiumName, proposalRecords, proposalText } from '../../../contracts/consortium-state.ts';
import { decodeAs } from '../../ledger/schema.ts';
import type { ApiParts, ApiServer } from '../parts.ts';
import { Problem } from '../problem.ts';
import * as schemas from '../schemas.ts';

export function proposalRoutes(app: ApiServer, { node: { store }, readersOnly }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/proposals/:member/:reference',
    onRequest: readersOnly,
    schema: {
      summary: 'One proposal of the consortium',
      params: z.strictObject({ member: schemas.identifierText, reference: schemas.reference }),
      querystring: schemas.noParameters,
      response: { 200: schemas.proposal, '4xx': schemas.problem },
    },
    async handler(request) {
      const place = proposalText(request.params);
      const bytes = store.get(`${consortiumName}/${proposalRecords.name}/${place}`);
      if (bytes === undefined) throw new Problem('not-found', `There is no proposal ${place}.`);
      const { changes, approvals, status, failure } = decodeAs(proposalRecords.schema, bytes);
      const shown = changes.map((change) => ({ kind: change.kind, what: whatOf(change) }));
      const outcome = failure === undefined ? {} : { failure };
      return {
        height: store.head().height,
        ...request.params,
        status,
        ...outcome,
        approvals: [...approvals],
        changes: shown,
      };
    },
  });
}

function whatOf(change: Change): string {
  return 'user' in change ? `${change.member}/${change.user}` : change.id;
}
