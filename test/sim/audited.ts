// After a run in which validators changed: the log of one honest validator, with its checkpoints, as an auditor who
// knows the genesis document alone would judge it.
import { verify } from '../../node/audit/audit.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { type Cluster, heightOf } from './cluster.ts';
import { check } from './violation.ts';

/** Where blocks are forgotten there is no whole log to audit. */
export async function auditOne(cluster: Cluster): Promise<void> {
  const { gate, plan, witness } = cluster;
  if (gate === undefined || plan.snapshots !== undefined) return;
  const whole = cluster.honest().find((each) => heightOf(each) === witness.height && !cluster.flipped.has(each));
  if (whole === undefined) return;
  const { ok, finding } = await verify(new StoreSource(whole.parts.disk));
  check(ok && finding === undefined, `an audit of validator ${whole.index}: ${JSON.stringify(finding)}`);
}
