// Starts one validator again, after a kill or in place of the running one.
import { readDevnet, validatorNamed } from '../devnet-control.ts';
import { startValidator } from '../devnet-processes.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions, name: string): Promise<void> {
  const { paths, output } = new Session(options);
  const state = readDevnet(paths);
  const { id } = validatorNamed(state, name);
  const next = await startValidator(paths, state, id);
  const { process: mark } = validatorNamed(next, id);
  output.data({ validator: id, pid: mark?.pid, ready: true }, () => `${id} (pid ${mark?.pid}) is ready`);
}
