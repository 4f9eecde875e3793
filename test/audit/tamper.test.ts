// Whatever is done to an archive is found and named: flipped bytes in every kind of file, cut, lost, added, repeated
// and exchanged files, with MANIFEST left behind or made to agree; and whether the ledger itself is affected.
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readGenesisEntry } from '../../genesis/genesis.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { ChainCheck, FindingError } from '../../node/audit/chain.ts';
import { type Rule, type Verdict, verdictLine } from '../../node/audit/finding.ts';
import { SourceError, SourceUnreachableError, StoreSource } from '../../node/audit/source.ts';
import { encodeEntry, headerDigest } from '../../node/ledger/entry.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { decodeBundle, encodeBundle, firstEntryOf, parseTilePath } from '../../node/ledger/tile-layout.ts';
import { clearing, TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, certificateOf, chainIdOfLedger, Forger, ListSource, transferOf } from './_chain.ts';
import { flipped, folderFor, TestArchive } from './_folder.ts';
import { verify } from './_verify.ts';

const small = buildChain(6);
/** Three bundles, three level-0 tiles and one of level 1. */
const large = buildChain(180);
const genesis = chainIdOfLedger(small);

const archiveOf = (t: ExecutionContext, ledger: TestLedger) => TestArchive.of(t, new StoreSource(ledger.store));
const judge = (archive: TestArchive): Promise<Verdict> => verify(new ArchiveSource(archive.folder), { genesis });

/** The height of the block that holds an entry. */
function heightOf(ledger: TestLedger, index: number): number {
  let height = 0;
  while ((ledger.store.block(height)?.headerIndex ?? index) < index) height++;
  return height;
}

interface Expected {
  readonly damaged: readonly string[];
  readonly ledgerAffected: boolean;
  readonly rules: readonly Rule[];
  readonly height?: number;
}

function expect(t: ExecutionContext, verdict: Verdict, { damaged, ledgerAffected, rules, height }: Expected): void {
  const about = verdictLine(verdict);
  t.false(verdict.ok, about);
  t.deepEqual(verdict.archive?.filesDamaged.map(({ path }) => path).toSorted(), damaged.toSorted(), about);
  t.is(verdict.archive?.ledgerAffected, ledgerAffected, about);
  t.true(rules.includes(verdict.finding?.rule ?? 'source') && verdict.finding !== undefined, about);
  if (height !== undefined) t.is(verdict.finding?.height, height, about);
  t.regex(about, /^FAILED at height \d+: [a-z-]+: /);
}

const ofEntries: readonly Rule[] = [
  ...(['source', 'genesis', 'entry-form', 'entry-order', 'header-chain', 'header-height', 'header-parent'] as const),
  ...(['header-time', 'header-size', 'header-root', 'header-epoch', 'certificate', 'transaction-form'] as const),
  ...(['transaction-chain', 'transaction-time', 'transaction-signature', 'reference', 'posting'] as const),
  ...(['conservation', 'execution', 'state-root', 'block-size'] as const),
];

/** A damaged checkpoint is found by its sum, and for what it says. */
function ofOthers(path: string): readonly Rule[] {
  if (!path.startsWith('checkpoint')) return ['file-sum'];
  return ['checkpoint-form', 'checkpoint-origin', 'checkpoint-quorum', 'checkpoint-log'];
}

test('flipped bytes in every kind of file are found; only bundles and the certificate affect the ledger', async (t) => {
  const archive = await archiveOf(t, small);
  t.deepEqual(await archive.paths(), [
    ...['MANIFEST', 'certificate', 'checkpoint', 'checkpoints/000.p/6', 'genesis.json', 'keys.txt', 'policy.txt'],
    ...[`tile/0/000.p/${small.store.head().logSize}`, `tile/entries/000.p/${small.store.head().logSize}`],
  ]);
  for (const path of await archive.paths()) {
    const bytes = await archive.read(path);
    const affects = path === 'certificate' || path.startsWith('tile/entries');
    const rules = affects ? ofEntries : path === 'MANIFEST' ? (['manifest'] as const) : ofOthers(path);
    const offsets = [0, 1, 0.2, 0.4, 0.6, 0.8].map((part) => (part === 1 ? 1 : Math.floor(part * bytes.length)));
    for (const at of [...offsets, bytes.length - 1])
      await archive.with(path, flipped(bytes, at, 1 << (at % 8)), async () => {
        expect(t, await judge(archive), { damaged: [path], ledgerAffected: affects, rules });
      });
  }
  t.true((await judge(archive)).ok);
});

