// Sums of measured stages, as a cost a transfer.

export interface Stage {
  readonly name: string;
  readonly ns: bigint;
}

export interface StageRow {
  readonly name: string;
  readonly microsecondsEach: number;
}

export function rowsOf(stages: readonly Stage[], transfers: number): StageRow[] {
  const sums = new Map<string, bigint>();
  for (const { name, ns } of stages) sums.set(name, (sums.get(name) ?? 0n) + ns);
  return [...sums].map(([name, ns]) => ({ name, microsecondsEach: Number(ns) / 1_000 / transfers }));
}

export function printRows(title: string, rows: readonly StageRow[]): void {
  console.log(title);
  for (const { name, microsecondsEach } of rows)
    console.log(`  ${microsecondsEach.toFixed(1).padStart(8)} us  ${name}`);
}

export function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] ?? Number.NaN;
}
