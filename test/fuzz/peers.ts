// What other validators can send: through the inbound checks, the intake, sync answers, and into a live cluster that
// must go on meanwhile.
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { verify } from '../../node/audit/audit.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { decodeMessage, encodeMessage, type Message, positionOf } from '../../node/consensus/messages.ts';
import { realEventLoop } from '../../node/event-loop.ts';
import { DecodeError, decode, encode } from '../../node/ledger/codec.ts';
import { decodeEntry } from '../../node/ledger/entry.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import { channelOf, Inbound } from '../../node/network/inbound.ts';
import { SyncClient } from '../../node/network/sync-client.ts';
import { encodeBlocksAnswer, encodeBodyAnswer, encodeSyncRequest } from '../../node/network/sync-messages.ts';
import { channels } from '../../node/network/transport.ts';
import { auditor, clearing, officers, seedOf, TestLedger, tellers } from '../execution/_ledger.ts';
import { examples } from '../ledger/_formats.ts';
import { Chain, chainId, epoch, signAs, validatorsOf } from '../network/_consortium.ts';
import { MemoryCluster } from '../node/_memory-cluster.ts';
import type { OpenTarget, Target } from './engine.ts';
import { messages, storedChain } from './samples.ts';

const count = 4;
const auditedBlocksMax = 10_000;
const argumentExamples = new Set(['open', 'transfer', 'batch', 'propose', 'approve']);

type SignMessage = (message: Exclude<Message, { type: 'status' | 'committed' }>) => Uint8Array;

