import test from 'ava';
import { type Block, blockSchema } from '../../node/consensus/messages.ts';
import { realEventLoop } from '../../node/event-loop.ts';
import { decodeHeader, encodeEntry, encodeHeader, headerDigest } from '../../node/ledger/entry.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { encodeAs } from '../../node/ledger/schema.ts';
import { checkFetchedBlock } from '../../node/network/fetched-block.ts';
import { SyncClient } from '../../node/network/sync-client.ts';
import {
  blocksAnswerBytesMax,
  decodeBlocksAnswer,
  decodeSyncRequest,
  encodeBlocksAnswer,
  encodeBodyAnswer,
  encodeSyncRequest,
  type StoredBlock,
} from '../../node/network/sync-messages.ts';
import { SyncServer, type SyncSource } from '../../node/network/sync-server.ts';
import { Chain, certificateOf, chainId, digestNamed, epoch, otherChainId, validatorsOf } from './_consortium.ts';

const n = 4;
const validators = validatorsOf(n);

function chainOf(heights: number): Chain {
  const chain = new Chain(n);
  for (let h = 1; h <= heights; h++)
    chain.add([Chain.transactionEntry(`${h} a`), Chain.transactionEntry(`${h} b`), Chain.transactionEntry(`${h} c`)]);
  return chain;
}

/** What a store shows of a chain. */
function sourceOf(chain: Chain, bodies = new Map<Digest, Uint8Array>()): SyncSource {
  const log: Uint8Array[] = [new Uint8Array(1)];
  const rows = chain.blocks.map((block) => {
    const firstIndex = log.length;
    log.push(...block.entries);
    return {
      height: block.certificate.height,
      digest: block.certificate.digest,
      firstIndex,
      headerIndex: log.length - 1,
    };
  });
  return {
    head: () => ({ ...chain.end, timestamp: 0, stateRoot: digestNamed('state') }),
    base: () => ({ height: 0, digest: digestNamed('genesis'), logSize: 1 }),
    block: (height) => rows[height - 1],
    certificate: (height) => chain.blocks[height - 1]?.certificate,
    entries: (from, to) => log.slice(from, to),
    body: (digest) => bodies.get(digest),
  };
}

type Peer = (request: Uint8Array) => Uint8Array | undefined | Promise<Uint8Array>;

function clientOf(
  peers: readonly Peer[],
  timeoutMs = 200,
  monotonicMs = realEventLoop.monotonicMs,
): { client: SyncClient; asked: number[] } {
  const asked: number[] = [];
  const transport = {
    async request(to: number, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
      asked.push(to);
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      const answer = await Promise.race([peers[to]?.(bytes), aborted]);
      if (answer === undefined) throw new Error('nothing to say');
      return answer;
    },
  };
  const { after } = realEventLoop;
  return { client: new SyncClient(transport, { chainId, validators, timeoutMs, after, monotonicMs }), asked };
}

function held<T>(found: readonly T[] | 'pruned' | undefined): readonly T[] | undefined {
  return found === 'pruned' ? undefined : found;
}

const serverOf =
  (source: SyncSource): Peer =>
  (request) =>
    new SyncServer(source).serve(request);

test('blocks are served as stored and checked one on another', async (t) => {
  const chain = chainOf(5);
  const { client } = clientOf([serverOf(sourceOf(chain))]);
  const blocks = held(await client.fetchBlocks(1, [0], new Chain(n).end));
  t.deepEqual(
    blocks?.map(({ entries, certificate }) => ({ entries, certificate })),
    chain.blocks,
  );
  t.deepEqual(blocks?.at(-1)?.end, chain.end);
  const later = held(await client.fetchBlocks(4, [0], blocks?.[2]?.end ?? chain.end));
  t.deepEqual(
    later?.map((block) => block.header.height),
    [4, 5],
  );
  t.is(await client.fetchBlocks(6, [0], chain.end), undefined);
});

