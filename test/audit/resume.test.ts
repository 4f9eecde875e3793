// An audit that was stopped or killed goes on where it was, comes to the same verdict, and believes nothing that its
// file says of the log: whatever does not fit begins at genesis, and says so.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify, verifyFast } from '../../node/audit/audit.ts';
import { type Verdict, verdictLine } from '../../node/audit/finding.ts';
import {
  ForeignResumeError,
  type ResumePoint,
  readResume,
  UnusableResumeError,
  writeResume,
} from '../../node/audit/resume.ts';
import { SignaturePool } from '../../node/audit/signature-pool.ts';
import { StoreSource } from '../../node/audit/source.ts';
import type { VerifyOptions } from '../../node/audit/verify.ts';
import { decodeEntry, encodeEntry } from '../../node/ledger/entry.ts';
import { clearing, TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, certificateOf, chainIdOfLedger, entriesOf, Forger, ListSource, transferOf } from './_chain.ts';
import { flipped, folderFor, TestArchive } from './_folder.ts';
import { goOnWith, type Run, stopAuditAt, testVersion as version } from './_resume.ts';

const ledger = buildChain(60);
const genesis = chainIdOfLedger(ledger);
const source = new StoreSource(ledger.store);
const whole = await verify(source, { genesis });

const stopAt = (t: ExecutionContext, height: number, run: Partial<Run> & Pick<Run, 'file'>): Promise<void> =>
  stopAuditAt(t, height, { on: source, ...run });
const goOn = (run: Partial<Run> & Pick<Run, 'file'>, options: VerifyOptions = { genesis }) =>
  goOnWith({ on: source, ...run }, options);

const withoutResume = ({ resumedAfter: _, ...verdict }: Verdict) => verdict;

test('a stopped audit goes on to the same verdict, which says on what it rests; then its file is gone', async (t) => {
  const file = join(await folderFor(t), 'resume');
  const pool = new SignaturePool({ workers: 2, worthwhile: 0 });
  t.teardown(() => pool.close());
  for (const judge of [verify, verifyFast])
    for (const height of [1, 37, 59]) {
      await stopAt(t, height, { file, judge });
      const kept = readFileSync(file);
      for (const threads of [undefined, pool]) {
        writeFileSync(file, kept);
        const { verdict, notes } = await goOn({ file, judge, ...(threads && { pool: threads }) });
        t.deepEqual(notes, []);
        t.is(verdict.resumedAfter, height);
        t.deepEqual(withoutResume(verdict), await judge(source, { genesis }));
        t.regex(verdictLine(verdict), new RegExp(`up to block ${height} as an earlier run judged them`));
        t.false(existsSync(file));
      }
    }
});

test('stopped again and again, it comes to its end', async (t) => {
  const file = join(await folderFor(t), 'resume');
  for (const height of [5, 20, 21, 58]) await stopAt(t, height, { file });
  const { verdict } = await goOn({ file });
  t.is(verdict.resumedAfter, 58);
  t.deepEqual(withoutResume(verdict), whole);
});

