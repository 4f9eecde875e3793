// Figures for Prometheus. Gauges ask the node when they are read; nothing is sampled in between.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { EventStreams } from './events.ts';
import type { LedgerNode, NodeStatus } from './ledger-node.ts';
import type { Waiters } from './waiters.ts';

const gauges: readonly (readonly [name: string, help: string, of: (status: NodeStatus) => number | undefined])[] = [
  ['daybook_height', 'Height of the last durable block', (status) => status.height],
  ['daybook_log_entries', 'Entries in the log', (status) => status.logSize],
  ['daybook_epoch', 'Epoch', (status) => status.epoch],
  ['daybook_view', 'View', (status) => status.view],
  ['daybook_is_primary', '1 while this validator is the primary', (status) => Number(status.primary === status.index)],
  ['daybook_ready', '1 while the node hears a quorum and is not behind', (status) => Number(status.ready)],
  ['daybook_read_only', '1 while the node takes no transactions', (status) => Number(status.readOnly)],
  ['daybook_peers_connected', 'Other validators connected', (status) => status.peers.length],
  ['daybook_validators', 'Validators in the set', (status) => status.validators],
  ['daybook_mempool_transactions', 'Transactions that wait', (status) => status.mempool.transactions],
  ['daybook_mempool_bytes', 'Their bytes', (status) => status.mempool.bytes],
  ['daybook_finality_p50_ms', 'Median time from submission to durable block', (status) => status.finalityMsP50],
  ['daybook_finality_p99_ms', 'Its 99th percentile', (status) => status.finalityMsP99],
];

export class ApiMetrics {
  readonly #registry = new Registry();
  readonly #settled: Counter;
  readonly #submissions: Counter<'result'>;
  readonly #requests: Counter<'route' | 'status'>;

  constructor(node: LedgerNode, parts: { readonly waiters: Waiters; readonly events: EventStreams }) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    for (const [name, help, of] of gauges) {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          const value = of(node.status());
          if (value !== undefined) this.set(value);
        },
      });
    }
    new Gauge({
      name: 'daybook_api_waiting_requests',
      help: 'Requests that wait for finality',
      registers,
      collect() {
        this.set(parts.waiters.count);
      },
    });
    new Gauge({
      name: 'daybook_api_event_streams',
      help: 'Open event streams',
      registers,
      collect() {
        this.set(parts.events.count);
      },
    });
    this.#settled = new Counter({
      name: 'daybook_transactions_settled_total',
      help: 'Transactions in blocks since the start',
      registers,
    });
    this.#submissions = new Counter({
      name: 'daybook_submissions_total',
      help: 'Transactions that clients sent, by what became of them',
      labelNames: ['result'],
      registers,
    });
    this.#requests = new Counter({
      name: 'daybook_api_requests_total',
      help: 'Answered requests',
      labelNames: ['route', 'status'],
      registers,
    });
  }

  settled(count: number): void {
    this.#settled.inc(count);
  }

  submitted(result: string, count = 1): void {
    this.#submissions.inc({ result }, count);
  }

  answered(route: string, status: number): void {
    this.#requests.inc({ route, status: String(status) });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
