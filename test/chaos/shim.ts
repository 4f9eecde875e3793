// The preloaded shims as a running validator has them: one file each that says what its disk and its clock do.
import { renameSync, writeFileSync } from 'node:fs';
import { buildShim } from './_shim.ts';

/** What LD_PRELOAD takes, or why there is none. */
export function buildShims(): { readonly library: string } | { readonly absent: string } {
  const disk = buildShim('disk');
  const clock = buildShim('clock');
  if ('absent' in disk) return disk;
  return 'absent' in clock ? clock : { library: `${disk.file}:${clock.file}` };
}

interface Faults {
  readonly clockOffsetMs: number;
  readonly syncDelayMs: number;
  readonly syncFails: boolean;
}

const none: Faults = { clockOffsetMs: 0, syncDelayMs: 0, syncFails: false };

/** What one validator's shims do, from the next call on. */
export class ShimControl {
  readonly environment: { readonly [name: string]: string };
  readonly #disk: string;
  readonly #clock: string;
  #faults = none;

  /** `file` begins the names of the control files. */
  constructor(file: string, library: string) {
    this.#disk = `${file}.disk`;
    this.#clock = `${file}.clock`;
    this.environment = {
      LD_PRELOAD: library,
      DAYBOOK_DISK_CONTROL: this.#disk,
      DAYBOOK_CLOCK_FILE: this.#clock,
    };
    this.set({});
  }

  set(change: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...change };
    const { clockOffsetMs, syncDelayMs, syncFails } = this.#faults;
    const rules = [syncDelayMs > 0 ? [`sync delay ${syncDelayMs}`] : [], syncFails ? ['sync error EIO'] : []].flat();
    replace(this.#disk, rules.map((rule) => `${rule}\n`).join(''));
    replace(this.#clock, `${clockOffsetMs}\n`);
  }

  clear(): void {
    this.set(none);
  }
}

/** Read at any moment: half a file is a file too. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
}
