// What the routes of the API share.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, onRequestHookHandler, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiConfig } from '../config.ts';
import type { EventStreams } from './events.ts';
import type { LedgerNode } from './ledger-node.ts';
import type { ApiMetrics } from './metrics.ts';
import type { Turns } from './turns.ts';
import type { Waiters } from './waiters.ts';

export interface ApiOptions extends ApiConfig {
  /** Whether anyone may read accounts, transactions and entries (a devnet). */
  readonly openReads: boolean;
  /** Told of every failure of ours, after the client got a 500; whoever runs the node decides what it means. */
  readonly onFailure?: (error: unknown) => void;
}

export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export interface ApiParts {
  readonly node: LedgerNode;
  readonly options: ApiOptions;
  readonly waiters: Waiters;
  readonly events: EventStreams;
  readonly metrics: ApiMetrics;
  readonly turns: Turns;
  /** Goes before every route that shows customers' data (auth.ts). */
  readonly readersOnly: onRequestHookHandler;
}
