// What was signed and what came of it, for one request (a file, or one transaction): an append-only journal of JSON
// lines. Signed bytes are on disk before they are sent, and exactly those are sent again. A line with an outcome is
// never signed again. Outcomes may be lost in a crash: the chain has them, from the height that the journal names.
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Digest, parseDigest, taggedHash, toHex } from '../node/ledger/hash.ts';
import { CliError } from './exit-codes.ts';
import { releaseLock, takeLock } from './file-lock.ts';
import { isObject, ownerOnly, syncFolder } from './files.ts';

/** A signed transaction and the lines that it carries. */
export interface SignedUnit {
  readonly id: Digest;
  readonly lines: readonly number[];
  readonly validUntil: number;
  readonly bytes: Uint8Array;
}

export interface LineOutcome {
  readonly line: number;
  /** `OK` or a refusal code: the ledger's final word on this line's reference. */
  readonly outcome: string;
  readonly height: number;
  readonly index: number;
  /** The reference had its outcome before this request. */
  readonly already: boolean;
}

type JournalRecord =
  | { readonly kind: 'begin'; readonly what: string; readonly height: number }
  | { readonly kind: 'signed'; readonly unit: SignedUnit }
  | { readonly kind: 'outcome'; readonly outcome: LineOutcome }
  | { readonly kind: 'height'; readonly height: number };

/** Names a request: the same request finds its journal again. */
export function outboxKey(...parts: readonly string[]): string {
  return toHex(taggedHash('daybook/outbox/v1', new TextEncoder().encode(JSON.stringify(parts)))).slice(0, 32);
}

export class Outbox {
  readonly #file: number;
  readonly #lock: string;
  readonly #units = new Map<Digest, SignedUnit>();
  readonly #outcomes = new Map<number, LineOutcome>();
  #height: number | undefined;
  #pending: string[] = [];

  private constructor(path: string, what: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.#lock = `${path}.lock`;
    // Two runs of one request would both sign what is left; the ledger would sort it out, the person would not.
    takeLock(this.#lock, what);
    const isNew = !existsSync(path);
    for (const record of isNew ? [] : readRecords(path)) this.#apply(record);
    this.#file = openSync(path, 'a', ownerOnly);
    if (isNew) syncFolder(dirname(path));
  }

  /** Opens the journal of a request, alone. `what` says to people what it is for. */
  static open(folder: string, key: string, what: string): Outbox {
    return new Outbox(join(folder, `${key}.jsonl`), what);
  }

  get units(): ReadonlyMap<Digest, SignedUnit> {
    return this.#units;
  }

  get outcomes(): ReadonlyMap<number, LineOutcome> {
    return this.#outcomes;
  }

  /** The chain was followed up to here; undefined while nothing was begun. */
  get height(): number | undefined {
    return this.#height;
  }

  begin(what: string, height: number): void {
    this.#record({ kind: 'begin', what, height });
    this.flush();
  }

  /** Durable when it returns: only then may a unit be sent. */
  addSigned(units: readonly SignedUnit[]): void {
    for (const unit of units) this.#record({ kind: 'signed', unit });
    this.flush();
    fdatasyncSync(this.#file);
  }

  addOutcome(outcome: LineOutcome): void {
    if (!this.#outcomes.has(outcome.line)) this.#record({ kind: 'outcome', outcome });
  }

  /** Everything up to this height is in the journal; a later run follows the chain from here. */
  setHeight(height: number): void {
    this.#record({ kind: 'height', height });
    this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.#pending.join(''));
    this.#pending = [];
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
    releaseLock(this.#lock);
  }

  #record(record: JournalRecord): void {
    this.#apply(record);
    this.#pending.push(`${formatRecord(record)}\n`);
  }

  #apply(record: JournalRecord): void {
    switch (record.kind) {
      case 'begin':
      case 'height':
        this.#height = record.height;
        return;
      case 'signed':
        this.#units.set(record.unit.id, record.unit);
        return;
      case 'outcome':
        this.#outcomes.set(record.outcome.line, record.outcome);
        return;
    }
  }
}

function formatRecord(record: JournalRecord): string {
  if (record.kind !== 'signed') return JSON.stringify(record);
  const { unit } = record;
  return JSON.stringify({ ...record, unit: { ...unit, bytes: Buffer.from(unit.bytes).toString('base64') } });
}

/** The last line may be torn by a crash: it was not yet durable, so nothing of it was sent. It is cut off. */
function readRecords(path: string): JournalRecord[] {
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const lines = whole === '' ? [] : whole.slice(0, -1).split('\n');
  return lines.map((line, i) => {
    const record = parseRecord(line);
    if (record !== undefined) return record;
    throw new CliError(
      'failed',
      `the outbox ${path} is damaged in line ${i + 1}`,
      'Move it away and run the command again: the ledger pays no reference twice.',
    );
  });
}

function parseRecord(line: string): JournalRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { kind, what, height, unit, outcome } = value;
  if (kind === 'begin' && typeof what === 'string' && typeof height === 'number') return { kind, what, height };
  if (kind === 'height' && typeof height === 'number') return { kind, height };
  if (kind === 'signed' && isObject(unit)) {
    const { id, lines, validUntil, bytes } = unit;
    const digest = typeof id === 'string' ? parseDigest(id) : undefined;
    if (digest === undefined || typeof validUntil !== 'number' || typeof bytes !== 'string') return undefined;
    if (!Array.isArray(lines) || !lines.every((each) => typeof each === 'number')) return undefined;
    return { kind, unit: { id: digest, lines, validUntil, bytes: new Uint8Array(Buffer.from(bytes, 'base64')) } };
  }
  if (kind === 'outcome' && isObject(outcome)) {
    const { line, outcome: code, height: at, index, already } = outcome;
    if (typeof line !== 'number' || typeof code !== 'string' || typeof already !== 'boolean') return undefined;
    if (typeof at !== 'number' || typeof index !== 'number') return undefined;
    return { kind, outcome: { line, outcome: code, height: at, index, already } };
  }
  return undefined;
}
