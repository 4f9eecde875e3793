// What a node refuses, as a command's own error: an exit code and what to do next.
import type { ApiProblem } from './client.ts';
import { CliError, type ExitName } from './exit-codes.ts';

const exitOf: { readonly [code: string]: ExitName } = {
  malformed: 'usage',
  'too-large': 'usage',
  'unknown-parameter': 'usage',
  unauthorised: 'notAuthorised',
  DS0D: 'notAuthorised',
  DS0B: 'notAuthorised',
  'mempool-full': 'timeout',
  'not-ready': 'unreachable',
  'read-only': 'unreachable',
  DU04: 'refused',
  TM01: 'refused',
  CH03: 'refused',
  CHAIN: 'refused',
};

const adviceOf: { readonly [code: string]: string } = {
  unauthorised: 'Its operator sets openReads = true in node.toml (loopback only); or name such a node with --node URL.',
  'mempool-full': 'Nothing was ordered. Run the command again in a moment.',
  DS0D: 'Is the user registered and active? `daybook key list` shows your keys; an officer can add a user.',
  CHAIN: 'The genesis.json of this home is not the one of these validators.',
  TM01: 'Run the command again: it is signed anew. Check this machine’s clock if it happens again.',
  DU04: 'Use another --reference for another payment.',
};

const aloneAdvice =
  'It has no proof, and the transaction may still become final. ' +
  'Run the same command again when more validators answer.';

/** A problem as the command's own error. */
export function problemError(problem: ApiProblem): CliError {
  const code = problem.code;
  const name = /^[A-Z0-9]+$/.test(code) ? `${code}: ` : '';
  if (!problem.isAlone)
    return new CliError(exitOf[code] ?? 'failed', `${name}${problem.message}`, adviceOf[code], code);
  // Nobody knows what became of it, and nobody may be told that it was refused.
  const message = `only ${problem.node} refuses it: ${name}${problem.message}`;
  return new CliError('timeout', message, aloneAdvice, code);
}
