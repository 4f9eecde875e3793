// How fast does an auditor get through a log, and what do proofs and records cost? One run prints all figures that an
// audit is measured by. Arguments: transfers (20,000), and accounts in the state of the balance proofs (1,000,000).
//
// Rates are given by the clock and by processor time: the second holds on a busy machine too, and is that of one core.
import '../node/polyfill.ts';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportArchive } from '../node/audit/archive.ts';
import { ArchiveSource } from '../node/audit/archive-source.ts';
import { verify, verifyFast } from '../node/audit/audit.ts';
import { verdictLine } from '../node/audit/finding.ts';
import { SignaturePool } from '../node/audit/signature-pool.ts';
import { StoreSource } from '../node/audit/source.ts';
import { AuditStopped } from '../node/audit/verify.ts';
import { decodeEntry } from '../node/ledger/entry.ts';
import { engineName, verify as verifySignature } from '../node/ledger/signature.ts';
import { decodeTransaction, isSigned } from '../node/ledger/transaction.ts';
import { createLmdbStore } from '../node/store/lmdb-opening.ts';
import type { Store } from '../node/store/store.ts';
import { version } from '../node/version.ts';
import { AuditChain, inMemory, linesPerBatch } from './audit-chain.ts';
import { measureBalances, measureReceipts, type ProofFigures } from './audit-proofs.ts';

const transfers = Number(process.argv[2] ?? 20_000);
const accounts = Number(process.argv[3] ?? 1_000_000);
const processors = availableParallelism();
/** Of the bare engine's rate. */
const goal = 0.75;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const whole = (value: number): string => Math.round(value).toLocaleString('en');

interface Spent {
  readonly seconds: number;
  /** Of all threads. */
  readonly processorSeconds: number;
}

async function spentOn(work: () => unknown): Promise<Spent> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1_000, processorSeconds: (user + system) / 1e6 };
}

/** The signatures of the log's own transactions, and nothing else; a second a core by processor time. */
async function engineRate(store: Store): Promise<number> {
  const signatures: Parameters<typeof verifySignature>[] = [];
  for (const bytes of store.entries(0, store.head().logSize)) {
    const entry = decodeEntry(bytes);
    if (entry.kind === 1) isSigned(decodeTransaction(entry.transaction), (...each) => signatures.push(each) > 0);
  }
  const few = signatures.slice(0, 10_000);
  const run = () => {
    for (const each of few) verifySignature(...each);
  };
  run();
  const { seconds, processorSeconds } = await spentOn(run);
  const rate = few.length / processorSeconds;
  print(`  bare engine: ${whole(few.length / seconds)} signatures/s by the clock, ${whole(rate)} a core`);
  return rate;
}

interface Rate {
  readonly title: string;
  readonly threads: number;
  readonly isFast?: boolean;
}

async function measureRate(chain: AuditChain<Store>, source: ArchiveSource, rate: Rate, engine: number): Promise<void> {
  const { title, threads, isFast = false } = rate;
  const pool = threads > 1 ? new SignaturePool({ workers: threads - 1 }) : undefined;
  const run = async () => {
    const verdict = await (isFast ? verifyFast : verify)(source, { genesis: chain.genesis, pool });
    if (!verdict.ok) throw new Error(verdictLine(verdict));
    return verdict.counts;
  };
  const counts = await run(); // meanwhile the code is compiled, and the threads start
  const { seconds, processorSeconds } = await spentOn(run);
  await pool?.close();
  const operations = counts.accepted + counts.refused;
  const perCore = counts.signatures / processorSeconds;
  print(
    `  ${title}, ${threads} thread${threads === 1 ? '' : 's'}: ${whole(operations / seconds)} transfers/s and ` +
      `${whole(counts.signatures / seconds)} signatures/s by the clock; ` +
      `${whole(operations / processorSeconds)} and ${whole(perCore)} a core`,
  );
  if (isFast || operations > 2 * counts.signatures) return;
  const part = perCore / engine;
  const verdict = part >= goal ? 'reached' : 'NOT reached';
  print(`    ${(100 * part).toFixed(0)} % of the bare engine (goal ${100 * goal} %: ${verdict})`);
}

