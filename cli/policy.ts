// Whose signatures this command, or this home, demands besides a quorum of the validators (C2SP tlog-policy).
import { existsSync } from 'node:fs';
import type { Genesis } from '../genesis/genesis.ts';
import { logNameOf } from '../node/audit/anchor.ts';
import { type Policy, parsePolicy } from '../node/audit/policy.ts';
import { policyMisfit } from '../node/audit/policy-fit.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import type { Digest } from '../node/ledger/hash.ts';
import { CliError } from './exit-codes.ts';
import { readInput } from './files.ts';
import { type HomePaths, shownPath } from './home.ts';

export interface GivenPolicy {
  readonly policy: Policy;
  /** Where it stands, for people. */
  readonly file: string;
}

/**
 * The policy that `--policy` names, or the home's. One that cannot be read is a mistake of whoever names it (2); one
 * that no checkpoint of this ledger can meet is refused before anything is asked or sent (7).
 */
export function givenPolicy(
  paths: HomePaths,
  named: string | undefined,
  genesis: Genesis | Digest | undefined,
): GivenPolicy | undefined {
  const path = named ?? (existsSync(paths.policy) ? paths.policy : undefined);
  if (path === undefined) return undefined;
  const file = named ?? shownPath(path);
  const policy = readPolicy(path, file);
  if (genesis === undefined || typeof genesis === 'string') return { policy, file };
  const misfit = policyMisfit(policy, logNameOf(genesis));
  if (misfit === undefined) return { policy, file };
  throw new CliError('verification', `${file}: policy-fit: ${misfit}`, misfitAdvice, 'policy-fit');
}

const misfitAdvice =
  'Nothing was sent. The policy.txt of an archive of this ledger is one that fits; --policy FILE names another one.';

function readPolicy(path: string, file: string): Policy {
  try {
    return parsePolicy(readInput(path));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CliError('usage', `${file}: ${error.message}`, 'It is to be a C2SP tlog-policy file.');
  }
}

/** For a command that judges alone. */
export function policyOf(
  paths: HomePaths,
  named: string | undefined,
  genesis: Genesis | Digest | undefined,
): Policy | undefined {
  return givenPolicy(paths, named, genesis)?.policy;
}
