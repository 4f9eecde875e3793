// The HTTP API of a node: what listens, its limits, and how anything that goes wrong becomes a problem. Routes are in
// routes/; the ledger is reached through LedgerNode alone. No CORS: a page of another origin has no business here.

import type { AddressInfo } from 'node:net';
import swagger from '@fastify/swagger';
import { type FastifyError, type FastifyReply, fastify } from 'fastify';
import { jsonSchemaTransform, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { FatalError } from '../ledger/assert.ts';
import { readerCheck } from './auth.ts';
import { pathOf, problemOf, refuseConnection, refusePath } from './errors.ts';
import { EventStreams } from './events.ts';
import { hostCheck } from './host-check.ts';
import type { LedgerNode } from './ledger-node.ts';
import { ApiMetrics } from './metrics.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { ApiOptions, ApiParts, ApiServer } from './parts.ts';
import { Problem } from './problem.ts';
import { healthRoutes } from './routes/health.ts';
import { logRoutes } from './routes/log.ts';
import { proposalRoutes } from './routes/proposals.ts';
import { setRoutes } from './routes/sets.ts';
import { stateRoutes } from './routes/state.ts';
import { tileRoutes } from './routes/tiles.ts';
import { transactionRoutes } from './routes/transactions.ts';
import { Turns } from './turns.ts';
import { Waiters } from './waiters.ts';

export interface RunningApi {
  readonly port: number;
  /** Ends event streams and waiting requests, lets the others finish, and closes. */
  stop(): Promise<void>;
}

/** How long requests in flight may take to finish at the end. */
const graceMs = 2_000;

/** Rejects when the port is taken. */
export async function startApi(node: LedgerNode, options: ApiOptions): Promise<RunningApi> {
  const waiters = new Waiters(options.waitersMax);
  const events = new EventStreams(node.store, options);
  const metrics = new ApiMetrics(node, { waiters, events });
  const shared = { waiters, events, metrics, turns: new Turns() };
  const parts: ApiParts = { node, options, ...shared, readersOnly: readerCheck(options.openReads) };
  const end = { isStopping: false };
  const app = createServer(options, end);
  try {
    await addRoutes(app, parts);
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    events.stop();
    await app.close();
    throw error;
  }
  const unsubscribe = node.onBlock((_block, transactions) => {
    metrics.settled(transactions.length);
    waiters.settled(transactions);
    events.blockAdded();
  });
  return {
    port: (app.server.address() as AddressInfo).port,
    async stop() {
      end.isStopping = true;
      unsubscribe();
      waiters.stop();
      events.stop();
      const late = setTimeout(() => app.server.closeAllConnections(), graceMs);
      await app.close();
      clearTimeout(late);
    },
  };
}

function createServer(options: ApiOptions, end: { readonly isStopping: boolean }): ApiServer {
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    // A connection on which nothing moves, in whatever state; longer than any wait for finality.
    connectionTimeout: options.waitTimeoutMsMax + 60_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 160 },
    exposeHeadRoutes: false,
    http: {
      headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs),
      connectionsCheckingInterval: Math.min(1_000, options.headersTimeoutMs),
      maxHeaderSize: 16_384,
    },
    // Its type is that of any route; what is sent here has no schema.
    frameworkErrors: (error, request, reply) => refusePath(error, request.url, reply as unknown as FastifyReply),
    clientErrorHandler: (error, socket) => refuseConnection(error.code, socket),
  }).withTypeProvider<ZodTypeProvider>();
  app.server.maxConnections = options.connectionsMax;
  // A form of another origin could send text/plain without a preflight request: only application/json is read.
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.addHook('onRequest', oneAtATime());
  app.addHook('onRequest', hostCheck(options.host));
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    // A connection that is idle only after the server has closed the idle ones would hold up the end.
    if (end.isStopping) reply.header('connection', 'close');
    done(null, payload);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const problem = problemOf(error);
    // A mistake in one route costs one answer; a failed store or a broken invariant costs the process.
    if (error instanceof FatalError) options.onFailure?.(error);
    return reply.code(problem.status).headers(problem.headers()).send(problem.body());
  });
  app.setNotFoundHandler((request) => {
    throw new Problem('not-found', `There is no ${request.method} ${pathOf(request.url)}. See /openapi.json.`);
  });
  return app;
}

async function addRoutes(app: ApiServer, parts: ApiParts): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Daybook node',
        description:
          'Bytes are base64, hashes and keys lower-case hex, amounts decimal text. Errors are RFC 9457 problems.',
        version: '1',
      },
    },
    transform: jsonSchemaTransform,
  });
  app.addHook('onResponse', (request, reply, done) => {
    parts.metrics.answered(request.routeOptions.url ?? 'unknown', reply.statusCode);
    done();
  });
  app.addHook('preHandler', async () => parts.turns.next());
  // In a plugin of their own, so that the document, which is registered before them, knows them.
  await app.register(async (scope) => {
    const routes = scope.withTypeProvider<ZodTypeProvider>();
    transactionRoutes(routes, parts);
    stateRoutes(routes, parts);
    proposalRoutes(routes, parts);
    setRoutes(routes, parts);
    logRoutes(routes, parts);
    tileRoutes(routes, parts);
    healthRoutes(routes, parts);
  });
}
