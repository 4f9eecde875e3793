// Ends the devnet of this home: its validators, and the command that keeps them. The chain stays.
import { readDevnet } from '../devnet-control.ts';
import { gone, stopDevnet } from '../devnet-processes.ts';
import { signalProcess } from '../process-alive.ts';
import { type CommonOptions, Session } from '../session.ts';

const launcherTimeoutMs = 20_000;

export async function run(options: CommonOptions): Promise<void> {
  const { paths, output } = new Session(options);
  const { launcher, validators } = readDevnet(paths);
  if (launcher !== undefined && signalProcess(launcher, 'SIGTERM')) await gone(launcher, launcherTimeoutMs);
  await stopDevnet(paths);
  output.data(
    { home: paths.folder, stopped: validators.map(({ id }) => id) },
    () => 'the devnet is down; the chain stays',
  );
}
