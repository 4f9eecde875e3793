// Ends one validator at once, as a power cut would.
import { isRunning, readDevnet, validatorNamed } from '../devnet-control.ts';
import { gone } from '../devnet-processes.ts';
import { CliError } from '../exit-codes.ts';
import { signalProcess } from '../process-alive.ts';
import { type CommonOptions, Session } from '../session.ts';

const goneTimeoutMs = 5_000;

export async function run(options: CommonOptions, name: string): Promise<void> {
  const { paths, output } = new Session(options);
  const state = readDevnet(paths);
  const { id, process: mark } = validatorNamed(state, name);
  if (mark === undefined || !signalProcess(mark, 'SIGKILL'))
    throw new CliError(
      'failed',
      `${id} does not run`,
      state.validators.some(isRunning)
        ? `Start it with \`daybook devnet restart ${name}\`.`
        : 'None does: start all of them with `daybook devnet up`.',
    );
  await gone(mark, goneTimeoutMs);
  output.data({ validator: id, pid: mark.pid, killed: true }, () => `${id} (pid ${mark.pid}) is killed`);
}