test('a peer that has forgotten the blocks says so and is not to blame; another is asked', async (t) => {
  const chain = chainOf(5);
  const whole = sourceOf(chain);
  const pruned = { ...whole, base: () => ({ height: 3, digest: digestNamed('base'), logSize: 7 }) };
  const { client, asked } = clientOf([serverOf(pruned), serverOf(whole)]);
  t.is(held(await client.fetchBlocks(1, [0, 1], new Chain(n).end))?.length, 5);
  t.deepEqual(asked, [0, 1]);
  t.is(await client.fetchBlocks(1, [0], new Chain(n).end), 'pruned');
  t.deepEqual(client.faults(0), { lies: 0, silences: 0 });
});

test('an answer holds whole blocks within its bytes, and one at least', (t) => {
  const chain = chainOf(5);
  const server = new SyncServer(sourceOf(chain));
  const count = (bytesMax: number, height = 1) => {
    const answer = server.serve(encodeSyncRequest({ type: 'blocks', height, bytesMax }));
    return answer === undefined ? 0 : decodeBlocksAnswer(answer).length;
  };
  const sizeOf = (height: number) =>
    (chain.blocks[height - 1]?.entries ?? []).reduce((sum, entry) => sum + entry.length + 5, 0);
  t.is(count(0), 1);
  t.is(count(sizeOf(1)), 1);
  t.is(count(sizeOf(1) + sizeOf(2) - 1), 1);
  t.is(count(sizeOf(1) + sizeOf(2)), 2);
  t.is(count(blocksAnswerBytesMax), 5);
  t.is(count(blocksAnswerBytesMax, 6), 0);
  t.is(count(blocksAnswerBytesMax, Number.MAX_SAFE_INTEGER), 0);
});

test('a request of no known form is not answered', (t) => {
  const server = new SyncServer(sourceOf(chainOf(1)));
  for (const bytes of [[], [0x80], [0x83, 2, 0, 0], [0x82, 0, 1], [0x83, 0, 1, 0x1b, 0, 0, 1, 0, 0, 0, 0, 0]])
    t.is(server.serve(Uint8Array.from(bytes)), undefined);
  const request = encodeSyncRequest({ type: 'body', height: 3, digest: digestNamed('x') });
  t.deepEqual(decodeSyncRequest(request), { type: 'body', height: 3, digest: digestNamed('x') });
  t.is(server.serve(request), undefined);
});

/** A block whose header says something else, under a certificate that really is for that header. */
function rewritten(block: StoredBlock, change: Partial<ReturnType<typeof decodeHeader>>): StoredBlock {
  const header = decodeHeader(block.entries.at(-1) ?? new Uint8Array(0));
  const encoded = encodeHeader({ ...header, ...change });
  const height = change.height ?? header.height;
  return {
    entries: [...block.entries.slice(0, -1), encoded],
    certificate: certificateOf(n, { epoch: change.epoch ?? epoch, view: 0, height, digest: headerDigest(encoded) }),
  };
}