/** The same bytes signed again by whoever they name, so that they are not all stopped by one signature. */
function signedAgain(input: Uint8Array, signOf: SignMessage): Uint8Array | undefined {
  try {
    const message = decodeMessage(input);
    if (message.type === 'status' || message.type === 'committed') return undefined;
    return encodeMessage({ ...message, signature: signOf(message) });
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

const inbound: Target = {
  name: 'inbound',
  kind: 'cbor',
  async open() {
    const position = () => ({ view: 2, height: 5 });
    const checks = new Inbound({ chainId, epoch, validators: validatorsOf(count), self: 3, position });
    const judged = (input: Uint8Array) =>
      channels.slice(0, 2).map((channel) => {
        const found = [0, 1, 2].map((from) => checks.check(from, channel, input));
        return found.map((each) => ('message' in each ? `passed ${each.message.type}` : JSON.stringify(each))).join();
      });
    return {
      seeds: messages(),
      run(input) {
        const again = signedAgain(input, (message) =>
          signAs(message.validator % count, message.type, positionOf(message)),
        );
        return [input, ...(again === undefined ? [] : [again])].flatMap(judged).join().slice(0, 300);
      },
    };
  },
};

const syncAnswers: Target = {
  name: 'sync-answers',
  kind: 'cbor',
  async open() {
    const chain = storedChain();
    const body = {
      header: chain.blocks[0]?.entries.at(-1) ?? new Uint8Array(1),
      transactions: [new Uint8Array([1])],
      evidence: undefined,
    };
    let answer = new Uint8Array(0);
    const transport = { request: async () => answer };
    const options = { chainId, validators: validatorsOf(count), timeoutMs: 1_000, ...realEventLoop };
    return {
      seeds: [encodeBlocksAnswer(chain.blocks), encodeBodyAnswer(body)],
      async run(input) {
        answer = Uint8Array.from(input);
        const client = new SyncClient(transport, options);
        const blocks = await client.fetchBlocks(1, [0], new Chain(count).end);
        const found = await client.fetchBody(1, chain.blocks[0]?.certificate.digest ?? chain.end.digest, [0]);
        for (const [i, block] of (blocks === 'pruned' ? [] : (blocks ?? [])).entries())
          if (block.digest !== chain.blocks[i]?.certificate.digest) throw new Error('a block that nobody certified');
        const { lies } = client.faults(0);
        const got = blocks === undefined || blocks === 'pruned' ? blocks : 'blocks';
        return `${got} ${found === undefined ? 'no body' : 'body'} ${lies > 0 ? 'lies' : 'honest'}`;
      },
    };
  },
};

/** Any arguments, signed by users with every role, through admission, contracts and commit. */
const contracts: Target = {
  name: 'contracts',
  kind: 'cbor',
  isSlow: true,
  async open() {
    const ledger = new TestLedger();
    const users = [clearing, officers.NORTH, officers.SOUTH, tellers.NORTH, tellers.EAST, auditor];
    const calls = [
      ...['open', 'transfer', 'batch', 'open-batch', 'issue', 'nothing'].map((method) => ['payments', method] as const),
      ...['propose', 'approve', 'nothing'].map((method) => ['consortium', method] as const),
      ['nothing', 'nothing'] as const,
    ];
    const opening = { branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined };
    const transfer = { currency: 'CZK', purpose: 'rent', date: '2026-01-02', amount: 5n };
    const seeds = [
      openArguments({ account: 'A', openingBalance: 10_000n, ...opening }),
      openArguments({ account: 'B', openingBalance: 0n, ...opening }),
      transferArguments({ from: 'A', to: 'B', ...transfer }),
      [[['L-1', transferArguments({ from: 'A', to: 'B', ...transfer })]]],
      ['R-1', 'NORTH'],
    ].map(encode);
    const shown = examples.filter(({ name }) => argumentExamples.has(name)).map(({ bytes }) => bytes);
    let runs = 0;
    return {
      seeds: [...seeds, ...shown],
      run(input) {
        let args: ReturnType<typeof decode>;
        try {
          args = decode(input);
        } catch (error) {
          if (error instanceof DecodeError) return 'no value';
          throw error;
        }
        const sum = input.reduce((total, byte) => total + byte, runs++);
        const [user, call] = [users[sum % users.length], calls[(input.length + runs) % calls.length]];
        if (user === undefined || call === undefined) throw new Error('there are users and calls');
        let transaction: ReturnType<TestLedger['transaction']>;
        try {
          transaction = ledger.transaction(user, call[0], call[1], args);
        } catch (error) {
          if (error instanceof DecodeError) return 'no transaction';
          throw error;
        }
        const { block, left } = ledger.propose(transaction);
        if (block === undefined) return `left out ${left[0]?.problem.code}`;
        ledger.commit(block);
        const [first] = block.commit.entries;
        const entry = first && decodeEntry(first);
        return `${call.join('.')} ${entry?.kind === 1 ? entry.outcome : 'no transaction'}`;
      },
      /** Whatever was accepted must stand before an audit: replay, references, sums of money. */
      async close() {
        if (ledger.store.head().height > auditedBlocksMax) return;
        const verdict = await verify(new StoreSource(ledger.store));
        if (!verdict.ok) throw new Error(`the audit: ${JSON.stringify(verdict.finding)}`);
      },
    };
  },
};

/** Validator 3 is the liar: whatever it sends, the three others commit one block after each burst. */
const cluster: Target = {
  name: 'cluster',
  kind: 'cbor',
  isSlow: true,
  async open(): Promise<OpenTarget> {
    const live = await LiveCluster.start();
    return { seeds: live.seen(), run: (input) => live.suffer(input), close: () => live.stop() };
  },
};

const burst = 25;

class LiveCluster {
  readonly #cluster = new MemoryCluster();
  readonly #seen: Uint8Array[] = [];
  readonly #failures: unknown[] = [];
  #sent = 0;
  #accounts = 0;

  static async start(): Promise<LiveCluster> {
    const live = new LiveCluster();
    const cluster = live.#cluster;
    cluster.onFailure = (error) => live.#failures.push(error);
    cluster.onSend = (from, _channel, bytes) => {
      if (from === 3 && live.#seen.length < 60) live.#seen.push(bytes);
    };
    for (let i = 0; i < count; i++) cluster.start(i);
    await cluster.run(() => cluster.nodes.every((node) => node?.status().ready), 2_000);
    for (let i = 0; i < 3; i++) await live.#commit();
    cluster.cut(0);
    await live.#commit(2);
    cluster.heal();
    await live.#commit();
    cluster.kill(3);
    await live.#commit();
    return live;
  }

  seen(): Uint8Array[] {
    const height = this.#cluster.height(0);
    return [...this.#seen, encodeSyncRequest({ type: 'blocks', height, bytesMax: 100_000 })];
  }

  async suffer(input: Uint8Array): Promise<string> {
    const voteSeed = deriveSeed(seedOf('node-3'), 'vote');
    const again = signedAgain(input, (message) =>
      sign(voteMessage(message.type, this.#cluster.chainId, positionOf(message)), voteSeed),
    );
    for (const bytes of again === undefined ? [input] : [input, again])
      for (let to = 0; to < 3; to++) {
        const node = this.#cluster.nodes[to];
        for (const channel of channels) node?.receive(3, channel, bytes);
        node?.serve(3, bytes);
      }
    this.#sent += 1;
    if (this.#sent % burst === 0) await this.#commit();
    if (this.#failures.length > 0) throw this.#failures[0];
    if (this.#cluster.incidents.length > 0) throw new Error(this.#cluster.incidents.join('; '));
    return again === undefined ? 'plain' : `signed ${channelOf(decodeMessage(again))}`;
  }

  async stop(): Promise<void> {
    for (let i = 0; i < count; i++) this.#cluster.kill(i);
  }

  /** Work that honest validators must finish, whoever talks meanwhile. */
  async #commit(by = 0): Promise<void> {
    const { nodes, stores } = this.#cluster;
    const account = openArguments({
      account: `A-${++this.#accounts}`,
      branch: 'NORTH',
      currency: 'CZK',
      overdraftLimit: 0n,
      openingBalance: 0n,
    });
    const transaction = this.#cluster.transaction(clearing, 'open', account);
    const { status } = nodes[by]?.submit(transaction.bytes) ?? { status: 'no node' };
    if (status !== 'admitted') throw new Error(`an honest client is answered ${status}`);
    const honest = [0, 1, 2].filter((i) => this.#cluster.nodes[i] !== undefined);
    await this.#cluster.run(
      () => honest.filter((i) => stores[i]?.transaction(transaction.id) !== undefined).length >= 2,
      600,
    );
    const waiting = Math.max(...honest.map((i) => nodes[i]?.status().mempool.transactions ?? 0));
    if (waiting > 5_000) throw new Error(`${waiting} transactions wait`);
  }
}

export const peers: readonly Target[] = [inbound, syncAnswers, contracts, cluster];
