// What is computed along the blocks that pass: execution, the account book, or a state from events alone.
import type { ChainHead, CheckedBlock } from './chain.ts';
import type { CurrencySum } from './finding.ts';
import type { StateRecords } from './resume.ts';

/** Where an audit takes up the work of an earlier run. */
export interface TakenUp extends ChainHead {
  /** Of the log's tree, largest first. */
  readonly peaks: readonly Uint8Array[];
}

/** `block` and `finish` throw FindingError. */
export interface Projection {
  /** Whether it runs the blocks again. */
  readonly executes: boolean;
  block(block: CheckedBlock): void;
  finish(): readonly CurrencySum[];
  /** What is not made again from the blocks alone; who keeps nothing of the kind follows every block anew. */
  readonly kept?: KeptWork;
}

/** `past` throws FindingError. */
export interface KeptWork {
  /** A block that an earlier run has followed: what its entries say, and no execution. */
  past(block: CheckedBlock): void;
  /** After the last such block: goes on with a state that was kept. Answers why it is not the one of this height. */
  takeUp(at: TakenUp, records: ReadonlyMap<string, Uint8Array>): string | undefined;
  /** What `takeUp` will need. */
  records(): StateRecords;
}
