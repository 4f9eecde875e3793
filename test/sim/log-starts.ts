// [S3] Where a log begins after a snapshot or a healing: so early that every reference that is used is known.
import type { Head, Snapshot } from '../../node/store/store.ts';
import { shortWindowMs } from './plan.ts';
import { check } from './violation.ts';

/** `blocks` are those of the chain from height 1 on. */
export function checkLogStart(
  who: number,
  blocks: readonly Pick<Head, 'timestamp'>[],
  { base, head }: Pick<Snapshot, 'base' | 'head'>,
): void {
  const last = blocks[base.height - 1];
  if (last === undefined) return;
  const reachMs = head.timestamp - last.timestamp;
  check(
    reachMs > shortWindowMs,
    `validator ${who}: its log reaches back ${reachMs} ms, and references ${shortWindowMs}`,
  );
}
