// The command line: arguments to a command, its error to an exit code.
import '../node/polyfill.ts';
import { CommanderError } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { reportError } from './output.ts';
import { buildProgram } from './program.ts';

// A reader that stops reading (head, less) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  throw error;
});

const program = buildProgram();
const exitByThrowing = (command: typeof program): void => {
  command.exitOverride();
  command.commands.forEach(exitByThrowing);
};
exitByThrowing(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else process.exitCode = reportError(await known(error), process.argv.includes('--json'));
}

/** Problems of the API and of formats, put as a command's own error. Loaded only when something went wrong. */
async function known(error: unknown): Promise<unknown> {
  const { explained } = await import('./explained.ts');
  return explained(error);
}
