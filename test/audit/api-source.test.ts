// A node's API as a source: the real server gives the verdict that its store gives, and no lie of a node passes,
// whether it changes, drops, repeats or invents what it serves. One that hides its newest blocks shows an older head.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import { startApi } from '../../node/api/server.ts';
import { ApiProofs } from '../../node/audit/api-proofs.ts';
import { ApiSource } from '../../node/audit/api-source.ts';
import { exportArchive } from '../../node/audit/archive.ts';
import { ArchiveProofs } from '../../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify } from '../../node/audit/audit.ts';
import type { Rule } from '../../node/audit/finding.ts';
import { SourceUnreachableError, StoreSource } from '../../node/audit/source.ts';
import { parseConfig } from '../../node/config.ts';
import type { CertifiedHeader } from '../../node/ledger/set-chain.ts';
import { TestNode } from '../api/_node.ts';
import { TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, certificateOf, chainIdOfLedger } from './_chain.ts';
import { flipped, folderFor, TestArchive } from './_folder.ts';

const chain = buildChain(120);
const genesis = chainIdOfLedger(chain);

class ChainNode extends TestNode {
  override readonly ledger = chain;
}

async function serving(t: ExecutionContext, openReads = true): Promise<string> {
  const { api } = parseConfig('validator = "node-0"\n[listen]\nport = 0\n[api]\nport = 0\n', '/');
  const server = await startApi(new ChainNode(), { ...api, openReads });
  t.teardown(() => server.stop());
  return `http://127.0.0.1:${server.port}`;
}

type Json = Record<string, unknown>;
/** What a lying node answers in place of the truth: another body, bytes, or nothing for the truth. */
type Lie = (path: string, truth: string) => string | Uint8Array | undefined;

