// Checkpoints that were collected from several branches: one log, or who cosigned two.
import { type CompareOptions, needTwo, runComparison } from '../checkpoints.ts';

export async function run(options: CompareOptions, ...names: string[]): Promise<void> {
  needTwo(names);
  await runComparison(options, names);
}
