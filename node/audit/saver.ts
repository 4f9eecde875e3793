// Keeps how far an audit has come, now and then: the more there is to keep, the more seldom.
import { type ResumePoint, removeResume, type StateRecords, writeResume } from './resume.ts';

const defaultEveryMs = 30_000;
/** Of the time between two saves, one part in so many goes into saving. */
const costPart = 20;

export interface SaverOptions {
  readonly file: string;
  /** Of this program. */
  readonly version: string;
  /** At most one save in this time, and more seldom where there is much to keep; 0: after every block. */
  readonly everyMs?: number;
  /** Why an earlier run is not gone on with, or a save failed; the audit goes on. */
  readonly onNote: (text: string) => void;
  readonly onSaved?: (height: number) => void;
}

export class Saver {
  readonly #options: SaverOptions;
  readonly #everyMs: number;
  #next: number;
  #isFailing = false;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? defaultEveryMs;
    this.#next = performance.now() + this.#everyMs;
  }

  get isDue(): boolean {
    return performance.now() >= this.#next;
  }

  /** A failure is told once: a full disk must not end an audit that can go on without. */
  save(point: Omit<ResumePoint, 'version'>, records: StateRecords): void {
    const { file, version, onNote, onSaved } = this.#options;
    const start = performance.now();
    try {
      writeResume(file, { ...point, version }, records);
      this.#isFailing = false;
      onSaved?.(point.height);
    } catch (error) {
      if (!this.#isFailing) onNote(`${file} could not be written: ${error instanceof Error ? error.message : error}`);
      this.#isFailing = true;
    }
    const end = performance.now();
    this.#next = this.#everyMs === 0 ? end : end + Math.max(this.#everyMs, costPart * (end - start));
  }

  remove(): void {
    removeResume(this.#options.file);
  }
}
