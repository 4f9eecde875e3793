// A node for the API's tests: a real ledger in memory that settles when told to, behind a server on a free port.
import type { ExecutionContext } from 'ava';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import type { BlockListener, LedgerNode, NodeStatus, Submission } from '../../node/api/ledger-node.ts';
import type { ApiOptions } from '../../node/api/parts.ts';
import { startApi } from '../../node/api/server.ts';
import { parseConfig } from '../../node/config.ts';
import { admissionCodes } from '../../node/execution/admission.ts';
import { checkpointText, type LogName, originOf } from '../../node/ledger/checkpoint.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { checkpointNote, noteSignature } from '../../node/ledger/cosignature.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { rootAt } from '../../node/ledger/merkle.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { decodeTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import { formatVerifierKey, parseVerifierKey, verifierKey } from '../../node/ledger/verifier-key.ts';
import { type ProvenState, StateProver } from '../../node/state-prover.ts';
import type { StatePath, Store } from '../../node/store/store.ts';
import { clearing, seedOf, TestLedger } from '../execution/_ledger.ts';

const logSeed = deriveSeed(seedOf('node-0'), 'log');

export class TestNode implements LedgerNode {
  readonly ledger = new TestLedger();
  readonly genesisText = formatGenesis(this.ledger.genesis);
  readonly waiting = new Map<Digest, Transaction>();
  readonly #listeners = new Set<BlockListener>();
  /** What `submit` answers whatever comes, where a test sets it. */
  answer: Submission | undefined;
  ready = true;

  get store(): Store {
    return this.ledger.store;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  isWaiting(id: Digest): boolean {
    return this.waiting.has(id);
  }

  submit(bytes: Uint8Array): Submission {
    if (this.answer !== undefined) return this.answer;
    const decoded = decoding(bytes);
    if (typeof decoded === 'string') return { status: 'refused', code: 'malformed', detail: decoded };
    const { id } = decoded;
    if (this.waiting.has(id)) return { status: 'waiting', id };
    const problem = this.ledger.executor.admissionProblem(decoded, this.ledger.time + 1);
    if (problem === undefined) {
      this.waiting.set(id, decoded);
      return { status: 'admitted', id };
    }
    if (problem.code !== 'reference-used')
      return { status: 'refused', id, code: admissionCodes[problem.code], detail: problem.code };
    if (problem.replay) return { status: 'final', id, index: problem.row.index };
    return { status: 'refused', id, code: 'DU04', detail: 'used', first: problem.row.index };
  }

  onBlock(listener: BlockListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Orders what waits, and whatever else is given, in one block. */
  settle(...more: Transaction[]): void {
    const { block } = this.ledger.propose(...this.waiting.values(), ...more);
    if (block === undefined) throw new Error('nothing to settle');
    this.ledger.commit(block);
    this.waiting.clear();
    for (const listener of this.#listeners) listener(block.commit.block, block.commit.transactions);
  }

  get #log(): LogName {
    return { ledger: this.ledger.genesis.name, chainId: this.store.identity.chainId };
  }

  get logKey(): string {
    return formatVerifierKey(verifierKey(originOf(this.#log), 'note', publicKeyOf(logSeed)));
  }

  proveState(path: StatePath): Promise<ProvenState | undefined> {
    return new StateProver({ store: this.store, now: () => this.ledger.executor }).prove(path);
  }

  checkpoint(): Uint8Array | undefined {
    return this.checkpointAt(this.store.lastCheckpoint()?.height ?? 0, true);
  }

  checkpointAt(height: number, hasOwnLine: boolean): Uint8Array | undefined {
    const checkpoint = this.store.checkpoint(height);
    if (checkpoint === undefined || !hasOwnLine) return this.ledger.checkpointNote(height);
    const text = checkpointText({ origin: originOf(this.#log), ...checkpoint });
    const own = noteSignature(parseVerifierKey(this.logKey), sign(new TextEncoder().encode(text), logSeed));
    return checkpointNote(this.#log, checkpoint, this.ledger.validatorsAt(height), [own]);
  }

  status(): NodeStatus {
    const { head } = this.ledger.executor;
    return {
      version: '0.0.0-test',
      chainId: this.store.identity.chainId,
      name: this.ledger.genesis.name,
      validator: 'node-0',
      index: 0,
      epoch: 0,
      view: 3,
      mode: 'normal',
      primary: 3,
      height: head.height,
      logSize: head.logSize,
      stateRoot: head.stateRoot,
      logRoot: Buffer.from(rootAt((level, index) => this.store.node(level, index), head.logSize)).toString('hex'),
      peers: [1, 2, 3],
      validators: 4,
      quorum: 3,
      ready: this.ready,
      ...(this.ready ? {} : { reason: 'hears 1 of 3' }),
      readOnly: false,
      mempool: { transactions: this.waiting.size, bytes: 0 },
      pid: 1,
      startedAt: 0,
    };
  }

  open(account: string, openingBalance: bigint, limit: bigint | 'none' = 0n): Transaction {
    const overdraftLimit = limit === 'none' ? undefined : limit;
    const args = openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit, openingBalance });
    return this.ledger.transaction(clearing, 'payments', 'open', args);
  }

  transfer(from: string, to: string, amount: bigint, reference?: string): Transaction {
    const args = transferArguments({ from, to, amount, currency: 'CZK', purpose: 'rent', date: '' });
    return this.ledger.transaction(clearing, 'payments', 'transfer', args, reference);
  }
}

function decoding(bytes: Uint8Array): Transaction | string {
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of the JSON body. */
  readonly body: Record<string, unknown>;
}

export interface Running {
  readonly node: TestNode;
  readonly port: number;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  stop(): Promise<void>;
}

export const text = (transaction: Transaction): string => Buffer.from(transaction.bytes).toString('base64');

/** A node with accounts A (100.00), B and D (without limit), behind an API that stops with the test. */
export async function running(t: ExecutionContext, changes: Partial<ApiOptions> = {}): Promise<Running> {
  const node = new TestNode();
  node.settle(node.open('A', 100_00n), node.open('B', 0n), node.open('D', 0n, 'none'));
  const { api } = parseConfig('validator = "node-0"\n[listen]\nport = 0\n[api]\nport = 0\n', '/');
  const failures: unknown[] = [];
  const server = await startApi(node, {
    ...api,
    openReads: true,
    onFailure: (error) => failures.push(error),
    ...changes,
  });
  const base = `http://127.0.0.1:${server.port}`;
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(base + path, { ...init, signal: AbortSignal.timeout(20_000) });
    const content = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text: content,
      body: isJson ? JSON.parse(content) : {},
    };
  };
  t.teardown(async () => {
    await server.stop();
    if (failures.length > 0) throw failures[0];
  });
  return {
    node,
    port: server.port,
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stop: () => server.stop(),
  };
}