async function lying(t: ExecutionContext, truth: string, lie: Lie, status = 200): Promise<ApiSource> {
  const server = createServer((request, response) => {
    fetch(truth + (request.url ?? '/'))
      .then(async (answer) => {
        const text = await answer.text();
        const told = lie(request.url ?? '/', text);
        response.writeHead(told === undefined ? answer.status : status).end(told ?? text);
      })
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return new ApiSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

const on =
  (part: string, change: (answer: Json) => void): Lie =>
  (path, truth) => {
    if (!path.startsWith(part)) return undefined;
    const answer = JSON.parse(truth) as Json;
    change(answer);
    return JSON.stringify(answer);
  };

const entriesLie = (change: (entries: string[]) => void): Lie =>
  on('/v1/entries', (answer) => change(answer['entries'] as string[]));

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

test('a node’s API, its store and an archive exported through its API give one verdict', async (t) => {
  const url = await serving(t);
  const expected = await verify(new StoreSource(chain.store), { genesis });
  t.true(expected.ok);
  t.deepEqual(await verify(new ApiSource(url), { genesis }), expected);
  const [fromApi, fromStore] = [
    await TestArchive.of(t, new ApiSource(url)),
    await TestArchive.of(t, new StoreSource(chain.store)),
  ];
  // The node adds its own line to the checkpoint, and with it its key to keys and policy.
  const ownLine = ['MANIFEST', 'checkpoint', 'keys.txt', 'policy.txt'];
  for (const path of (await fromStore.paths()).filter((each) => !ownLine.includes(each)))
    t.deepEqual(await fromApi.read(path), await fromStore.read(path), path);
  t.true((await verify(new ArchiveSource(fromApi.folder), { genesis })).ok);
  t.deepEqual(await fromApi.paths(), await fromStore.paths());
});

const other = new TestLedger({ ...testGenesis(), name: 'daybook.example/other' });
const oldCertificate = base64(certificateOf(buildChain(119)) ?? new Uint8Array(0));
const lies: readonly (readonly [what: string, lie: Lie, rules: readonly Rule[]])[] = [
  [
    'a taller height than it serves',
    on('/v1/status', (a) => {
      a['height'] = 121;
    }),
    ['source'],
  ],
  [
    'a height that is no number',
    on('/v1/status', (a) => {
      a['height'] = '120';
    }),
    ['source'],
  ],
  [
    'a height below 0',
    on('/v1/status', (a) => {
      a['height'] = -1;
    }),
    ['source'],
  ],
  [
    'an older block for the newest',
    on('/v1/blocks/', (a) => {
      a['certificate'] = oldCertificate;
    }),
    ['certificate'],
  ],
  [
    'no certificate',
    on('/v1/blocks/', (a) => {
      delete a['certificate'];
    }),
    ['source'],
  ],
  [
    'a certificate of nothing',
    on('/v1/blocks/', (a) => {
      a['certificate'] = '';
    }),
    ['certificate'],
  ],
  [
    'a longer log',
    on('/v1/blocks/', (a) => {
      a['headerIndex'] = Number(a['headerIndex']) + 1;
    }),
    ['source'],
  ],
  [
    'a shorter log',
    on('/v1/blocks/', (a) => {
      a['headerIndex'] = Number(a['headerIndex']) - 1;
    }),
    ['source'],
  ],
  [
    'a flipped entry',
    entriesLie((e) => {
      e[50] = base64(flipped(Buffer.from(e[50] ?? '', 'base64'), 30));
    }),
    [],
  ],
  [
    'an entry left out',
    entriesLie((e) => {
      e.splice(20, 1);
    }),
    [],
  ],
  [
    'an entry twice',
    entriesLie((e) => {
      e.splice(20, 0, e[20] ?? '');
    }),
    ['source'],
  ],
  [
    'two entries exchanged',
    entriesLie((e) => {
      [e[20], e[21]] = [e[21] ?? '', e[20] ?? ''];
    }),
    [],
  ],
  [
    'no entries',
    entriesLie((e) => {
      e.length = 0;
    }),
    ['source'],
  ],
  [
    'text that is no base64',
    entriesLie((e) => {
      e[3] = '*';
    }),
    ['source'],
  ],
  [
    'base64 of a second form',
    entriesLie((e) => {
      e[3] = ` ${e[3]}`;
    }),
    ['source'],
  ],
  [
    'a number for an entry',
    on('/v1/entries', (a) => {
      a['entries'] = [1];
    }),
    ['source'],
  ],
  [
    'entries from elsewhere',
    on('/v1/entries', (a) => {
      a['from'] = 1;
    }),
    ['source'],
  ],
  ['no JSON', (path) => (path.startsWith('/v1/entries') ? '<html>' : undefined), ['source']],
  [
    'another genesis beside the log',
    (path) => (path === '/v1/genesis' ? formatGenesis(other.genesis) : undefined),
    ['genesis-file'],
  ],
  ['no genesis beside the log', (path) => (path === '/v1/genesis' ? '' : undefined), ['genesis-file']],
];
for (const [what, lie, rules] of lies)
  test(`a node that gives ${what} is found out`, async (t) => {
    const verdict = await verify(await lying(t, await serving(t), lie), { genesis });
    t.false(verdict.ok);
    t.not(verdict.finding, undefined);
    if (rules.length > 0) t.deepEqual([verdict.finding?.rule], [...rules], verdict.finding?.detail);
  });

test('a node and an archive give the last block of a log and its certificate, closed reads or not', async (t) => {
  const { height, logSize } = chain.store.head();
  const expected = { header: chain.store.entry(logSize - 1), certificate: chain.store.certificate(height) };
  for (const openReads of [true, false])
    t.deepEqual(await new ApiProofs(await serving(t, openReads)).last(logSize), expected as CertifiedHeader);
  const { folder } = await TestArchive.of(t, new StoreSource(chain.store));
  t.deepEqual(await (await ArchiveProofs.open(new ArchiveSource(folder))).last(), expected as CertifiedHeader);
  const early = chain.store.block(2)?.headerIndex ?? 0;
  const { certificate } = await new ApiProofs(await serving(t, false)).last(early + 1);
  t.is(certificate.height, 2);
});

test('a node that serves another chain is found out at height 0', async (t) => {
  const url = await serving(t);
  const verdict = await verify(new ApiSource(url), { genesis: chainIdOfLedger(other) });
  t.like(verdict.finding, { rule: 'genesis', height: 0 });
});

test('a node that hides its newest blocks shows an older head; more cannot be seen from one node', async (t) => {
  const hidden = await lying(t, await serving(t), (path, truth) => {
    if (path === '/checkpoint') return chain.checkpointNote(100);
    if (path === '/v1/log/key') return 'none';
    if (path !== '/v1/status') return undefined;
    return JSON.stringify({ ...JSON.parse(truth), height: 100, logSize: chain.store.checkpoint(100)?.size });
  });
  const verdict = await verify(hidden, { genesis });
  t.true(verdict.ok);
  t.is(verdict.head.height, 100);
});

test('who does not answer, or does not let us read, gets no verdict', async (t) => {
  const closed = new ApiSource(await serving(t, false));
  const refused = await t.throwsAsync(verify(closed, { genesis }), { instanceOf: SourceUnreachableError });
  t.true(refused.unauthorised);
  const failing = await lying(t, await serving(t), (path) => (path.startsWith('/v1/entries') ? '' : undefined), 503);
  const down = await t.throwsAsync(verify(failing, { genesis }), { instanceOf: SourceUnreachableError });
  t.false(down.unauthorised);
  await t.throwsAsync(verify(new ApiSource('http://127.0.0.1:1')), { instanceOf: SourceUnreachableError });
  await t.throwsAsync(exportArchive(closed, await folderFor(t)), { instanceOf: SourceUnreachableError });
});

test('an endless answer is cut', async (t) => {
  const endless = await lying(t, await serving(t), (path) => {
    return path.startsWith('/v1/entries') ? new Uint8Array(17 * 1024 * 1024) : undefined;
  });
  const verdict = await verify(endless, { genesis });
  t.like(verdict.finding, { rule: 'source', height: 0 });
  t.regex(verdict.finding?.detail ?? '', /over 16777216 bytes/);
});
