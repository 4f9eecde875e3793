// Errors of other parts as a command's own, with an exit code and advice.
import { DecodeError } from '../node/ledger/codec.ts';
import { BadAnswerError } from './api-types.ts';
import { ApiProblem, verifyAdvice } from './client.ts';
import { CliError } from './exit-codes.ts';
import { permissionAdvice } from './files.ts';
import { problemError } from './problem-error.ts';
import { VerificationError } from './receipt.ts';

export function explained(error: unknown): unknown {
  if (error instanceof ApiProblem) return problemError(error);
  if (error instanceof VerificationError || error instanceof BadAnswerError)
    return new CliError('verification', error.message, verifyAdvice);
  if (error instanceof DecodeError) return new CliError('usage', error.message, 'Nothing was sent.');
  return isForbidden(error) ? forbidden(error) : error;
}

function isForbidden(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
}

/** Of any file or folder that a command works with, its home's as well as an archive's. */
function forbidden({ path, syscall, message }: NodeJS.ErrnoException): CliError {
  if (path === undefined) return new CliError('failed', message, permissionAdvice);
  return new CliError('failed', `permission denied: ${path} (${syscall ?? 'open'})`, permissionAdvice);
}
