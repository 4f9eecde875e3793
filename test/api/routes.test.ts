import test from 'ava';
import { batchArguments } from '../../contracts/payments.ts';
import { damageOf } from '../../node/divergence.ts';
import { certificateProblem, certificateSchema } from '../../node/ledger/certificate.ts';
import { decodeEntry, decodeHeader, headerDigest } from '../../node/ledger/entry.ts';
import { digestBytes, digestOf, equalBytes, fromHex, leafHash } from '../../node/ledger/hash.ts';
import { Frontier, verifyInclusion } from '../../node/ledger/merkle.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import { pruningStep } from '../../node/snapshot/pruner.ts';
import { clearing } from '../execution/_ledger.ts';
import { type Running, running, text } from './_node.ts';

const bytes = (value: unknown) => new Uint8Array(Buffer.from(String(value), 'base64'));

/** Checks a receipt with nothing of the server's but its bytes; answers with the entry. */
function provenEntry({ node }: Running, value: unknown) {
  const receipt = value as { entry: string; index: number; path: string[]; header: string; certificate: string };
  const header = decodeHeader(bytes(receipt.header));
  const path = receipt.path.map((hex) => fromHex(hex) ?? new Uint8Array(0));
  const leaf = leafHash(bytes(receipt.entry));
  if (!verifyInclusion(leaf, receipt.index, header.logSize, path, header.logRoot)) throw new Error('not included');
  const certificate = decodeAs(certificateSchema, bytes(receipt.certificate));
  if (certificate.digest !== headerDigest(bytes(receipt.header))) throw new Error('certifies another block');
  const { chainId, genesis } = node.ledger;
  const problem = certificateProblem(certificate, chainId, genesis.validators);
  if (problem !== undefined) throw new Error(problem);
  return decodeEntry(bytes(receipt.entry));
}

test('a transaction is pending, then final with a receipt that anyone can check', async (t) => {
  const api = await running(t);
  const pay = api.node.transfer('A', 'B', 30_00n);
  const sent = await api.post('/v1/transactions', { transaction: text(pay) });
  t.is(sent.status, 202);
  t.deepEqual(sent.body, { id: pay.id, status: 'pending' });
  t.deepEqual((await api.get(`/v1/transactions/${pay.id}`)).body, { id: pay.id, status: 'pending' });
  api.node.settle();
  const { status, body } = await api.get(`/v1/transactions/${pay.id}`);
  t.is(status, 200);
  t.like(body, { id: pay.id, status: 'final', outcome: 'OK', height: 2, index: 5 });
  t.false('lines' in body);
  const entry = provenEntry(api, body['receipt']);
  t.true(entry.kind === 1 && equalBytes(entry.transaction, pay.bytes));
  const again = await api.post('/v1/transactions', { transaction: text(pay) });
  t.is(again.status, 200);
  t.deepEqual(again.body, body);
});

test('waiting for finality ends with the block that holds the transaction', async (t) => {
  const api = await running(t);
  const pay = api.node.transfer('A', 'B', 500_00n);
  const sent = api.post('/v1/transactions?wait=final', { transaction: text(pay) });
  const asked = api.get(`/v1/transactions/${pay.id}?wait=final&timeoutMs=9000`);
  while (api.node.waiting.size === 0) await new Promise((resolve) => setImmediate(resolve));
  api.node.settle();
  const answers = await Promise.all([sent, asked]);
  for (const { status, body } of answers) {
    t.is(status, 200);
    t.is(body['outcome'], 'AM04', 'a refusal is an outcome too');
  }
});

test('a wait that ends without the outcome leaves it open', async (t) => {
  const api = await running(t);
  const pay = api.node.transfer('A', 'B', 1n);
  const sent = await api.post('/v1/transactions?wait=final&timeoutMs=50', { transaction: text(pay) });
  t.is(sent.status, 202);
  t.is(sent.body['status'], 'pending');
  const full = await running(t, { waitersMax: 1 });
  const [one, two] = [full.node.transfer('A', 'B', 1n), full.node.transfer('A', 'B', 2n)];
  const both = [one, two].map((each) => full.post('/v1/transactions?wait=final', { transaction: text(each) }));
  t.is((await Promise.race(both)).status, 202, 'beyond the limit nobody waits');
  full.node.settle();
  t.deepEqual((await Promise.all(both)).map(({ status }) => status).sort(), [200, 202]);
});

