// The devnet of a home, for the commands that act on one.
import { type DevnetState, type DevnetValidator, readDevnet as readState } from './devnet-files.ts';
import { CliError } from './exit-codes.ts';
import type { HomePaths } from './home.ts';
import { isAlive } from './process-alive.ts';

export function readDevnet(paths: HomePaths): DevnetState {
  const state = readState(paths);
  if (state !== undefined) return state;
  throw new CliError('usage', `there is no devnet in ${paths.folder}`, 'Start one with `daybook devnet up`.');
}

/** `3` and `validator-3` are the same. */
export function validatorNamed(state: DevnetState, name: string): DevnetValidator {
  const id = /^[0-9]+$/.test(name) ? `validator-${name}` : name;
  const found = state.validators.find((each) => each.id === id);
  if (found !== undefined) return found;
  const known = state.validators.map((each) => each.id).join(', ');
  throw new CliError('usage', `there is no validator ${name}`, `There are ${known}.`);
}

export function isRunning({ process: mark }: DevnetValidator): boolean {
  return mark !== undefined && isAlive(mark);
}
