// The client against the real API over a real ledger in memory: what it believes, what it does not, and what it does
// when a node is gone.
import { createServer, type Server } from 'node:http';
import test from 'ava';
import { findAccount, listAccounts } from '../../cli/accounts.ts';
import { readOutcome } from '../../cli/api-types.ts';
import { ApiProblem, Client, verifyOutcome } from '../../cli/client.ts';
import { CliError } from '../../cli/exit-codes.ts';
import { explained } from '../../cli/explained.ts';
import { firstUse } from '../../cli/first-use.ts';
import { type FollowedBlock, followBlocks, positionAt } from '../../cli/follow.ts';
import { signOperation } from '../../cli/operation.ts';
import { VerificationError, verifyReceipt } from '../../cli/receipt.ts';
import { openArguments, paymentsName, transferArguments } from '../../contracts/payments.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { testGenesis } from '../execution/_ledger.ts';
import { type Served, served } from './_home.ts';

function payment({ ledger, key }: Served, from: string, to: string, amount: bigint, reference: string): Transaction {
  const args = transferArguments({ from, to, amount, currency: 'CZK', purpose: '', date: '' });
  const operation = { contract: paymentsName, method: 'transfer', args, reference };
  return signOperation(ledger, key, operation, Date.now() + 60_000);
}

test('a payment is final when submit returns, and its receipt was checked', async (t) => {
  const api = await served(t, 5);
  const transaction = payment(api, 'D', 'A', 12_50n, 'P1');
  const outcome = await api.client.submit(transaction, 5_000);
  t.like(outcome, { id: transaction.id, outcome: 'OK' });
  t.is(outcome.verified.header.height, outcome.height);
  t.is((await api.client.submit(transaction, 5_000)).index, outcome.index, 'the same bytes again: the first outcome');
  t.is((await findAccount(api.client, 'A'))?.balance, '112.50');
  t.is(await findAccount(api.client, 'NOBODY'), undefined);
  const names: string[] = [];
  for await (const { account } of listAccounts(api.client)) names.push(account);
  t.deepEqual(names, ['A', 'B', 'D', 'ISSUED-CZK']);
});

test('another body under a used reference is refused with DU04, and what used it first is told', async (t) => {
  const api = await served(t, 5);
  await api.client.submit(payment(api, 'D', 'A', 1n, 'P1'), 5_000);
  const error = await t.throwsAsync(api.client.submit(payment(api, 'D', 'A', 2n, 'P1'), 5_000), {
    instanceOf: ApiProblem,
  });
  t.like(explained(error), { code: 'DU04', exitCode: 5 });
  const first = await firstUse(api.client, api.key.member, 'P1');
  t.like(first, { contract: 'payments', method: 'transfer' });
  t.is(await firstUse(api.client, api.key.member, 'P2'), undefined);
});

test('a receipt in which any part is changed does not verify', async (t) => {
  const api = await served(t, 5);
  const { id } = await api.client.submit(payment(api, 'D', 'A', 1n, 'P1'), 5_000);
  const { receipt, ...facts } = readOutcome((await api.get(`/v1/transactions/${id}`)).body);
  t.notThrows(() => verifyReceipt(receipt, api.ledger));
  const flipped = (bytes: Uint8Array, at: number) =>
    bytes.map((byte, i) => (i === at % bytes.length ? byte ^ 1 : byte));
  for (let at = 0; at < 200; at += 7) {
    t.throws(() => verifyReceipt({ ...receipt, entry: flipped(receipt.entry, at) }, api.ledger), {
      instanceOf: VerificationError,
    });
    t.throws(() => verifyReceipt({ ...receipt, header: flipped(receipt.header, at) }, api.ledger), {
      instanceOf: VerificationError,
    });
  }
  const { certificate } = receipt;
  const [first, ...others] = certificate.signers;
  const forged = first === undefined ? [] : [{ ...first, signature: flipped(first.signature, 3) }, ...others];
  const wrong = [
    { ...receipt, index: receipt.index + 1 },
    { ...receipt, path: receipt.path.slice(1) },
    { ...receipt, certificate: { ...certificate, height: certificate.height + 1 } },
    { ...receipt, certificate: { ...certificate, signers: others } },
    { ...receipt, certificate: { ...certificate, signers: forged } },
  ];
  for (const each of wrong) {
    const strict = { ...api.ledger, validators: [...api.ledger.validators] }; // nothing was verified under it before
    t.throws(() => verifyReceipt(each, strict), { instanceOf: VerificationError });
  }
  t.throws(() => verifyOutcome({ ...facts, receipt, outcome: 'AM04' }, api.ledger), { message: /something else/ });
  const otherSet = { ...api.ledger, validators: testGenesis().validators.slice().reverse() };
  t.throws(() => verifyReceipt(receipt, otherSet), { message: /another validator set/ });
});

