// The command line: arguments to a command, its error to an exit code.
import '../node/polyfill.ts';
import './compile-cache.ts';
import { CommanderError } from 'commander';
import { CliError, exitCodes } from './exit-codes.ts';
import { reportError } from './output.ts';
import { buildProgram } from './program.ts';

// A reader that stops reading (head, less) is no failure of ours, and makes none of ours a success: the command goes on
// to its end, and its exit code is what it would have been.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

const wantsJson = process.argv.includes('--json');
const program = buildProgram();
const exitByThrowing = (command: typeof program): void => {
  command.exitOverride();
  // What is wrong with the command line is JSON too then.
  if (wantsJson) command.showHelpAfterError(false).configureOutput({ outputError: () => undefined });
  command.commands.forEach(exitByThrowing);
};
exitByThrowing(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) process.exitCode = reportError(await known(error), wantsJson);
  else if (error.exitCode === 0) process.exitCode = exitCodes.ok;
  else process.exitCode = wantsJson ? reportError(usageError(error), wantsJson) : exitCodes.usage;
}

function usageError({ message }: CommanderError): CliError {
  return new CliError('usage', message.replace(/^error: /, ''), 'daybook --help shows the commands.');
}

/** Problems of the API and of formats, put as a command's own error. Loaded only when something went wrong. */
async function known(error: unknown): Promise<unknown> {
  const { explained } = await import('./explained.ts');
  return explained(error);
}
