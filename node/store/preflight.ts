// Opens a folder in a child process first: LMDB dies of a damaged file (SIGSEGV, SIGBUS, SIGABRT) or hangs, and the
// node must say why instead. It says nothing about records that a start does not read; those check themselves when
// read.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { checkDataFile, dataFileBytes, unreadable } from './data-file.ts';
import { DamagedRow, damagedRowCode, StoreError } from './store.ts';

const childFile = fileURLToPath(new URL('preflight-child.js', import.meta.url));
/** A sound folder takes a tenth of a second and a small part of what its state takes to start; a busy disk more. */
const preflightTimeoutMs = 20_000;
/** As much more as a slow disk needs to read the file once. */
const bytesPerMs = 10_000;

/** Throws StoreError when the folder must not be opened; with `toHeal` a row that can be made again is no reason. */
export async function preflight(folder: string, toHeal = false): Promise<void> {
  checkDataFile(folder);
  const { code, signal, output } = await runChild(folder);
  if (code === 0 || (code === damagedRowCode && toHeal)) return;
  if (code === damagedRowCode) throw new DamagedRow(output);
  if (code === 1 && output !== '') throw new StoreError(output);
  const end = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  throw unreadable(folder, `the process that opened it to look ${end}`);
}

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

function runChild(folder: string): Promise<Outcome> {
  const child = spawn(process.execPath, [childFile, folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: preflightTimeoutMs + Math.ceil(dataFileBytes(folder) / bytesPerMs),
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, output: Buffer.concat(chunks).toString('utf8') }));
  });
}