test('blocks are followed with their entries and lines, from any height, and a gap is not believed', async (t) => {
  const api = await served(t, 5);
  for (const n of [1, 2, 3]) await api.client.submit(payment(api, 'D', 'A', BigInt(n), `P${n}`), 5_000);
  const args = [
    ['L1', 'OK'],
    ['P1', 'DU04'],
  ].map(([reference = '']) => ({
    reference,
    args: { from: 'D', to: 'B', amount: 5n, currency: 'CZK', purpose: '', date: '' },
  }));
  const { batchArguments } = await import('../../contracts/payments.ts');
  const batch = { contract: paymentsName, method: 'batch', args: batchArguments(args), reference: 'B1' };
  await api.client.submit(signOperation(api.ledger, api.key, batch, Date.now() + 60_000), 5_000);
  for (const from of [0, 3]) {
    const abort = new AbortController();
    const blocks: FollowedBlock[] = [];
    for await (const block of followBlocks(api.client, await positionAt(api.client, from), abort.signal)) {
      blocks.push(block);
      if (block.height === 5) abort.abort();
    }
    t.deepEqual(
      blocks.map(({ height }) => height),
      from === 0 ? [1, 2, 3, 4, 5] : [4, 5],
    );
    const last = blocks.at(-1)?.transactions[0];
    t.deepEqual(
      last?.lines.map(({ reference, outcome }) => [reference, outcome]),
      [
        ['L1', 'OK'],
        ['P1', 'DU04'],
      ],
    );
  }
  const position = await positionAt(api.client, 3);
  const wrong = { ...position, digest: api.ledger.chainId };
  const following = followBlocks(api.client, wrong, AbortSignal.timeout(5_000)).next();
  await t.throwsAsync(following, { instanceOf: CliError, message: /does not follow/ });
});

/** A server that answers everything with the same. */
async function fake(
  answer: (url: string) => { status: number; body: string },
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const { status, body } = answer(request.url ?? '');
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}

test('the next node is asked where one is gone, not ready, behind or lies; then the exit code says why', async (t) => {
  const api = await served(t, 5);
  const transaction = payment(api, 'D', 'A', 1n, 'P1');
  const settled = await api.client.submit(transaction, 5_000);
  const notReady = await fake(() => ({ status: 503, body: '{"code":"not-ready","detail":"soon"}' }));
  const liar = await fake(() => ({
    status: 200,
    body: JSON.stringify({ id: transaction.id, status: 'final', outcome: 'OK' }),
  }));
  const behind = await fake(() => ({ status: 200, body: '{"height":0,"accounts":[]}' }));
  t.teardown(() => {
    for (const { server } of [notReady, liar, behind]) server.close();
  });
  const gone = 'http://127.0.0.1:9';
  const many = new Client([gone, notReady.url, liar.url, api.url], api.ledger);
  t.is((await many.submit(transaction, 5_000)).index, settled.index);
  const reader = new Client([behind.url, api.url], api.ledger, settled.height);
  t.is((await findAccount(reader, 'D'))?.overdraftLimit, 'none');

  const exits = [
    [[gone], 69, /no validator could be reached/],
    [[notReady.url], 69, /no validator takes this now \(http.*: soon\)/],
    [[gone, notReady.url], 69, /no validator takes this now/],
    [[liar.url], 7, /no node gave an answer that verifies/],
  ] as const;
  for (const [nodes, exit, message] of exits) {
    const error = await t.throwsAsync(new Client(nodes, api.ledger).outcome(transaction.id, 0), {
      instanceOf: CliError,
      message,
    });
    t.is(error?.exitCode, exit);
  }
});

test('no outcome in time is exit code 6, and the same bytes get theirs later', async (t) => {
  const api = await served(t);
  const transaction = payment(api, 'D', 'A', 1n, 'P1');
  const error = await t.throwsAsync(api.client.submit(transaction, 300), { instanceOf: CliError });
  t.is(error?.exitCode, 6);
  api.node.settle();
  t.is((await api.client.submit(transaction, 300)).outcome, 'OK');
});

test('[E8] a node that admits and has no outcome is left for the next one in time, with the same bytes', async (t) => {
  const api = await served(t, 5);
  const sent: string[] = [];
  // As a validator that was removed, or is cut off, and does not know it: it waits as long as it is asked to.
  const silent = createServer((request, response) => {
    const timeoutMs = Number(new URL(request.url ?? '', 'http://x').searchParams.get('timeoutMs'));
    request.setEncoding('utf8').on('data', (text: string) => sent.push(text));
    setTimeout(() => response.writeHead(202).end('{"status":"pending"}'), timeoutMs);
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => silent.close());
  const address = silent.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const client = new Client([url, api.url], api.ledger);
  const transaction = payment(api, 'D', 'A', 1n, 'P1');
  t.is((await client.submit(transaction, 2_000)).outcome, 'OK', 'also where the whole time is short');
  t.is((await client.submit(payment(api, 'D', 'A', 1n, 'P2'), 2_000)).outcome, 'OK');
  t.deepEqual(
    sent.map((text) => JSON.parse(text).transaction),
    [Buffer.from(transaction.bytes).toString('base64')],
    'the next payment begins where the first came through',
  );
});

test('a node that shows accounts to nobody is exit code 4', async (t) => {
  const api = await served(t, 5, { openReads: false });
  t.is(
    (await api.client.submit(payment(api, 'D', 'A', 1n, 'P1'), 5_000)).outcome,
    'OK',
    'a payer still gets its outcome',
  );
  const error = await t.throwsAsync(findAccount(api.client, 'A'), { instanceOf: ApiProblem });
  const next = 'Its operator sets openReads = true in node.toml (loopback only); or name such a node with --node URL.';
  t.like(explained(error), { exitCode: 4, next });
});

test('what a contract refuses is final too, with the refusal as its outcome', async (t) => {
  const api = await served(t, 5);
  t.is((await api.client.submit(payment(api, 'B', 'A', 1n, 'P1'), 5_000)).outcome, 'AM04');
  const args = openArguments({
    account: 'A',
    branch: 'NORTH',
    currency: 'CZK',
    overdraftLimit: 0n,
    openingBalance: 0n,
  });
  const open = signOperation(
    api.ledger,
    api.key,
    { contract: paymentsName, method: 'open', args, reference: 'O1' },
    Date.now() + 60_000,
  );
  t.is((await api.client.submit(open, 5_000)).outcome, 'DUPACCT');
});