test('a fetched block is refused with anything wrong, even under a true quorum', (t) => {
  const chain = chainOf(2);
  const [first, second] = chain.blocks as [StoredBlock, StoredBlock];
  const head = new Chain(n).end;
  const [a, b, c, header] = first.entries as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const [s0, s1, s2] = first.certificate.signers as [
    { validator: number; signature: Uint8Array },
    { validator: number; signature: Uint8Array },
    { validator: number; signature: Uint8Array },
  ];
  const withEntries = (...entries: Uint8Array[]) => ({ ...first, entries });
  const withCertificate = (change: Partial<StoredBlock['certificate']>) => ({
    ...first,
    certificate: { ...first.certificate, ...change },
  });
  const genesisInside = encodeEntry({ kind: 0, document: [] });
  const wrong: [string, StoredBlock][] = [
    ['no entries', withEntries()],
    ['the next block', second],
    ['an entry missing', withEntries(a, b, header)],
    ['an entry more', withEntries(a, b, c, c, header)],
    ['entries in another order', withEntries(b, a, c, header)],
    ['an entry changed', withEntries(a, b, Chain.transactionEntry('z'), header)],
    ['no header at the end', withEntries(header, a, b, c)],
    ['a certificate of another header', withCertificate({ digest: second.certificate.digest })],
    ['a certificate of another view', withCertificate({ view: 1 })],
    ['a certificate of another epoch', withCertificate({ epoch: 1 })],
    ['a signature too few', withCertificate({ signers: [s0, s1] })],
    ['a signature twice', withCertificate({ signers: [s0, s1, s1] })],
    ['a forged signature', withCertificate({ signers: [s0, s1, { ...s2, signature: s1.signature }] })],
    ['another chain', rewritten(first, { chainId: otherChainId })],
    ['another parent', rewritten(first, { parent: otherChainId })],
    ['another height', rewritten(first, { height: 2 })],
    ['another log size', rewritten(first, { logSize: 5 })],
    ['another log root', rewritten(first, { logRoot: otherChainId })],
  ];
  for (const [why, block] of wrong) t.is(typeof checkFetchedBlock(block, head, validators, chainId), 'string', why);
  for (const inside of [genesisInside, header, Uint8Array.of(0x80)]) {
    const odd = new Chain(n);
    odd.add([inside]);
    const block = odd.blocks[0] as StoredBlock;
    t.is(typeof checkFetchedBlock(block, head, validators, chainId), 'string', 'an entry that no block holds');
  }
  t.not(typeof checkFetchedBlock(first, head, validators, chainId), 'string');
});

test('who lies is counted and asked last; who is silent costs one timeout', async (t) => {
  const chain = chainOf(3);
  const honest = serverOf(sourceOf(chain));
  const liar: Peer = () => {
    const [first] = chain.blocks as [StoredBlock];
    return encodeBlocksAnswer([{ ...first, entries: first.entries.slice(1) }]);
  };
  const silent: Peer = () => new Promise(() => {});
  const { client, asked } = clientOf([liar, silent, () => Uint8Array.of(1, 2, 3), honest], 50);
  const start = new Chain(n).end;
  t.is((await client.fetchBlocks(1, [0, 1, 2, 3], start))?.length, 3);
  t.deepEqual(asked, [0, 1, 2, 3]);
  t.is((await client.fetchBlocks(1, [0, 1, 2, 3], start))?.length, 3);
  t.deepEqual(asked, [0, 1, 2, 3, 3]);
  t.deepEqual([client.faults(0).lies, client.faults(1).silences, client.faults(2).lies], [1, 1, 1]);
  t.is(await client.fetchBlocks(1, [1, 0], start), undefined);
});

test('[C2] who gives one block just before its time is over does not hold others up', async (t) => {
  const blocks = 40;
  const chain = chainOf(blocks);
  const honest = serverOf(sourceOf(chain));
  let nowMs = 0;
  const dripping: Peer = (request) => {
    nowMs += 4_900;
    const asked = decodeSyncRequest(request);
    return honest(encodeSyncRequest(asked.type === 'blocks' ? { ...asked, bytesMax: 0 } : asked));
  };
  let quickMs = 20;
  const quick: Peer = (request) => {
    nowMs += quickMs;
    const asked = decodeSyncRequest(request);
    return asked.type === 'blocks'
      ? encodeBlocksAnswer(chain.blocks.slice(asked.height - 1, asked.height + 3))
      : request;
  };
  const { client } = clientOf([dripping, quick, quick], 5_000, () => nowMs);
  let end = new Chain(n).end;
  while (end.height < blocks) {
    const found = held(await client.fetchBlocks(end.height + 1, [0, 1, 2], end));
    t.truthy(found);
    end = found?.at(-1)?.end ?? chain.end;
  }
  t.true(nowMs <= 2 * 5_000, `${nowMs} ms`);
  // Nor does it gain anything by being good for a while, or by not being asked.
  quickMs = 500;
  for (let i = 0; i < 40; i++) await client.fetchBlocks(1, [1, 2], new Chain(n).end);
  quickMs = 20;
  const before = nowMs;
  for (let i = 0; i < 10; i++) await client.fetchBlocks(1, [0, 1, 2], new Chain(n).end);
  t.true(nowMs - before <= 5_000 + 200, `${nowMs - before} ms`);
});

