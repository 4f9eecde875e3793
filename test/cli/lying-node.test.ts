// What a validator that lies can make a teller believe: nothing of an outcome.
import { createServer } from 'node:http';
import test from 'ava';
import { answerText, EndlessAnswerError } from '../../cli/answer-text.ts';
import { BadAnswerError, textOf } from '../../cli/api-types.ts';
import { ApiProblem, Client } from '../../cli/client.ts';
import { CliError } from '../../cli/exit-codes.ts';
import { explained } from '../../cli/explained.ts';
import { isObject, type JsonObject } from '../../cli/files.ts';
import { ledgerLink } from '../../cli/ledger-link.ts';
import { statusRow, statusTable } from '../../cli/node-table.ts';
import { signOperation } from '../../cli/operation.ts';
import { hasUnseen, oneLine, printable } from '../../cli/printable.ts';
import { judgedProposal, readProposal } from '../../cli/proposal.ts';
import { Session } from '../../cli/session.ts';
import { proposeArguments } from '../../contracts/consortium.ts';
import { consortiumName } from '../../contracts/consortium-state.ts';
import { batchArguments, paymentsName, transferArguments } from '../../contracts/payments.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { officers } from '../execution/_ledger.ts';
import { fileIn, folderOf, quietOutput, type Served, served } from './_home.ts';
import { type Lie, liar } from './_liar.ts';

function operation(
  { ledger, key }: Served,
  method: string,
  args: ReturnType<typeof batchArguments>,
  reference: string,
) {
  return signOperation(ledger, key, { contract: paymentsName, method, args, reference }, Date.now() + 60_000);
}

function payment(api: Served, amount: bigint, reference: string): Transaction {
  const args = transferArguments({ from: 'D', to: 'A', amount, currency: 'CZK', purpose: '', date: '' });
  return operation(api, 'transfer', args, reference);
}

/** L1 is paid, the second line has no money behind it. */
function batch(api: Served, reference: string): Transaction {
  const rest = { currency: 'CZK', purpose: '', date: '' };
  const lines = [
    { reference: 'L1', args: { from: 'D', to: 'B', amount: 5n, ...rest } },
    { reference: 'L2', args: { from: 'B', to: 'D', amount: 9_999_00n, ...rest } },
  ];
  return operation(api, 'batch', batchArguments(lines), reference);
}

const truthOf = (answer: unknown): JsonObject => (isObject(answer) ? answer : {});

test('the receipt of a line of a batch is none of a transaction, whatever id stands beside it', async (t) => {
  const api = await served(t, 5);
  await api.client.submit(batch(api, 'B1'), 5_000);
  const line = truthOf((await api.get(`/v1/references/${api.key.member}/L1`)).body);
  const never = payment(api, 1n, 'NEVER');
  const node = await liar(t, api.url, () => ({ status: 200, body: { ...line, id: never.id } }));
  const client = new Client([node.url], api.ledger);
  for (const asking of [client.submit(never, 1_000), client.outcome(never.id, 0)])
    t.is((await t.throwsAsync(asking, { instanceOf: CliError }))?.exitCode, 7);
});

test('what a node says of the lines of a batch is held against the entries of the block', async (t) => {
  const api = await served(t, 5);
  const sent = batch(api, 'B1');
  await api.client.submit(sent, 5_000);
  const truth = await ledgerLink(api.client, api.key.member, []).final(sent.id);
  t.deepEqual(
    truth?.lines.map(({ reference, outcome }) => [reference, outcome]),
    [
      ['L1', 'OK'],
      ['L2', 'AM04'],
    ],
  );
  const turned = (body: JsonObject) =>
    Array.isArray(body['lines'])
      ? { ...body, lines: body['lines'].map((each) => ({ ...truthOf(each), outcome: 'OK' })) }
      : body;
  const node = await liar(t, api.url, (_, { status, body }) => ({ status, body: turned(body) }));
  const link = ledgerLink(new Client([node.url], api.ledger), api.key.member, []);
  t.deepEqual((await link.final(sent.id))?.lines, truth?.lines);
});

test('a height that a node made up is no beginning of a journal', async (t) => {
  const api = await served(t, 5);
  await api.client.submit(payment(api, 1n, 'P1'), 5_000);
  const node = await liar(t, api.url, (request, { status, body }) =>
    request.includes('/v1/status') ? { status, body: { ...body, height: 1_000_000 } } : undefined,
  );
  t.is(
    await ledgerLink(new Client([node.url, api.url], api.ledger), api.key.member, []).head(),
    api.node.store.head().height,
  );
});

const refusing = (code: string) => (): Lie => ({ status: 409, body: { code, detail: 'it says' } });

test('a refusal without a proof counts once so many say it that one of them is honest', async (t) => {
  const api = await served(t, 5);
  const node = await liar(t, api.url, refusing('DU04'));
  const clientOf = (...nodes: string[]) => new Client(nodes, api.ledger);
  t.is((await clientOf(node.url, api.url).submit(payment(api, 1n, 'P1'), 5_000)).outcome, 'OK');
  const other = await liar(t, api.url, refusing('DU04'));
  const used = await t.throwsAsync(clientOf(node.url, other.url, api.url).submit(payment(api, 2n, 'P1'), 5_000), {
    instanceOf: ApiProblem,
  });
  t.like(explained(used), { exitCode: 5, code: 'DU04' });
  const gone = ['http://127.0.0.1:9', 'http://127.0.0.1:19'];
  const alone = await t.throwsAsync(clientOf(node.url, ...gone).submit(payment(api, 3n, 'P3'), 5_000), {
    instanceOf: ApiProblem,
  });
  const told = explained(alone);
  t.like(told, { exitCode: 6, code: 'DU04', message: `only ${node.url} refuses it: DU04: it says` }, 'it is unknown');
  const known = await t.throwsAsync(clientOf(api.url).submit(payment(api, 2n, 'P1'), 5_000), {
    instanceOf: ApiProblem,
  });
  t.is(known?.code, 'DU04', 'who knows one node alone has its word alone');
});

