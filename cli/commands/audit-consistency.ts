// Whether a later log extends an earlier one, or where they part.
import { type CompareOptions, runComparison } from '../checkpoints.ts';

export async function run(options: CompareOptions, earlier: string, later: string): Promise<void> {
  await runComparison(options, [earlier, later]);
}