test('a flipped byte of an entry is found in its block or at its header, wherever it lies', async (t) => {
  const archive = await archiveOf(t, large);
  const path = 'tile/entries/001';
  const bytes = await archive.read(path);
  let [at, index] = [0, 256];
  while (at < bytes.length) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const target = at + 2 + Math.floor(length / 2);
    if (index % 32 === 0)
      await archive.with(path, flipped(bytes, target), async () => {
        const verdict = await judge(archive);
        expect(t, verdict, {
          ...{ damaged: [path], ledgerAffected: true, rules: ofEntries, height: heightOf(large, index) },
        });
      });
    at += 2 + length;
    index++;
  }
  t.is(index, 512);
});

test('every single byte of MANIFEST and of the certificate counts', async (t) => {
  const archive = await archiveOf(t, small);
  const manifest = await archive.read('MANIFEST');
  for (let at = 0; at < manifest.length; at++)
    await archive.with('MANIFEST', flipped(manifest, at, 1 << (at % 8)), async () => {
      const damaged = await new ArchiveSource(archive.folder).files.inspect(() => {});
      t.deepEqual(
        damaged.map(({ path, rule }) => [path, rule]),
        [['MANIFEST', 'manifest']],
      );
    });
  const [first = new Uint8Array(0), ...rest] = small.store.entries(0, small.store.head().logSize);
  const { validators, timestamp, parameters } = readGenesisEntry(first);
  const chain = new ChainCheck(first, { validators, timestamp, ...parameters });
  for (const entry of rest) chain.push(entry);
  const certificate = await archive.read('certificate');
  for (let at = 0; at < certificate.length; at++)
    t.like(
      t.throws(() => chain.finish(flipped(certificate, at, 1 << (at % 8))), { instanceOf: FindingError }).finding,
      { rule: 'certificate', height: 6 },
      `byte ${at}`,
    );
  t.notThrows(() => chain.finish(certificate));
});

test('a flipped byte of a tile is found although MANIFEST agrees, and the height of its entries is told', async (t) => {
  const archive = await archiveOf(t, large);
  for (const path of (await archive.paths()).filter((each) => /^tile\/\d/.test(each))) {
    const parsed = parseTilePath(path);
    const first = parsed === undefined ? 0 : firstEntryOf(parsed.level, parsed.index);
    const bytes = await archive.read(path);
    for (const at of [0, bytes.length - 1]) {
      await archive.write(path, flipped(bytes, at));
      await archive.remanifest();
      expect(t, await judge(archive), {
        ...{ damaged: [path], ledgerAffected: false, rules: ['tile'], height: heightOf(large, first) },
      });
    }
    await archive.write(path, bytes);
  }
  await archive.remanifest();
  t.true((await judge(archive)).ok);
});

test('cut and lengthened files are found', async (t) => {
  const archive = await archiveOf(t, large);
  for (const path of await archive.paths()) {
    const bytes = await archive.read(path);
    const affects = path === 'certificate' || path.startsWith('tile/entries');
    for (const wrong of [bytes.slice(0, -1), new Uint8Array(0), Uint8Array.of(...bytes, 0)])
      await archive.with(path, wrong, async () => {
        const rules: readonly Rule[] = affects ? ofEntries : ['manifest', ...ofOthers(path)];
        expect(t, await judge(archive), { damaged: [path], ledgerAffected: affects, rules });
      });
  }
});

test('lost files are found, and those that derive from the entries do not affect the ledger', async (t) => {
  const archive = await archiveOf(t, large);
  for (const path of await archive.paths()) {
    const affects = path === 'certificate' || path.startsWith('tile/entries');
    await archive.with(path, undefined, async () => {
      const rules: readonly Rule[] = affects ? ['source'] : ['file-missing', 'checkpoint-form'];
      expect(t, await judge(archive), { damaged: [path], ledgerAffected: affects, rules });
    });
  }
});

test('files that do not belong there are found: copies, strangers, links', async (t) => {
  const archive = await archiveOf(t, large);
  const bundle = await archive.read('tile/entries/000');
  for (const path of ['tile/entries/000 copy', 'tile/entries/009', 'tile/0/000.txt', 'notes.txt', 'MANIFEST~'])
    await archive.with(path, bundle, async () => {
      expect(t, await judge(archive), { damaged: [path], ledgerAffected: false, rules: ['file-surplus'] });
    });
  await mkdir(join(archive.folder, 'tile/0/000.p'), { recursive: true });
  await archive.with('tile/0/000.p/7', bundle.slice(0, 7 * 32), async () => {
    expect(t, await judge(archive), { damaged: ['tile/0/000.p/7'], ledgerAffected: false, rules: ['file-surplus'] });
  });
  await symlink(join(archive.folder, 'genesis.json'), join(archive.folder, 'link'));
  expect(t, await judge(archive), { damaged: ['link'], ledgerAffected: false, rules: ['file-surplus'] });
});

