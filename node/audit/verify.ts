// Judges a source: reads the log once from first to last entry, holds the chain's rules, compares an archive's files
// with the log, and hands good blocks to whoever executes them again. It imports formats and genesis, never the node.
import { chainIdOf, type Genesis, GenesisError, genesisEntry, readGenesisEntry } from '../../genesis/genesis.ts';
import { formatGenesis, parseGenesis } from '../../genesis/genesis-text.ts';
import { type LogName, originOf } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { type Digest, equalBytes, hashBytes } from '../ledger/hash.ts';
import { firstEntryOf, parseTilePath, tilePath, tileWidth } from '../ledger/tile-layout.ts';
import { parseVerifierKey, type VerifierKey } from '../ledger/verifier-key.ts';
import { ChainCheck, FindingError } from './chain.ts';
import { CheckpointCheck } from './checkpoint-check.ts';
import type { ReadEntry } from './entry-reader.ts';
import type { CurrencySum, DamagedFile, Finding, Progress, Verdict } from './finding.ts';
import { asideRules, withValues } from './finding.ts';
import { LookAhead } from './look-ahead.ts';
import { keyList, type Policy, validatorPolicy } from './policy.ts';
import type { Projection } from './projection.ts';
import { type AuditMode, ForeignResumeError, type Resumed, readResume, UnusableResumeError } from './resume.ts';
import { Saver, type SaverOptions } from './saver.ts';
import type { SignaturePool } from './signature-pool.ts';
import { type Source, SourceError } from './source.ts';
import { type Tile, TileBuilder } from './tiles.ts';

export interface VerifyOptions {
  /** The chain that is expected: its chainId, or its genesis. Without it the verdict asks to compare the chainId. */
  readonly genesis?: Digest | Genesis | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** What the newest checkpoint must carry, besides a quorum of its validators. */
  readonly policy?: Policy | undefined;
  /** Judges signatures ahead in other threads. The caller's to close. */
  readonly pool?: SignaturePool | undefined;
  /** Keeps how far it has come, and goes on from there. */
  readonly resume?: SaverOptions | undefined;
  /** Ends the audit between two blocks, with AuditStopped. */
  readonly signal?: AbortSignal | undefined;
}

interface FormatOptions extends VerifyOptions {
  readonly project?: ((genesis: Genesis) => Projection) | undefined;
  /** Of `project`, for a file to go on with. */
  readonly mode?: AuditMode;
}

/** The caller's signal ended the audit before there was a verdict. */
export class AuditStopped extends Error {
  override name = 'AuditStopped';
  /** Of the last block that this run judged; 0: none. */
  readonly height: number;
  constructor(height: number) {
    super(height === 0 ? 'stopped before a block was judged' : `stopped after block ${height}`);
    this.height = height;
  }
}

/**
 * Formats, hashes, certificates and signatures; with `project`, execution too. Throws SourceUnreachableError when
 * nobody answers, ForeignResumeError for another audit's file.
 */
export async function verifyFormat(source: Source, options: FormatOptions = {}): Promise<Verdict> {
  const { resume, mode = 'whole' } = options;
  if (resume === undefined) return new Verification(source, options).run();
  try {
    const earlier = readResume(resume.file, resume.version, mode);
    if (earlier !== undefined) return await new Verification(source, options, earlier).run();
  } catch (error) {
    if (!(error instanceof UnusableResumeError)) throw error;
    resume.onNote(`${error.message}; the audit begins at genesis`);
  }
  return new Verification(source, options).run();
}