test('the good beginning of a bad answer is kept', async (t) => {
  const chain = chainOf(3);
  const [first, second, third] = chain.blocks as [StoredBlock, StoredBlock, StoredBlock];
  const bad = { ...second, entries: [...second.entries].reverse() };
  const { client } = clientOf([() => encodeBlocksAnswer([first, bad, third])]);
  t.is((await client.fetchBlocks(1, [0], new Chain(n).end))?.length, 1);
  t.is(client.faults(0).lies, 1);
});

test('a body is served from votes, then from the log, and must be the one that was asked for', async (t) => {
  const chain = chainOf(2);
  const header = chain.blocks[1]?.entries.at(-1) ?? new Uint8Array(0);
  const digest = headerDigest(header);
  const block: Block = {
    header,
    evidence: undefined,
    transactions: ['2 a', '2 b', '2 c'].map((name) => new TextEncoder().encode(name)),
  };
  const voted = sourceOf(new Chain(n), new Map([[digest, encodeAs(blockSchema, block)]]));
  const wrongTransactions: Peer = () => encodeBodyAnswer({ ...block, transactions: [] });
  const otherBlock: Peer = () => encodeBodyAnswer({ ...block, header: chain.blocks[0]?.entries.at(-1) ?? header });
  const { client } = clientOf([serverOf(voted), serverOf(sourceOf(chain)), wrongTransactions, otherBlock]);
  t.deepEqual(await client.fetchBody(2, digest, [0]), block);
  t.deepEqual(await client.fetchBody(2, digest, [1]), block);
  t.is(await client.fetchBody(2, digest, [3]), undefined);
  t.is(await client.fetchBody(1, digest, [1, 3]), undefined);
  const holds = (body: Block) => body.transactions.length === 3;
  t.deepEqual(await client.fetchBody(2, digest, [2, 1], holds), block);
  t.is(client.faults(2).lies, 1);
});

test('[V7] a body is had from the next one before a view is over, though the first never answers', async (t) => {
  const block: Block = {
    header: chainOf(1).blocks[0]?.entries.at(-1) ?? new Uint8Array(0),
    evidence: undefined,
    transactions: [],
  };
  const silent: Peer = () => new Promise(() => {});
  let nowMs = 0;
  const timers = new Set<{ readonly at: number; readonly work: () => void }>();
  const asked: number[] = [];
  const transport = {
    request: (to: number, _: Uint8Array, signal: AbortSignal) => {
      asked.push(to);
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return to < 2
        ? Promise.race([silent(new Uint8Array(0)) as Promise<Uint8Array>, aborted])
        : encodeBodyAnswer(block);
    },
  };
  const after = (delayMs: number, work: () => void) => {
    const timer = { at: nowMs + delayMs, work };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const options = { chainId, validators, timeoutMs: 5_000, after, monotonicMs: () => nowMs };
  const client = new SyncClient({ request: async (...all) => transport.request(...all) }, options);
  let found: Block | undefined;
  const fetched = client.fetchBody(1, headerDigest(block.header), [0, 1, 2]).then((body) => {
    found = body;
  });
  while (found === undefined) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    const [next] = [...timers].sort((a, b) => a.at - b.at);
    if (found !== undefined || next === undefined) break;
    timers.delete(next);
    nowMs = next.at;
    next.work();
  }
  await fetched;
  t.deepEqual([found, asked, timers.size], [block, [0, 1, 2], 0]);
  t.true(nowMs <= 1_000, `${nowMs} ms`);
});