test('a MANIFEST that names a bundle far beyond the others does not make the log longer', async (t) => {
  const archive = await archiveOf(t, small);
  const far = 'tile/entries/x999/x999/x999/999';
  await mkdir(join(archive.folder, 'tile/entries/x999/x999/x999'), { recursive: true });
  await archive.write(far, new Uint8Array(3));
  await archive.remanifest();
  expect(t, await judge(archive), { damaged: [far], ledgerAffected: false, rules: ['file-surplus'] });
});

test('exchanged bundles and tiles are found, also when MANIFEST agrees', async (t) => {
  const archive = await archiveOf(t, large);
  for (const [one, other, ledgerAffected] of [
    ['tile/entries/000', 'tile/entries/001', true],
    ['tile/0/000', 'tile/0/001', false],
    ['tile/0/000', 'tile/entries/000', true],
  ] as const) {
    const [first, second] = [await archive.read(one), await archive.read(other)];
    await archive.write(one, second);
    await archive.write(other, first);
    const rules: readonly Rule[] = ledgerAffected ? ofEntries : ['file-sum', 'tile'];
    expect(t, await judge(archive), { damaged: [one, other], ledgerAffected, rules });
    await archive.remanifest();
    const agreed = await judge(archive);
    t.false(agreed.ok);
    t.is(agreed.archive?.ledgerAffected, ledgerAffected);
    await archive.write(one, first);
    await archive.write(other, second);
    await archive.remanifest();
  }
  t.true((await judge(archive)).ok);
});

test('archives that are mixed: any file of a fork’s, or of another ledger’s, in the place of this one’s', async (t) => {
  const archive = await archiveOf(t, small);
  const others = [
    await archiveOf(t, buildChain(6, 2)),
    await archiveOf(t, buildChain(6, 1, new TestLedger({ ...testGenesis(), name: 'daybook.example/other' }))),
  ];
  for (const other of others)
    for (const path of (await archive.paths()).filter((each) => each !== 'MANIFEST')) {
      const [good, wrong] = [await archive.read(path), await other.read(path).catch(() => undefined)];
      // A fork is under the same validators, so these say the same.
      if (wrong === undefined || Buffer.compare(good, wrong) === 0) continue;
      await archive.write(path, wrong);
      await archive.remanifest();
      const verdict = await judge(archive);
      t.false(verdict.ok, path);
      t.not(verdict.finding?.rule, 'file-sum', `${path}: it is found by what it says`);
      await archive.write(path, good);
    }
  await archive.remanifest();
  t.true((await judge(archive)).ok);
});

test('entries in another order, twice or not at all, are found, though sums and tiles were made again', async (t) => {
  const entries = small.store.entries(0, small.store.head().logSize);
  const at = small.store.block(3)?.firstIndex ?? 0;
  const [one = new Uint8Array(0), two = new Uint8Array(0)] = entries.slice(at);
  const cases: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['two in the place of one another', entries.with(at, two).with(at + 1, one)],
    ['one twice', entries.toSpliced(at, 0, one)],
    ['one left out', entries.toSpliced(at, 1)],
    ['two blocks in the place of one another', [...entries.slice(0, at), ...entries.slice(at).reverse()]],
    ['genesis not first', [...entries.slice(1), ...entries.slice(0, 1)]],
  ];
  for (const [what, list] of cases) {
    const archive = await TestArchive.of(t, new ListSource(list, certificateOf(small))).catch(
      (error: unknown) => error,
    );
    // A folder without a genesis document first cannot even be written.
    if (!(archive instanceof TestArchive)) {
      t.true(archive instanceof SourceError, what);
      continue;
    }
    const verdict = await judge(archive);
    t.false(verdict.ok, what);
    t.true(ofEntries.includes(verdict.finding?.rule ?? 'file-sum'), `${what}: ${verdictLine(verdict)}`);
  }
});

test('an archive cut at an older block, MANIFEST and tiles made anew, lacks its last certificate', async (t) => {
  const upTo = large.store.block(150);
  const entries = large.store.entries(0, (upTo?.headerIndex ?? 0) + 1);
  const archive = await TestArchive.of(t, new ListSource(entries, certificateOf(large)));
  const damaged = ['checkpoint'];
  expect(t, await judge(archive), { damaged, ledgerAffected: true, rules: ['certificate'], height: 150 });
  const within = await TestArchive.of(t, new ListSource(entries.slice(0, -1), certificateOf(large)));
  expect(t, await judge(within), { damaged, ledgerAffected: true, rules: ['entry-order'], height: 150 });
});

