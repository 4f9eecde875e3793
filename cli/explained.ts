// Errors of other parts as a command's own, with an exit code and advice.
import { DecodeError } from '../node/ledger/codec.ts';
import { BadAnswerError } from './api-types.ts';
import { ApiProblem, problemError, verifyAdvice } from './client.ts';
import { CliError } from './exit-codes.ts';
import { VerificationError } from './receipt.ts';

export function explained(error: unknown): unknown {
  if (error instanceof ApiProblem) return problemError(error);
  if (error instanceof VerificationError || error instanceof BadAnswerError)
    return new CliError('verification', error.message, verifyAdvice);
  if (error instanceof DecodeError) return new CliError('usage', error.message, 'Nothing was sent.');
  return error;
}
