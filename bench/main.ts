// `npm run bench`: what the ledger settles in a second on this machine with four validator processes and a client, how
// soon a payment is final, who used the processors, and what a validator spends on each stage of a block.
import '../node/polyfill.ts';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { engineName } from '../node/ledger/signature.ts';
import { BenchLedger, type LoadReport } from './ledger-load.ts';
import { median, printRows } from './stage-times.ts';
import { measureFullBlock, measureStages } from './stages.ts';

const singleLines = 6_000;
const bulkLines = 40_000;
const goals = { single: 1_500, bulk: 10_000 } as const;
/** A quarter of timers.proposalTimeoutMs as it stands by default. */
const fullBlockMsMax = 1_500 / 4;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printLoad({ load, lines, seconds, finality, blocks, shares }: LoadReport): void {
  const rate = lines / seconds;
  print(`--${load}: ${lines} transfers in ${seconds.toFixed(1)} s: ${rate.toFixed(0)} a second`);
  print(`  goal ${goals[load]} a second: ${rate >= goals[load] ? 'reached' : 'NOT reached'}`);
  print(`  ${blocks} blocks of ${(lines / blocks).toFixed(0)} transfers on average`);
  print(`  finality at full load: p50 ${finality.p50.toFixed(0)} ms, p99 ${finality.p99.toFixed(0)} ms`);
  const each = shares.map(({ name, share }) => `${name} ${(100 * share).toFixed(0)} %`).join(', ');
  const sum = shares.reduce((all, { share }) => all + share, 0);
  print(`  of one processor: ${each}; together ${(100 * sum).toFixed(0)} %`);
  const microseconds = (sum * seconds * 1e6) / lines;
  const most = (availableParallelism() * 1e6) / microseconds;
  print(
    `  processor time: ${microseconds.toFixed(0)} us a transfer in all, so at most ${most.toFixed(0)} a second here`,
  );
}

/** A ledger of its own for each load: a node tells the finality of its last thousand transactions. */
async function onLedger(work: (ledger: BenchLedger) => Promise<void>): Promise<void> {
  const ledger = await BenchLedger.open();
  try {
    await work(ledger);
  } finally {
    await ledger.close();
  }
}

const [busy = 0] = loadavg();
print(
  `${cpus()[0]?.model}, ${availableParallelism()} processors, Node ${process.version}, signatures by ${engineName}`,
);
print(`load average before the start: ${busy.toFixed(2)}${busy > 0.5 ? ' (the machine is not quiet)' : ''}`);

print('\nFour validator processes and a client');
await onLedger(async (ledger) => {
  const times = (await ledger.oneByOne(100)).sort((a, b) => a - b);
  print(`one payment at a time, receipt checked: p50 ${median(times).toFixed(0)} ms, p99 ${times[98]?.toFixed(0)} ms`);
});
for (const [load, lines] of [
  ['single', singleLines],
  ['bulk', bulkLines],
] as const)
  await onLedger(async (ledger) => {
    await ledger.run(load, lines / 10); // meanwhile the code is compiled
    printLoad(await ledger.run(load, lines));
  });

print('\nOne validator in one process: cost of each transfer');
for (const load of ['single', 'bulk'] as const) {
  const { transfers, rows } = await measureStages(load);
  printRows(`--${load}, ${transfers} transfers`, rows);
}

print('\nA block at its limit, as a backup executes it');
for (const load of ['single', 'bulk'] as const) {
  const { transactions, lines, executeMs, storeMs } = await measureFullBlock(load);
  const verdict = executeMs <= fullBlockMsMax ? 'within' : 'OVER';
  print(`--${load}: ${transactions} transactions, ${lines} lines: execute ${executeMs.toFixed(0)} ms (${verdict} the`);
  print(`  ${fullBlockMsMax} ms that are a quarter of proposalTimeoutMs), store ${storeMs.toFixed(0)} ms`);
}
process.exit(0);