/** The key that a source gives for its own line, if it is one under the log's name. */
function readLogKey(text: string | undefined, origin: string): VerifierKey | undefined {
  try {
    const key = text === undefined ? undefined : parseVerifierKey(text.trim());
    return key?.type === 'note' && key.name === origin ? key : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

class Verification {
  readonly #source: Source;
  readonly #options: FormatOptions;
  readonly #earlier: Resumed | undefined;
  readonly #ahead: LookAhead | undefined;
  readonly #saver: Saver | undefined;
  #chain: ChainCheck | undefined;
  #genesis: Genesis | undefined;
  #projection: Projection | undefined;
  #sums: readonly CurrencySum[] = [];
  #logName: LogName | undefined;
  #checkpoints: CheckpointCheck | undefined;
  #besides: Finding | undefined;
  readonly #damaged = new Map<string, DamagedFile>();
  readonly #pendingTiles: Tile[] = [];
  readonly #tiles = new TileBuilder((tile) => this.#pendingTiles.push(tile));
  /** Height of the block that holds entry 256 * i, so that a file can be told by height. */
  readonly #heights: number[] = [0];

  constructor(source: Source, options: FormatOptions, earlier?: Resumed) {
    this.#source = source;
    this.#options = options;
    this.#earlier = earlier;
    const { pool, resume } = options;
    if (pool !== undefined) this.#ahead = new LookAhead(pool, source.checkpoints, earlier?.point.logSize);
    if (resume !== undefined) this.#saver = new Saver(resume);
  }

  async run(): Promise<Verdict> {
    const { files } = this.#source;
    if (files !== undefined) {
      for (const file of await files.inspect((done, total) => this.#progress('files', done, total)))
        this.#damaged.set(file.path, file);
    }
    let finding: Finding | undefined;
    try {
      await this.#log();
    } catch (error) {
      if (error instanceof FindingError) finding = error.finding;
      else if (error instanceof SourceError) finding = this.#at('source', error.message);
      else throw error;
    }
    // Whatever is wrong there is found, and told, by whoever reads it without having been told to believe anything.
    if (finding !== undefined && this.#isPast)
      throw new UnusableResumeError(`the log is not the one of which ${this.#options.resume?.file} was kept`);
    const verdict = this.#verdict(finding);
    if (verdict.ok) this.#saver?.remove();
    return verdict;
  }

  /** Whether the next block is one that an earlier run has judged. */
  get #isPast(): boolean {
    return (this.#chain?.head.height ?? 0) < (this.#earlier?.point.height ?? 0);
  }

  async #log(): Promise<void> {
    const { logSize, certificate } = await this.#source.head();
    let genesis: Uint8Array | undefined;
    const given = this.#source.entries(0, logSize);
    for await (const run of this.#ahead?.entries(given) ?? given) {
      for (const each of run) {
        if (genesis !== undefined) {
          if (this.#push(each)) await this.#sealed();
          continue;
        }
        genesis = each instanceof Uint8Array ? each : each.bytes;
        this.#begin(genesis);
      }
      await this.#compareTiles();
      this.#progress('blocks', this.#chain?.logSize ?? 0, logSize);
    }
    if (genesis === undefined) throw new SourceError('the source has no entry');
    if (this.#isPast) throw new SourceError(`the log ends before block ${this.#earlier?.point.height}`);
    this.#chain?.finish(certificate);
    this.#tiles.finish();
    await this.#compareTiles();
    this.#sums = this.#projection?.finish() ?? [];
    await this.#compareGenesis(genesis);
    await this.#comparePages();
    const logKey = await this.#compareKeys();
    await this.#aside((checks, chain) => checks.finish(chain.head, chain.validators, logKey));
  }

  /** What is wrong with a checkpoint alone does not end the audit of the log. */
  async #aside(check: (checks: CheckpointCheck, chain: ChainCheck) => Promise<void>): Promise<void> {
    const [checks, chain] = [this.#checkpoints, this.#chain];
    if (checks === undefined || chain === undefined || this.#besides !== undefined) return;
    try {
      await check(checks, chain);
    } catch (error) {
      if (!(error instanceof FindingError) || !asideRules.includes(error.finding.rule)) throw error;
      this.#besides = error.finding;
    }
  }

  /** How many there are follows from the log, not from MANIFEST. */
  async #comparePages(): Promise<void> {
    for (const file of (await this.#source.files?.misfits(this.#chain?.head.height ?? 0)) ?? [])
      if (!this.#damaged.has(file.path)) this.#damaged.set(file.path, file);
  }

  /** keys.txt and policy.txt follow from the validators and the key in the first line; answers with that key. */
  async #compareKeys(): Promise<VerifierKey | undefined> {
    const [chain, log, { files, checkpoints }] = [this.#chain, this.#logName, this.#source];
    const logKey = log && readLogKey(await checkpoints?.logKey(), originOf(log));
    if (chain === undefined || log === undefined || files === undefined) return logKey;
    const set = chain.validators;
    const derived = [
      ['keys.txt', 'keys-file', keyList(log, set, logKey)],
      ['policy.txt', 'policy-file', validatorPolicy(log, set, logKey)],
    ] as const;
    for (const [path, rule, wanted] of derived) {
      const bytes = this.#damaged.has(path) ? undefined : await files.derived(path);
      if (bytes === undefined || Buffer.from(bytes).toString('latin1') === wanted) continue;
      const detail = `${path} says something else than the validators of block ${chain.head.height}`;
      this.#damaged.set(path, { path, rule, detail });
    }
    return logKey;
  }

  #begin(bytes: Uint8Array): void {
    let genesis: Genesis;
    try {
      genesis = readGenesisEntry(bytes);
    } catch (error) {
      if (!(error instanceof GenesisError)) throw error;
      throw new FindingError({ height: 0, index: 0, rule: 'genesis', detail: error.message });
    }
    this.#genesis = genesis;
    const { validators, timestamp, parameters } = genesis;
    const { check } = this.#ahead ?? {};
    this.#chain = new ChainCheck(
      bytes,
      { validators, timestamp, ...parameters },
      { listener: this.#tiles.node, check },
    );
    this.#refuseForeign(this.#chain.chainId);
    const { genesis: expected } = this.#options;
    const wanted =
      expected === undefined || typeof expected === 'string' ? expected : chainIdOf(genesisEntry(expected));
    if (wanted !== undefined && wanted !== this.#chain.chainId) {
      const detail = `the chain is ${this.#chain.chainId} where ${wanted} is expected`;
      throw new FindingError({ height: 0, index: 0, rule: 'genesis', detail });
    }
    this.#projection = this.#options.project?.(genesis);
    this.#logName = { ledger: genesis.name, chainId: this.#chain.chainId };
    const { checkpoints } = this.#source;
    if (checkpoints !== undefined)
      this.#checkpoints = new CheckpointCheck(checkpoints, this.#logName, this.#options.policy);
  }

  #refuseForeign(chainId: Digest): void {
    const { chainId: kept } = this.#earlier?.point ?? { chainId };
    if (kept !== chainId)
      throw new ForeignResumeError(
        `${this.#options.resume?.file} belongs to an audit of the chain ${kept}; this log is of ${chainId}`,
      );
  }

  /** Whether a block ended with it. */
  #push(read: Uint8Array | ReadEntry): boolean {
    const chain = this.#chain;
    if (chain === undefined) return false;
    if (chain.logSize % tileWidth === 0) this.#heights.push(chain.head.height + 1);
    const past = this.#isPast;
    const block = chain.push(read, past);
    if (block === undefined) return false;
    const kept = past ? this.#projection?.kept : undefined;
    if (kept === undefined) this.#projection?.block(block);
    else kept.past(block);
    if (past && !this.#isPast) this.#takeUp(chain);
    return true;
  }

  /** At the block that an earlier run judged last. */
  #takeUp({ head, peaks }: ChainCheck): void {
    const { point, records } = this.#earlier ?? {};
    if (point === undefined || records === undefined) return;
    const problem =
      head.digest === point.digest && head.logSize === point.logSize
        ? this.#projection?.kept?.takeUp({ ...head, peaks }, records)
        : `its block ${head.height} is another one`;
    if (problem !== undefined)
      throw new UnusableResumeError(`${this.#options.resume?.file} does not serve: ${problem}`);
  }

  async #sealed(): Promise<void> {
    const { check } = this.#ahead ?? {};
    await this.#aside((checks, chain) => checks.block(chain.head, chain.validators, check));
    const { signal } = this.#options;
    const chain = this.#chain;
    if (chain === undefined || this.#isPast) return;
    if (this.#saver?.isDue === true || signal?.aborted === true) this.#save(chain);
    if (signal?.aborted === true) throw new AuditStopped(chain.head.height);
  }

  /** Only of a log in which nothing was found so far: what is found beside it must be found again. */
  #save({ head, chainId }: ChainCheck): void {
    const { height, digest, logSize } = head;
    if (this.#besides !== undefined) return;
    const point = { mode: this.#options.mode ?? 'whole', chainId, height, digest, logSize } as const;
    this.#saver?.save(point, this.#projection?.kept?.records() ?? []);
  }

  /** Tiles say nothing that the entries do not: a wrong one is a damaged file and no finding of the ledger. */
  async #compareTiles(): Promise<void> {
    const { files } = this.#source;
    for (const { level, index, hashes } of this.#pendingTiles.splice(0)) {
      if (files === undefined) continue;
      const path = tilePath(level, index, hashes.length / hashBytes);
      if (this.#damaged.has(path)) continue;
      const bytes = await files.tile(path, hashes.length);
      if (bytes !== undefined && equalBytes(bytes, hashes)) continue;
      this.#damaged.set(path, { path, rule: 'tile', detail: `${path} does not hold the hashes of its entries` });
    }
  }

  /** The document beside the log, which people read, must be the one in entry 0, which the chain is bound to. */
  async #compareGenesis(entry: Uint8Array): Promise<void> {
    const bytes = await this.#source.genesisText?.();
    if (bytes === undefined) return;
    const text = Buffer.from(bytes).toString('utf8');
    // What our own export wrote needs no second check of every key; any other text must mean the same document.
    if (this.#genesis !== undefined && text === formatGenesis(this.#genesis)) return;
    let problem: string | undefined;
    try {
      const written = genesisEntry(parseGenesis(text));
      if (!equalBytes(written, entry)) problem = 'it says something else than entry 0';
    } catch (error) {
      if (!(error instanceof GenesisError)) throw error;
      problem = error.message;
    }
    if (problem === undefined) return;
    const path = 'genesis.json';
    const rule = 'genesis-file';
    const detail = `${path}: ${problem}`;
    if (this.#source.files === undefined) throw new FindingError({ height: 0, rule, detail });
    if (!this.#damaged.has(path)) this.#damaged.set(path, { path, rule, detail });
  }

  #verdict(found: Finding | undefined): Verdict {
    const chain = this.#chain;
    const [file] = this.#damaged.values();
    const finding = found ?? this.#besides ?? (file === undefined ? undefined : this.#ofFile(file));
    const height = this.#earlier?.point.height;
    const zero = { blocks: 0, entries: 0, transactions: 0, lines: 0, accepted: 0, refused: 0 };
    return {
      ok: finding === undefined,
      genesisChecked: this.#options.genesis !== undefined,
      replayed: this.#projection?.executes === true,
      ...(height === undefined ? {} : { resumedAfter: height }),
      chainId: chain?.chainId,
      counts: chain?.counts ?? { ...zero, signatures: 0, certificates: 0 },
      sums: this.#sums,
      checkpoints: this.#checkpoints?.checked ?? 0,
      accused: chain?.accused ?? [],
      head: chain?.head ?? {
        ...{ height: 0, digest: undefined, logSize: 0, logRoot: undefined, stateRoot: undefined, timestamp: 0 },
      },
      ...(finding === undefined ? {} : { finding: withValues(finding) }),
      ...(this.#source.files === undefined
        ? {}
        : { archive: { filesDamaged: [...this.#damaged.values()], ledgerAffected: found !== undefined } }),
    };
  }

  #at(rule: Finding['rule'], detail: string): Finding {
    const head = this.#chain?.head;
    return { height: head === undefined ? 0 : head.height + 1, rule, detail };
  }

  /** A file belongs to the block of the first entry below it; MANIFEST and genesis.json to none. */
  #ofFile({ path, rule, detail }: DamagedFile): Finding {
    const parsed = parseTilePath(path);
    const index = parsed === undefined ? undefined : firstEntryOf(parsed.level, parsed.index);
    const height = index === undefined ? 0 : (this.#heights[index / tileWidth] ?? this.#chain?.head.height ?? 0);
    return { height, rule, detail };
  }

  #progress(stage: Progress['stage'], done: number, total: number): void {
    this.#options.onProgress?.({ stage, done, total });
    // Once there are blocks, the end of one is waited for, so that the work is kept.
    if (this.#options.signal?.aborted === true && (stage === 'files' || this.#isPast)) throw new AuditStopped(0);
  }
}
