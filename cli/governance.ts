// What an officer proposes about validators, from the words of a command line to changes and back to words.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Change } from '../contracts/consortium-state.ts';
import { fromHex } from '../node/ledger/hash.ts';
import { name } from '../node/ledger/identifiers.ts';
import { type Validator, validatorSchema } from '../node/ledger/validators.ts';
import { CliError } from './exit-codes.ts';
import { isObject, readInput } from './files.ts';

export const changeKinds = [
  'add-learner',
  'remove-learner',
  'add-validator',
  'rotate-validator-keys',
  'remove-validator',
] as const;
export type ChangeKind = (typeof changeKinds)[number];

/**
 * One word of the command line as changes. A public file registers its validator first; an id is of one that is
 * registered already.
 */
export function changesOf(kind: string, what: string): Change[] {
  if (!isKind(kind))
    throw new CliError('usage', `${kind} is no change of validators`, `There are ${changeKinds.join(', ')}.`);
  const isFile = what.endsWith('.json') || existsSync(what);
  if (kind === 'remove-learner' || kind === 'remove-validator') return [{ kind, id: idOf(what) }];
  if (!isFile) {
    if (kind === 'add-learner') throw new CliError('usage', `there is no file ${what}`, 'Name a validator.json.');
    return [{ kind, id: idOf(what) }];
  }
  const validator = readPublicFile(what);
  const learner: Change = { kind: 'add-learner', ...validator };
  return kind === 'add-learner' ? [learner] : [learner, { kind, id: validator.id }];
}

export function describeChange(change: Change): string {
  if (change.kind === 'add-user' || change.kind === 'deactivate-user')
    return `${change.kind} ${change.member}/${change.user}`;
  return `${change.kind} ${change.id}`;
}

function isKind(kind: string): kind is ChangeKind {
  return (changeKinds as readonly string[]).includes(kind);
}

function idOf(text: string): string {
  try {
    return name.read(text);
  } catch {
    throw new CliError('usage', `${text} is no id of a validator`, 'Write it as in `daybook node status`.');
  }
}

/** `validator.json`, as `daybook node init` and `daybook key rotate` write it. */
export function readPublicFile(file: string): Validator {
  try {
    const value: unknown = JSON.parse(readInput(file).toString('utf8'));
    const fields = isObject(value) ? value : {};
    const bytes = (field: string) => fromHex(String(fields[field])) ?? new Uint8Array(0);
    const validator = {
      id: String(fields['id']),
      member: String(fields['member']),
      voteKey: bytes('voteKey'),
      auditKey: bytes('auditKey'),
      networkKey: bytes('networkKey'),
      voteProof: bytes('voteProof'),
      auditProof: bytes('auditProof'),
      networkProof: bytes('networkProof'),
    };
    validatorSchema.write(validator);
    return validator;
  } catch (error) {
    if (error instanceof CliError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new CliError(
      'usage',
      `${basename(file)} is no public file of a validator (${why})`,
      'Get it from its operator.',
    );
  }
}