test('another body under a used reference is refused with the first outcome as proof', async (t) => {
  const api = await running(t);
  const first = api.node.transfer('A', 'B', 1_00n, 'INVOICE 7/26');
  api.node.settle(first);
  const { status, body, headers } = await api.post('/v1/transactions', {
    transaction: text(api.node.transfer('A', 'B', 2_00n, 'INVOICE 7/26')),
  });
  t.is(status, 409);
  t.regex(headers.get('content-type') ?? '', /^application\/problem\+json/);
  t.like(body, { code: 'DU04', status: 409, type: 'urn:daybook:problem:DU04' });
  const outcome = body['first'] as Record<string, unknown>;
  t.is(outcome['id'], first.id);
  provenEntry(api, outcome['receipt']);
});

test('a batch shows its lines, and each line has a receipt of its own that shows no other', async (t) => {
  const api = await running(t);
  const line = (reference: string, amount: bigint) => ({
    reference,
    args: { from: 'A', to: 'B', amount, currency: 'CZK', purpose: '', date: '' },
  });
  const args = batchArguments([line('L1', 10_00n), line('L2', 900_00n), line('L3', 20_00n)]);
  const batch = api.node.ledger.transaction(clearing, 'payments', 'batch', args, 'BATCH');
  api.node.settle(batch, api.node.transfer('A', 'B', 1n));
  const whole = await api.get(`/v1/transactions/${batch.id}`);
  t.deepEqual(whole.body['lines'], [
    { line: 1, reference: 'L1', outcome: 'OK', index: 6 },
    { line: 2, reference: 'L2', outcome: 'AM04', index: 7 },
    { line: 3, reference: 'L3', outcome: 'OK', index: 8 },
  ]);
  const { body } = await api.get('/v1/references/NORTH/L2');
  t.like(body, { status: 'final', batch: batch.id, line: 2, reference: 'L2', outcome: 'AM04', height: 2, index: 7 });
  const entry = provenEntry(api, body['receipt']);
  t.true(entry.kind === 2 && entry.reference === 'L2');
  t.is((await api.get('/v1/references/NORTH/BATCH')).body['id'], batch.id);
  t.is((await api.get('/v1/references/NORTH/L4')).status, 404);
  t.is((await api.get('/v1/references/SOUTH/L1')).status, 404);
});

test('many at once: each has its own result, in the order sent', async (t) => {
  const api = await running(t);
  const settled = api.node.transfer('A', 'B', 1n);
  api.node.settle(settled);
  const fresh = api.node.transfer('A', 'B', 2n);
  const forged = new Uint8Array(fresh.bytes);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const { status, body } = await api.post('/v1/transactions/bulk', {
    transactions: [
      text(fresh),
      text(fresh),
      text(settled),
      Buffer.from(forged).toString('base64'),
      'AAAA',
      'no base64',
      'A'.repeat(30_000),
    ],
  });
  t.is(status, 200);
  const results = body['results'] as { id?: string; status: string; code?: string }[];
  t.deepEqual(
    results.map(({ status: each, code }) => code ?? each),
    ['admitted', 'waiting', 'final', 'waiting', 'malformed', 'malformed', 'too-large'],
  );
  t.is(results[0]?.id, fresh.id);
  t.is(results[2]?.id, settled.id);
  t.deepEqual((await api.post('/v1/transactions/bulk', { transactions: [] })).body, { results: [] });
});

test('accounts are listed in order, page by page, and shown one by one with the block they are of', async (t) => {
  const api = await running(t);
  api.node.settle(api.node.transfer('D', 'A', 12_34n));
  const all = await api.get('/v1/accounts');
  const { height, stateRoot } = api.node.store.head();
  t.deepEqual(all.body, {
    height,
    stateRoot,
    accounts: [
      { account: 'A', branch: 'NORTH', currency: 'CZK', balance: '112.34', overdraftLimit: '0.00', status: 'open' },
      { account: 'B', branch: 'NORTH', currency: 'CZK', balance: '0.00', overdraftLimit: '0.00', status: 'open' },
      { account: 'D', branch: 'NORTH', currency: 'CZK', balance: '-12.34', overdraftLimit: 'none', status: 'open' },
      {
        account: 'ISSUED-CZK',
        branch: '',
        currency: 'CZK',
        balance: '-100.00',
        overdraftLimit: 'none',
        status: 'open',
      },
    ],
  });
  const first = await api.get('/v1/accounts?limit=3');
  t.is(first.body['next'], 'D');
  const rest = await api.get('/v1/accounts?limit=3&after=D');
  t.deepEqual(
    (rest.body['accounts'] as { account: string }[]).map(({ account }) => account),
    ['ISSUED-CZK'],
  );
  t.false('next' in rest.body);
  const one = await api.get('/v1/accounts/A');
  t.like(one.body, { height, stateRoot, account: 'A', balance: '112.34', seq: 2, lastIndex: 5 });
  t.is((await api.get('/v1/accounts/NOBODY')).status, 404);
});