test('a node that hides an outcome is not believed alone', async (t) => {
  const api = await served(t, 5);
  const { id } = await api.client.submit(payment(api, 1n, 'P1'), 5_000);
  const node = await liar(t, api.url, () => ({ status: 404, body: { code: 'not-found', detail: 'never seen' } }));
  const client = new Client([node.url, api.url], api.ledger);
  t.is((await client.referenceOutcome(api.key.member, 'P1'))?.id, id);
  t.is((await client.outcome(id ?? api.ledger.chainId, 0))?.id, id);
  t.is(await client.referenceOutcome(api.key.member, 'P2'), undefined);
  t.is(await new Client([node.url], api.ledger).referenceOutcome(api.key.member, 'P1'), undefined);
});

test('what is sent to a node goes nowhere else, and an answer without end is none', async (t) => {
  const api = await served(t, 5);
  const redirecting = createServer((request, response) => {
    response.writeHead(307, { location: `${api.url}${request.url}` }).end();
  });
  await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve));
  t.teardown(() => redirecting.close());
  const address = redirecting.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const moved = await t.throwsAsync(new Client([url], api.ledger).submit(payment(api, 1n, 'P1'), 1_000), {
    instanceOf: CliError,
  });
  t.is(moved?.exitCode, 69);
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1_000)) });
  await t.throwsAsync(answerText(new Response(endless), 10_000), { instanceOf: EndlessAnswerError });
  t.is(await answerText(new Response('{"a":1}'), 10_000), '{"a":1}');
});

test('a node moves no cursor and writes no line of ours', async (t) => {
  const api = await served(t, 5);
  const evil = '\u001b[2J\u001b[H\u009b31m\u202e\r\nOK P1: accepted; receipt verified';
  const node = await liar(t, api.url, () => ({ status: 422, body: { code: 'DS0D\u001b', detail: evil } }));
  const error = await t.throwsAsync(new Client([node.url], api.ledger).submit(payment(api, 1n, 'P1'), 1_000), {
    instanceOf: ApiProblem,
  });
  t.is(error?.code, 'DS0D\ufffd');
  t.is(error?.message, '\ufffd[2J\ufffd[H\ufffd31m\ufffd OK P1: accepted; receipt verified');
  const status = { validator: 'v\u001b[8m', ready: false, reason: evil };
  const [, row, ...more] = statusTable([statusRow('v', status)]).split('\n');
  t.deepEqual([hasUnseen(row ?? ''), more], [false, []]);
  t.throws(() => textOf('a\u001bb'), { instanceOf: BadAnswerError });
  t.is(oneLine('x'.repeat(600)).length, 503);
  t.is(printable('a\n\tb\u001b[8m\u001b[32mOK\u001b[0m'), 'a\n\tb\ufffd[8m\u001b[32mOK\u001b[0m', 'our colours stay');
});

test('an officer is asked about what was proposed, and not about what a node makes of it', async (t) => {
  const api = await served(t, 5);
  const args = proposeArguments(
    [{ kind: 'deactivate-user', member: 'SOUTH', user: 'teller' }],
    digestBytes(api.ledger.chainId),
  );
  api.node.settle(api.node.ledger.transaction(officers.NORTH, consortiumName, 'propose', args, 'G1'));
  const id = { member: 'NORTH', reference: 'G1' };
  const node = await liar(t, api.url, (request, { status, body }) =>
    request.includes('/v1/proposals/')
      ? { status, body: { ...body, changes: [{ kind: 'add-user', what: 'NORTH/teller-2' }] } }
      : undefined,
  );
  const home = folderOf(t);
  fileIn(home, 'genesis.json', api.node.genesisText);
  const sessionAt = (url: string) => new Session({ home, yes: true, node: [url] }, quietOutput());
  const judge = async (session: Session) => judgedProposal(session, id, await readProposal(session, id));
  t.regex(await judge(sessionAt(api.url)), /^NORTH\/G1: deactivate-user SOUTH\/teller; approved by NORTH; open$/);
  const error = await t.throwsAsync(judge(sessionAt(node.url)), { instanceOf: CliError });
  t.like(error, { exitCode: 7 });
  t.regex(error?.message ?? '', /asks for deactivate-user SOUTH\/teller, and the node shows add-user/);
  const hiding = await liar(t, api.url, (request) =>
    request.includes('/v1/references/') ? { status: 404, body: { code: 'not-found', detail: 'none' } } : undefined,
  );
  const unproved = await t.throwsAsync(judge(sessionAt(hiding.url)), {
    instanceOf: CliError,
    message: /nothing proves/,
  });
  t.is(unproved?.exitCode, 7, '--yes answers no question that nobody read');
});
