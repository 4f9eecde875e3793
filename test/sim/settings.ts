// What the nodes of one run are told by their config.
import type { SnapshotConfig, TimerConfig } from '../../node/config.ts';
import type { Plan } from './plan.ts';
import { repeatMs } from './station.ts';

/** A run is shorter than that. */
export const noSnapshots: SnapshotConfig = {
  everyBlocks: 1_000_000,
  prune: false,
  keepBlocksMin: 1_000,
  holdMs: 10_000,
};

export function timersOf(plan: Plan): TimerConfig {
  return {
    tickMs: 50,
    proposalTimeoutMs: plan.proposalTimeoutMs,
    oldestTimeoutMs: 2 * plan.proposalTimeoutMs,
    statusIntervalMs: plan.statusIntervalMs,
    expiryIntervalMs: repeatMs,
    syncTimeoutMs: 5_000,
    stopTimeoutMs: 5_000,
  };
}
