// Whether the node lives, whether it can serve, its figures, and the description of this API. Open to everyone: nothing
// here is a customer's.
import { z } from 'zod';
import type { ApiParts, ApiServer } from '../parts.ts';
import { Problem } from '../problem.ts';
import * as schemas from '../schemas.ts';

export function healthRoutes(app: ApiServer, { node, metrics }: ApiParts): void {
  app.route({
    method: 'GET',
    url: '/v1/status',
    schema: {
      summary: 'What the node knows of itself and the network',
      querystring: schemas.noParameters,
      response: { 200: schemas.status },
    },
    handler: async () => node.status(),
  });

  app.route({
    method: 'GET',
    url: '/healthz',
    schema: { summary: 'Answers while the process turns', response: { 200: z.object({ status: z.literal('ok') }) } },
    handler: async () => ({ status: 'ok' as const }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      summary: 'Whether it hears a quorum and is not behind',
      response: { 200: z.object({ ready: z.literal(true) }), 503: schemas.problem },
    },
    async handler() {
      const { ready, reason } = node.status();
      if (!ready) throw new Problem('not-ready', reason ?? 'It does not hear a quorum, or is behind.');
      return { ready: true as const };
    },
  });

  app.route({
    method: 'GET',
    url: '/metrics',
    schema: { summary: 'Figures for Prometheus' },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });

  let document: string | undefined;
  app.route({
    method: 'GET',
    url: '/openapi.json',
    schema: { hide: true },
    async handler(_request, reply) {
      document ??= JSON.stringify(app.swagger());
      reply.type('application/json');
      return document;
    },
  });
}
