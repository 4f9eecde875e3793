// Disks after a power loss, from a recorded trace: what was synced is kept; of what was not, any subset of the
// writes, each torn at 512 bytes; the file's new length lost or kept without its data. As Pillai et al., "All
// File Systems Are Not Created Equal" (OSDI 2014), for the one file that LMDB writes.
import type { Prng } from '../../_prng.ts';
import type { DiskCall } from '../_disk-trace.ts';
import { type Expectation, type Mark, Story } from './_story.ts';

export const sectorBytes = 512;

export interface Image {
  /** Place in the trace: calls before it had returned. */
  readonly at: number;
  /** Undefined when the file's name had not reached the disk. */
  readonly file: Uint8Array | undefined;
  readonly lock: 'absent' | 'as it was' | 'empty' | 'first sector zero';
  readonly what: string;
  readonly expected: Expectation;
}

interface Write {
  readonly at: number;
  readonly data: Uint8Array;
}

const losses = ['all', 'none', 'one', 'all but one', 'half', 'the last', 'the first', 'sectors', 'sectors'] as const;
const lengths = ['as written', 'as synced', 'filled'] as const;

/** `count` images at places of chance, ascending. */
export function* imagesOf(calls: readonly DiskCall[], count: number, random: Prng): Generator<Image> {
  const disk = new Disk();
  const story = new Story();
  for (const [next, copies] of places(calls, count, random)) {
    for (; disk.at < next; disk.take(calls[disk.at], story));
    for (let copy = 0; copy < copies; copy++) yield disk.image(calls[next], story.now(), random);
  }
}

/** Where something is in flight, now and then where nothing is, and often enough while the store is made. */
function places(calls: readonly DiskCall[], count: number, random: Prng): [at: number, copies: number][] {
  const busy = calls.flatMap((call, at) => (call.type === 'mark' ? [] : [at]));
  const making = busy.filter(
    (at) => at < calls.findIndex((call) => call.type === 'mark' && call.text.includes('"done"')),
  );
  const chosen = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const kind = random.int(20);
    const at = kind === 0 ? random.int(calls.length) : random.pick(kind === 1 ? making : busy);
    chosen.set(at, (chosen.get(at) ?? 0) + 1);
  }
  return [...chosen].sort(([a], [b]) => a - b);
}

class Disk {
  at = 0;
  #synced: Buffer = Buffer.alloc(0);
  #pending: Write[] = [];

  take(call: DiskCall | undefined, story: Story): void {
    this.at += 1;
    if (call === undefined) return;
    switch (call.type) {
      case 'mark':
        story.add(JSON.parse(call.text) as Mark);
        return;
      case 'write':
        if (call.durable) this.#synced = written(this.#synced, [call]);
        else this.#pending.push(call);
        return;
      case 'sync':
        if (call.failed) return;
        this.#synced = written(this.#synced, this.#pending);
        this.#pending = [];
        return;
      case 'truncate':
        throw new Error('LMDB does not truncate its file in this mode');
    }
  }

  /** `flying` had begun and may have reached the disk in part. */
  image(flying: DiskCall | undefined, expected: Expectation, random: Prng): Image {
    const pending = flying?.type === 'write' ? [...this.#pending, flying] : this.#pending;
    const loss = random.pick(losses);
    const length = random.pick(lengths);
    const lock = random.pick(['absent', 'absent', 'as it was', 'empty', 'first sector zero'] as const);
    const what = `${pending.length} writes in flight, lost: ${loss}, length ${length}, lock ${lock}`;
    const nameLost = expected.done === undefined && random.int(4) === 0;
    const file = nameLost ? undefined : this.#after(pending, loss, length, random);
    return { at: this.at, file, lock, what, expected };
  }

  #after(pending: readonly Write[], loss: (typeof losses)[number], length: string, random: Prng): Uint8Array {
    // Any order of writes is a subset: the page cache holds one copy of a page, with the later write in it.
    const kept = survivors(pending, loss, random);
    // Metadata may be ahead of the data: the new length holds what the blocks held before, which is anything.
    const longest = Math.max(this.#synced.length, ...pending.map(({ at, data }) => at + data.length));
    const filled = length === 'filled' ? random.bytes(64) : undefined;
    const base = filled === undefined ? this.#synced : Buffer.alloc(longest, filled);
    if (filled !== undefined) this.#synced.copy(base);
    const file = written(base, kept);
    return length === 'as synced' ? file.subarray(0, this.#synced.length) : file;
  }
}

function survivors(pending: readonly Write[], loss: (typeof losses)[number], random: Prng): Write[] {
  const one = random.int(Math.max(1, pending.length));
  switch (loss) {
    case 'all':
      return [];
    case 'none':
      return [...pending];
    case 'one':
      return pending.filter((_, i) => i !== one);
    case 'all but one':
      return pending.filter((_, i) => i === one);
    case 'half':
      return pending.filter(() => random.int(2) === 0);
    case 'the last':
      return pending.slice(0, one);
    case 'the first':
      return pending.slice(one);
    case 'sectors': {
      const lost = 1 + random.int(9);
      return pending.flatMap(sectorsOf).filter(() => random.int(10) >= lost);
    }
  }
}

/** Cut where sectors of the disk begin, not where the write does. */
function sectorsOf({ at, data }: Write): Write[] {
  const parts: Write[] = [];
  for (let from = 0; from < data.length; ) {
    const to = Math.min(data.length, from + sectorBytes - ((at + from) % sectorBytes));
    parts.push({ at: at + from, data: data.subarray(from, to) });
    from = to;
  }
  return parts;
}

function written(before: Buffer, writes: readonly Write[]): Buffer {
  const length = Math.max(before.length, ...writes.map(({ at, data }) => at + data.length));
  const after = Buffer.alloc(length);
  before.copy(after);
  for (const { at, data } of writes) after.set(data, at);
  return after;
}