/** From the last block but one on: what a run that was stopped pays for what it had judged before. */
async function measureResume(chain: AuditChain<Store>, archive: string, folder: string): Promise<void> {
  const stop = new AbortController();
  const file = join(folder, 'resume');
  const last = chain.store.head().height - 1;
  const resume = {
    ...{ file, version, everyMs: 0, onNote: print },
    onSaved: (height: number) => (height === last ? stop.abort() : undefined),
  };
  await verify(new ArchiveSource(archive), { genesis: chain.genesis, resume, signal: stop.signal }).catch((error) => {
    if (!(error instanceof AuditStopped)) throw error;
  });
  const { size } = statSync(file);
  const { seconds, processorSeconds } = await spentOn(async () => {
    const verdict = await verify(new ArchiveSource(archive), { genesis: chain.genesis, resume: { ...resume } });
    if (!verdict.ok || verdict.resumedAfter !== last) throw new Error(verdictLine(verdict));
  });
  const { logSize } = chain.store.head();
  print(
    `  going on after block ${last}: ${seconds.toFixed(2)} s (${processorSeconds.toFixed(2)} s of processor time, ` +
      `${((processorSeconds * 1e6) / logSize).toFixed(0)} us an entry), its file has ${whole(size)} bytes`,
  );
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** By the growth of the file: LMDB takes whole pages, and keeps what it frees. */
async function measureDisk(folder: string, batched: boolean): Promise<void> {
  const data = join(folder, `lmdb-${batched}`);
  const chain = await AuditChain.in((identity, genesis) => createLmdbStore(data, identity, genesis));
  const before = bytesOf(data);
  chain.transfer(transfers, batched);
  const grown = bytesOf(data) - before;
  await chain.store.close();
  print(`  a node's LMDB: ${whole(grown / transfers)} bytes a transfer (${whole(grown)} in all)`);
}

async function measureLog(folder: string, batched: boolean): Promise<void> {
  print(batched ? `\nIn batches of ${linesPerBatch}` : '\nEach transfer its own signed transaction');
  const chain = await AuditChain.in(inMemory);
  const opened = chain.store.head().logSize;
  chain.transfer(transfers, batched);
  const archive = join(folder, `archive-${batched}`);
  const { entries } = await exportArchive(new StoreSource(chain.store), archive);
  const engine = await engineRate(chain.store);
  const source = new ArchiveSource(archive);
  for (const threads of new Set([1, processors]))
    await measureRate(chain, source, { title: 'audit verify', threads }, engine);
  for (const threads of new Set([1, processors]))
    await measureRate(chain, source, { title: 'audit verify --fast', threads, isFast: true }, engine);
  await measureResume(chain, archive, folder);
  const each = (bytesOf(archive) * (entries - opened)) / entries / transfers;
  print(`  an archive: ${whole(each)} bytes a transfer`);
  await measureDisk(folder, batched);
}

function printProofs(what: string, { bytes, bytesMax, makeUs, verifyUs }: ProofFigures): void {
  const size = `${whole(bytes)} bytes on average, ${whole(bytesMax)} at most`;
  print(`${what}: ${size}; made in ${whole(makeUs)} us, verified in ${whole(verifyUs)} us`);
}

const [busy = 0] = loadavg();
print(`${cpus()[0]?.model}, ${processors} processors, Node ${process.version}, signatures by ${engineName}`);
print(`load average before the start: ${busy.toFixed(2)}${busy > 0.5 ? ' (the machine is not quiet)' : ''}`);
print(`${whole(transfers)} transfers among 1,000 accounts, 4 validators, blocks of 500`);
const folder = mkdtempSync(join(tmpdir(), 'daybook-bench-audit-'));
try {
  for (const batched of [false, true]) await measureLog(folder, batched);
  print('');
  const seven = await AuditChain.in(inMemory, { validators: 7 });
  seven.transfer(Math.min(transfers, 5_000), false);
  printProofs('A receipt under 7 validators', measureReceipts(seven));
  let large: AuditChain<Store> | undefined;
  const { seconds } = await spentOn(async () => {
    large = await AuditChain.in(inMemory, { validators: 7, idle: accounts });
  });
  if (large !== undefined)
    printProofs(`A balance among ${whole(accounts)} accounts, 7 validators`, measureBalances(large, accounts));
  print(`  (that state was built in ${seconds.toFixed(0)} s)`);
} finally {
  rmSync(folder, { recursive: true });
}