test('a tail that one node rewrote and hashed again lacks a quorum, at its end and within', async (t) => {
  const ledger = buildChain(4);
  const { block } = ledger.propose(ledger.transaction(clearing, 'payments', 'transfer', transferOf(1n)));
  if (block === undefined) throw new Error('nothing to propose');
  const body = block.commit.entries.slice(0, -1);
  const header = { stateRoot: block.header.stateRoot };
  const signers = ledger.certify(block).signers;
  const [own] = signers;
  if (own === undefined) throw new Error('a certificate has signers');
  // The node has one good signature; the others it can only leave out, repeat or invent.
  const invented = signers.map((signer) => ({ ...signer, signature: own.signature }));
  for (const wrong of [[own], [own, own, own], invented]) {
    const forger = new Forger(ledger).seal(body, { header });
    forger.certificate = { ...ledger.certify(block), digest: forger.digest, signers: wrong };
    const end = await TestArchive.of(t, forger.source);
    expect(t, await judge(end), { damaged: ['checkpoint'], ledgerAffected: true, rules: ['certificate'], height: 5 });
    const again = ledger.transaction(clearing, 'payments', 'transfer', transferOf(1n));
    forger.seal([encodeEntry({ kind: 1, transaction: again.bytes, outcome: 'AM04', events: [] })]);
    const within = await TestArchive.of(t, forger.source);
    const affected = { damaged: ['checkpoint'], ledgerAffected: true };
    expect(t, await judge(within), { ...affected, rules: ['certificate'], height: 6 });
  }
});

test('a certificate of another height or another chain does not serve', async (t) => {
  const entries = small.store.entries(0, small.store.head().logSize);
  const archive = await archiveOf(t, small);
  const other = new TestLedger({ ...testGenesis(), name: 'daybook.example/other' });
  for (const ledger of [buildChain(5), buildChain(6, 2), other]) {
    const certificate = certificateOf(ledger) ?? new Uint8Array(0);
    await archive.write('certificate', certificate);
    await archive.remanifest();
    expect(t, await judge(archive), { damaged: [], ledgerAffected: true, rules: ['certificate'], height: 6 });
  }
  t.is(small.store.head().digest, headerDigest(entries.at(-1) ?? new Uint8Array(0)));
});

test('the genesis of another chain is found at height 0, and a genesis.json that says something else', async (t) => {
  const other = new TestLedger({ ...testGenesis(), name: 'daybook.example/other' });
  const stranger = await judge(await archiveOf(t, other));
  t.like(stranger.finding, { rule: 'genesis', height: 0 });
  t.regex(stranger.finding?.detail ?? '', new RegExp(genesis));
  const archive = await archiveOf(t, small);
  const text = formatGenesis(other.genesis);
  for (const wrong of [text, text.slice(1), '{}']) {
    await archive.write('genesis.json', Buffer.from(wrong));
    await archive.remanifest();
    const expected = { damaged: ['genesis.json'], ledgerAffected: false, rules: ['genesis-file' as const], height: 0 };
    expect(t, await judge(archive), expected);
  }
  await archive.write('genesis.json', Buffer.from(JSON.stringify(JSON.parse(formatGenesis(small.genesis)))));
  await archive.remanifest();
  t.true((await judge(archive)).ok, 'another layout of the same document is no damage');
  // What one reader takes for this document, and another for a different one, is none.
  const plain = formatGenesis(small.genesis);
  for (const twofold of [
    plain.replace('"name":', '"name": "another bank", "name":'),
    plain.replace('"voteKey":', '"voteKey": "00", "voteKey":'),
    plain.replace(/("referenceWindowMs": [0-9]+)/, '$1.0000000000000000001'),
  ]) {
    t.not(twofold, plain);
    await archive.write('genesis.json', Buffer.from(twofold));
    await archive.remanifest();
    expect(t, await judge(archive), { damaged: ['genesis.json'], ledgerAffected: false, rules: ['genesis-file'] });
  }
});

test('[auditing.md] what may be added or left out without a finding says nothing of the log', async (t) => {
  const archive = await archiveOf(t, small);
  const good = await judge(archive);
  const { text, signatures } = parseNote(await archive.read('checkpoint'));
  const stranger = { name: 'nobody', keyId: '00000000', signature: new Uint8Array(64) };
  await archive.write('checkpoint', formatNote({ text, signatures: [stranger, ...signatures.toReversed()] }));
  const pages = 'checkpoints/000.p/6';
  const [, ...notes] = decodeBundle(await archive.read(pages), 6);
  await archive.write(pages, encodeBundle([new Uint8Array(0), ...notes]));
  await mkdir(join(archive.folder, 'empty'));
  await archive.remanifest();
  t.deepEqual(await judge(archive), { ...good, checkpoints: good.checkpoints - 1 });
});

test('an empty folder is no archive, and of a folder that is not there nothing is said', async (t) => {
  const empty = await folderFor(t);
  const verdict = await verify(new ArchiveSource(empty), { genesis });
  t.false(verdict.ok);
  t.like(verdict.finding, { rule: 'source', height: 0 });
  t.is(verdict.archive?.ledgerAffected, true);
  await t.throwsAsync(verify(new ArchiveSource(join(empty, 'nowhere'))), { instanceOf: SourceUnreachableError });
});
