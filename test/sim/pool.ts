// Runs of seeds in several processes, one a core: each runs what it is given, one seed after another, and sends back
// its report. A process that dies, however, takes the soak with it.
import { type ChildProcess, fork } from 'node:child_process';
import type { RunReport } from './report.ts';

/** A process that only runs seeds has this among its arguments. */
export const childFlag = '--child';

export class Pool {
  readonly #children: ChildProcess[];

  constructor(jobs: number, args: readonly string[]) {
    const script = process.argv[1] ?? '';
    this.#children = Array.from({ length: jobs }, () => fork(script, [...args, childFlag]));
  }

  /** Gives out seeds until `next` has none; `take` gets the reports as they come. */
  async run(next: () => number | undefined, take: (report: RunReport) => void): Promise<void> {
    try {
      await Promise.all(this.#children.map((child) => serve(child, next, take)));
    } finally {
      for (const child of this.#children) child.disconnect();
    }
  }
}

function serve(child: ChildProcess, next: () => number | undefined, take: (report: RunReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      const seed = next();
      if (seed === undefined) resolve();
      else child.send(seed);
    };
    child.on('message', (report: RunReport) => {
      take(report);
      give();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`a process of the soak ended with ${code}`)));
    give();
  });
}

/** What such a process does. It ends with its parent, however that ends. */
export function beChild(run: (seed: number) => Promise<RunReport>): void {
  process.on('message', (seed: number) => {
    void run(seed).then((report) => process.send?.(report));
  });
  process.once('disconnect', () => process.exit());
}