test('the consortium shows members, users with their keys and roles, and validators', async (t) => {
  const api = await running(t);
  const { body } = await api.get('/v1/consortium');
  t.deepEqual(
    (body['members'] as { id: string }[]).map(({ id }) => id),
    ['EAST', 'NORTH', 'SOUTH', 'WEST'],
  );
  const users = body['users'] as { user: string; member: string }[];
  t.deepEqual(
    users.find(({ user }) => user === 'clearing'),
    {
      member: 'NORTH',
      user: 'clearing',
      publicKey: Buffer.from(clearing.publicKey).toString('hex'),
      roles: ['clearing'],
      active: true,
    } as object as (typeof users)[number],
  );
  t.is((body['validators'] as unknown[]).length, 4);
});

test('a transaction that is final is answered with its outcome, also where its index row is lost', async (t) => {
  const api = await running(t);
  const transfer = api.node.transfer('A', 'B', 1n);
  const body = { transaction: text(transfer) };
  await api.post('/v1/transactions', body);
  api.node.settle();
  const first = await api.post('/v1/transactions', body);
  t.is(first.status, 200);
  const transaction = api.node.store.transaction.bind(api.node.store);
  api.node.store.transaction = (id) => (id === transfer.id ? undefined : transaction(id));
  const again = await api.post('/v1/transactions?wait=final&timeoutMs=100', body);
  t.is(again.status, 200);
  t.deepEqual(again.body, first.body);
});

test('[R4] a node that makes its state again shows nothing of it', async (t) => {
  const failures: unknown[] = [];
  const api = await running(t, { onFailure: (error) => failures.push(error) });
  const { store } = api.node;
  // A record of an epoch that there never was, as a misdirected write leaves it.
  const epoch = store.get('consortium/epochs/0');
  const get = store.get.bind(store);
  store.get = (path) => (path === 'consortium/epochs/1' ? epoch : get(path));
  Object.assign(api.node, { isHealing: true });
  for (const path of ['accounts', 'accounts/A', 'consortium', 'proposals/NORTH/1', 'validator-sets']) {
    const answer = await api.get(`/v1/${path}`);
    t.is(answer.status, 503, path);
    t.is(answer.body['code'], 'not-ready', path);
  }
  t.is((await api.get('/v1/blocks/1')).status, 200);
  t.deepEqual(failures, []);
});

test('[R4] an epoch whose last block is lost is damage that a node heals, and no end of it', async (t) => {
  const failures: unknown[] = [];
  const api = await running(t, { onFailure: (error) => failures.push(error) });
  const { store } = api.node;
  const get = store.get.bind(store);
  store.get = (path) => (path === 'consortium/epochs/1' ? get('consortium/epochs/0') : get(path));
  t.is((await api.get('/v1/validator-sets')).status, 500);
  t.deepEqual(
    failures.map((error) => damageOf(error)?.reason),
    ['damaged store: epoch 1 begins after block 0, of which rows are lost'],
  );
});

test('what a node has forgotten is gone, which is not the same as never there', async (t) => {
  const api = await running(t);
  const { node } = api;
  for (let i = 1n; i <= 3n; i++) node.settle(node.transfer('A', 'B', i));
  const pay = node.transfer('A', 'B', 4n);
  node.settle(pay);
  const step = pruningStep(node.store, 2);
  if (step === undefined) return t.fail('nothing to prune');
  node.store.prune(step);
  const { logSize } = node.store.base();
  const roots = ['/v1/log/peaks?size=1', `/v1/log/peaks?size=${logSize - 1}`, '/v1/proofs/0', '/v1/proofs/1'];
  for (const path of ['/v1/blocks/1', '/v1/entries?from=1&to=9', ...roots]) {
    const { status, body } = await api.get(path);
    t.is(status, 410, path);
    t.is(body['code'], 'pruned', path);
  }
  t.is((await api.get('/v1/blocks/9')).status, 404);
  t.is((await api.get('/v1/blocks/3')).status, 200);
  t.is((await api.get(`/v1/entries?from=${logSize}&to=99`)).status, 200);
  t.is((await api.get('/v1/entries?from=0&to=1')).status, 200, 'genesis stays');
  const kept = await api.get('/v1/blocks/2');
  t.is(kept.status, 200, 'the base stays for its header');
  t.false('transactions' in kept.body);
  const late = await api.get('/v1/events?from=2');
  t.is(late.status, 410);
  t.is(late.body['code'], 'pruned');
  // Halving the heights must not look at those that are gone: more than half of them.
  const more = pruningStep(node.store, 4);
  if (more === undefined) return t.fail('nothing to prune');
  node.store.prune(more);
  const outcome = await api.get(`/v1/transactions/${pay.id}`);
  t.is(outcome.status, 200);
  t.like(outcome.body, { outcome: 'OK', height: 5 });
  t.is(provenEntry(api, outcome.body['receipt']).kind, 1);
});