test('a killed audit goes on from what it kept last', async (t) => {
  const archive = await TestArchive.of(t, source);
  const file = join(await folderFor(t), 'resume');
  const childFile = fileURLToPath(new URL('_verify-child.js', import.meta.url));
  for (const wanted of [10, 30]) {
    const args = [childFile, archive.folder, file, `${wanted}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const exit = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    for await (const line of createInterface({ input: child.stdout })) if (line === `saved ${wanted}`) break;
    child.kill('SIGKILL');
    t.is(await exit, 'SIGKILL');
  }
  const { verdict, notes } = await goOn({ file, on: new ArchiveSource(archive.folder) });
  t.deepEqual(notes, []);
  t.is(verdict.resumedAfter, 30);
  t.deepEqual(withoutResume(verdict), await verify(new ArchiveSource(archive.folder), { genesis }));
});

test('every byte of the file counts, and every length: a damaged one begins at genesis and says so', async (t) => {
  const file = join(await folderFor(t), 'resume');
  await stopAt(t, 40, { file, judge: verifyFast });
  const good = new Uint8Array(readFileSync(file));
  const titleBytes = good.indexOf(10) + 1;
  for (let at = 0; at < good.length; at++) {
    writeFileSync(file, flipped(good, at, 1 << (at % 8)));
    const instanceOf = at < titleBytes ? ForeignResumeError : UnusableResumeError;
    t.throws(() => readResume(file, version, 'fast'), { instanceOf }, `byte ${at}`);
  }
  for (let length = 0; length < good.length; length++) {
    writeFileSync(file, good.slice(0, length));
    const instanceOf = length > 0 && length < titleBytes ? ForeignResumeError : UnusableResumeError;
    t.throws(() => readResume(file, version, 'fast'), { instanceOf }, `cut at ${length}`);
  }
  writeFileSync(file, Uint8Array.of(...good, 0));
  const { verdict, notes } = await goOn({ file, judge: verifyFast });
  t.regex(notes[0] ?? '', /^\S+resume is damaged \(bytes after its end\); the audit begins at genesis$/);
  t.deepEqual(verdict, await verifyFast(source, { genesis }));
});

test('a file of another audit is refused and left alone: another chain, mode, or no such file at all', async (t) => {
  const file = join(await folderFor(t), 'resume');
  await stopAt(t, 7, { file });
  const kept = readFileSync(file);
  const other = new StoreSource(
    buildChain(9, 1, new TestLedger({ ...testGenesis(), name: 'daybook.example/other' })).store,
  );
  await t.throwsAsync(goOn({ file, on: other }, {}), { instanceOf: ForeignResumeError, message: /another|chain/ });
  await t.throwsAsync(goOn({ file, judge: verifyFast }), { instanceOf: ForeignResumeError, message: /without --fast/ });
  t.deepEqual(readFileSync(file), kept);
  writeFileSync(file, 'my payments\n'.repeat(9));
  await t.throwsAsync(goOn({ file }), { instanceOf: ForeignResumeError });
  t.is(readFileSync(file, 'utf8'), 'my payments\n'.repeat(9));
});

/** Whoever can write the file can make its sum agree. */
function forge(file: string, change: (point: ResumePoint, records: Map<string, Uint8Array>) => ResumePoint): void {
  const { point, records } = readResume(file, version, 'whole') ?? {};
  if (point === undefined) throw new Error('nothing was kept');
  const state = new Map(records);
  writeResume(file, change(point, state), state);
}

test('nothing that a forged file says of the log is believed', async (t) => {
  const file = join(await folderFor(t), 'resume');
  await stopAt(t, 40, { file });
  const kept = readFileSync(file);
  const forgeries: readonly Parameters<typeof forge>[1][] = [
    (point) => ({ ...point, version: 'older' }),
    (point) => ({ ...point, height: 39 }),
    (point) => ({ ...point, height: 1_000 }),
    (point) => ({ ...point, digest: genesis }),
    (point) => ({ ...point, logSize: point.logSize - 1 }),
    (point, records) => {
      const [first = ''] = records.keys();
      records.set(first, flipped(records.get(first) ?? new Uint8Array(1), 0));
      return point;
    },
    (point, records) => {
      for (const path of records.keys()) if (path.includes('accounts/')) records.delete(path);
      return point;
    },
    (point, records) => {
      records.clear();
      return point;
    },
    (point, records) => {
      records.set('nopath', Uint8Array.of(1));
      return point;
    },
  ];
  for (const [i, change] of forgeries.entries()) {
    writeFileSync(file, kept);
    forge(file, change);
    const { verdict, notes } = await goOn({ file });
    t.is(notes.length, 1, `forgery ${i}`);
    t.regex(notes[0] ?? '', /the audit begins at genesis$/);
    t.deepEqual(verdict, whole);
  }
});

test('what changes below the height is found as ever, by the rule and entry that a whole audit names', async (t) => {
  const file = join(await folderFor(t), 'resume');
  await stopAt(t, 40, { file });
  const kept = readFileSync(file);
  const archive = await TestArchive.of(t, source);
  const path = (await archive.paths()).find((each) => each.startsWith('tile/entries/')) ?? '';
  const bytes = await archive.read(path);
  for (let at = 200; at < bytes.length; at += 1_501) {
    await archive.write(path, flipped(bytes, at));
    await archive.remanifest();
    const alone = await verify(new ArchiveSource(archive.folder), { genesis });
    if (alone.finding === undefined || alone.finding.height > 40) continue;
    writeFileSync(file, kept);
    const { verdict, notes } = await goOn({ file, on: new ArchiveSource(archive.folder) });
    t.deepEqual(verdict, alone);
    t.is(notes.length, 1);
  }
  t.true(existsSync(file), 'a log that fails leaves the file for one that does not');
});

test('archived checkpoints below the height are judged again: nothing in the log binds their signatures', async (t) => {
  const file = join(await folderFor(t), 'resume');
  await stopAt(t, 40, { file });
  const archive = await TestArchive.of(t, source);
  const [path = ''] = (await archive.paths()).filter((each) => each.startsWith('checkpoints/'));
  const bytes = await archive.read(path);
  const line = Buffer.from(bytes).indexOf('\u2014', 0, 'utf8') + 60;
  await archive.write(path, flipped(bytes, line));
  await archive.remanifest();
  const { verdict } = await goOn({ file, on: new ArchiveSource(archive.folder) });
  t.is(verdict.resumedAfter, 40);
  t.true(verdict.finding?.rule.startsWith('checkpoint-'), verdictLine(verdict));
  t.true((verdict.finding?.height ?? 99) <= 40);
});

test('once something beside the log is wrong, nothing more is kept', async (t) => {
  const archive = await TestArchive.of(t, source);
  const [path = ''] = (await archive.paths()).filter((each) => each.startsWith('checkpoints/'));
  const bytes = await archive.read(path);
  await archive.write(path, flipped(bytes, Buffer.from(bytes).indexOf('\u2014', 0, 'utf8') + 60));
  const saved: number[] = [];
  const file = join(await folderFor(t), 'resume');
  const resume = { file, version, everyMs: 0, onNote: t.fail, onSaved: (height: number) => void saved.push(height) };
  const verdict = await verify(new ArchiveSource(archive.folder), { genesis, resume });
  t.false(verdict.ok);
  t.true(saved.every((height) => height < (verdict.finding?.height ?? 0)));
});

test('a log that grew since is judged from there on, and what is wrong in the new part is found', async (t) => {
  const file = join(await folderFor(t), 'resume');
  const grown = buildChain(60);
  await stopAt(t, 60, { file, on: new StoreSource(grown.store) });
  const forger = new Forger(grown);
  const again = entriesOf(grown)
    .map(decodeEntry)
    .findLast((entry) => entry.kind === 1);
  if (again?.kind !== 1) throw new Error('no transaction');
  forger.seal([encodeEntry({ ...again, outcome: 'AM04', events: [] })]);
  const bad = await goOn({ file, on: forger.source });
  t.like(bad.verdict.finding, { rule: 'reference', height: 61 }, 'references of blocks that were not executed count');
  t.is(bad.verdict.resumedAfter, 60);
  for (let i = 0; i < 3; i++) grown.call(...payment(i));
  const list = new ListSource(entriesOf(grown), certificateOf(grown));
  const { verdict, notes } = await goOn({ file, on: list });
  t.deepEqual(notes, []);
  t.is(verdict.resumedAfter, 60);
  t.deepEqual(withoutResume(verdict), await verify(list, { genesis }));
});

test('a file that cannot be written is told once, and the audit goes on', async (t) => {
  const notes: string[] = [];
  const file = join(await folderFor(t), 'nowhere', 'resume');
  const resume = { file, version, everyMs: 0, onNote: (text: string) => void notes.push(text) };
  t.deepEqual(await verify(source, { genesis, resume }), whole);
  t.is(notes.length, 1);
  t.regex(notes[0] ?? '', /could not be written/);
});

function payment(i: number) {
  return [clearing, 'payments', 'transfer', transferOf(BigInt(i + 1))] as const;
}