test('blocks, entries and peaks give an auditor the whole log', async (t) => {
  const api = await running(t);
  api.node.settle(api.node.transfer('A', 'B', 1n), api.node.transfer('A', 'B', 2n));
  const { blocks } = (await api.get('/v1/blocks?from=0')).body as { blocks: Record<string, unknown>[] };
  t.deepEqual(
    blocks.map(({ height, firstIndex, headerIndex, transactions }) => [height, firstIndex, headerIndex, transactions]),
    [
      [1, 1, 4, 3],
      [2, 5, 7, 2],
    ],
  );
  t.deepEqual((await api.get('/v1/blocks/2')).body, blocks[1]);
  t.deepEqual((await api.get('/v1/blocks?from=2&limit=1')).body['blocks'], [blocks[1]]);
  t.deepEqual((await api.get('/v1/blocks?from=3')).body['blocks'], []);
  t.is((await api.get('/v1/blocks/0')).status, 404);
  t.is((await api.get('/v1/blocks/3')).status, 404);
  const header = bytes(blocks[1]?.['header']);
  t.is(blocks[1]?.['digest'], headerDigest(header));

  const { body } = await api.get('/v1/entries?from=0&to=100');
  const entries = (body['entries'] as string[]).map(bytes);
  t.is(entries.length, 8);
  t.is(digestOf(leafHash(entries[0] ?? header)), api.node.store.identity.chainId);
  t.deepEqual(entries[7], header);
  t.is(((await api.get('/v1/entries?from=2&to=4')).body['entries'] as unknown[]).length, 2);
  t.deepEqual((await api.get('/v1/entries?from=8&to=9')).body, { from: 8, entries: [] });

  for (const size of [0, 1, 7, 8]) {
    const frontier = Frontier.empty();
    for (const entry of entries.slice(0, size)) frontier.append(leafHash(entry));
    const { body: given } = await api.get(`/v1/log/peaks?size=${size}`);
    t.deepEqual((given['peaks'] as string[]).map(bytes), frontier.toHashes());
  }
  t.is((await api.get('/v1/log/peaks?size=9')).status, 404);
  t.true(equalBytes(digestBytes(api.node.store.identity.chainId), api.node.ledger.chainId));
});

test('entries are cut at 4 MiB, and asking on from there gives the rest', async (t) => {
  const api = await running(t);
  const entry = api.node.store.entry(1) ?? new Uint8Array(0);
  const count = 2 * Math.ceil(4_194_304 / entry.length);
  const { store } = api.node;
  store.entries = (from, to) => Array.from({ length: to - from }, () => entry);
  const head = store.head();
  store.head = () => ({ ...head, logSize: count });
  let at = 0;
  let requests = 0;
  while (at < count) {
    const { entries } = (await api.get(`/v1/entries?from=${at}&to=${count}`)).body as { entries: string[] };
    t.true(entries.length > 0 && entries.length * entry.length <= 4_194_304);
    at += entries.length;
    requests += 1;
  }
  t.is(requests, 3);
});

test('genesis, status, health, readiness, metrics and the OpenAPI document', async (t) => {
  const api = await running(t);
  const genesis = await api.get('/v1/genesis');
  t.is(genesis.text, api.node.genesisText);
  t.regex(genesis.headers.get('content-type') ?? '', /^application\/json/);
  t.deepEqual((await api.get('/v1/status')).body, { ...api.node.status() });
  t.deepEqual((await api.get('/healthz')).body, { status: 'ok' });
  t.deepEqual((await api.get('/readyz')).body, { ready: true });
  api.node.ready = false;
  const notReady = await api.get('/readyz');
  t.is(notReady.status, 503);
  t.like(notReady.body, { code: 'not-ready', detail: 'hears 1 of 3' });
  const metrics = await api.get('/metrics');
  t.regex(metrics.text, /^daybook_height 1$/m);
  t.regex(metrics.text, /^daybook_peers_connected 3$/m);
  t.regex(metrics.text, /^daybook_api_requests_total\{route="\/healthz",status="200"\} 1$/m);
  const document = (await api.get('/openapi.json')).body as { openapi: string; paths: Record<string, object> };
  t.is(document.openapi, '3.1.0');
  const paths = Object.keys(document.paths);
  for (const path of ['/v1/transactions', '/v1/transactions/bulk', '/v1/accounts/{id}', '/v1/events', '/readyz'])
    t.true(paths.includes(path), path);
  t.false(paths.includes('/openapi.json'));
});
