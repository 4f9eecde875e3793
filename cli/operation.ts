// One signed operation, from its arguments to its outcome: through the outbox, so that a second run of the same command
// sends the same bytes, and with a receipt that was checked.
import { randomBytes } from 'node:crypto';
import { encode, type Value } from '../node/ledger/codec.ts';
import { digestBytes, equalBytes, toHex } from '../node/ledger/hash.ts';
import { bodyOf, decodeTransaction, signTransaction, type Transaction } from '../node/ledger/transaction.ts';
import { ApiProblem, type VerifiedOutcome } from './client.ts';
import { CliError, type ExitName } from './exit-codes.ts';
import { explained } from './explained.ts';
import { firstUse } from './first-use.ts';
import type { SigningKey } from './keystore.ts';
import { Outbox, outboxKey } from './outbox.ts';
import { problemError } from './problem-error.ts';
import type { Ledger, Session } from './session.ts';

export interface Operation {
  readonly contract: string;
  readonly method: string;
  readonly args: Value;
  readonly reference: string;
  /** Whether what a reference was used for is this operation; where it is not said, every argument must be the same. */
  readonly isSame?: (args: Value) => boolean;
}

export interface OperationOutcome {
  readonly outcome: VerifiedOutcome;
  /** Of what was done: an earlier use of the reference may have words of its own. */
  readonly args: Value;
  /** The reference had this outcome before this command. */
  readonly already: boolean;
}

const validityMs = 600_000;

/** Until when a transaction signed now may be ordered: well within what the consortium allows. */
export function validUntilFor(ledger: Ledger, now: number): number {
  return now + Math.min(validityMs, Math.floor(ledger.genesis.parameters.validityMaxMs / 2));
}

export function signOperation(ledger: Ledger, key: SigningKey, operation: Operation, validUntil: number): Transaction {
  const { contract, method, args, reference } = operation;
  const chainId = digestBytes(ledger.chainId);
  const body = bodyOf({ chainId, member: key.member, reference, validUntil, contract, method, args });
  return signTransaction(body, key.seed, key.publicKey);
}

/** A reference that nobody used: 16 random bytes. */
export function newReference(prefix: string): string {
  return `${prefix}-${toHex(randomBytes(16))}`;
}

/** After these it is not known whether the operation became final: somebody may have taken what was sent. */
const unknownAfter: ReadonlySet<ExitName> = new Set(['timeout', 'unreachable', 'verification']);

/**
 * For `catch`. Where no reference was given a second run would make a new one, and with it another operation: only with
 * this one it is the same.
 */
export function namingReference(given: string | undefined, reference: string): (error: unknown) => never {
  return (thrown) => {
    const error = explained(thrown);
    if (given !== undefined || !(error instanceof CliError) || !unknownAfter.has(error.exit)) throw error;
    const before = error.code === 'policy' || error.exit !== 'timeout' ? `${error.next ?? ''} ` : '';
    const advice = `Run the command again with --reference ${reference}: then it is done only once.`;
    throw new CliError(error.exit, error.message, `${before}${advice}`, error.code);
  };
}

export async function runOperation(session: Session, key: SigningKey, operation: Operation): Promise<OperationOutcome> {
  const { ledger, client, paths } = session;
  const { contract, method, args, reference } = operation;
  const what = `${contract}.${method} ${reference}`;
  const name = outboxKey(
    'operation',
    ledger.chainId,
    key.member,
    key.name,
    contract,
    method,
    toHex(encode(args)),
    reference,
  );
  const outbox = Outbox.open(paths.outbox, name, what);
  try {
    if (outbox.height === undefined) outbox.begin(what, 0);
    const stored = [...outbox.units.values()].at(-1);
    const now = Date.now();
    const transaction =
      stored !== undefined && stored.validUntil > now
        ? decodeTransaction(stored.bytes)
        : signAnew(session, key, operation, outbox);
    return await send(session, key, operation, transaction, outbox);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'DU04') throw error;
    const first = await firstUse(client, key.member, reference).catch((reading: unknown) => {
      if (!(reading instanceof ApiProblem) || reading.code !== 'unauthorised') throw reading;
      throw error.isAlone ? error : unshownUse(error, key, reference);
    });
    if (first === undefined) throw error;
    const isSameArgs = operation.isSame ?? ((other: Value) => equalBytes(encode(other), encode(args)));
    const isSame = first.contract === contract && first.method === method && isSameArgs(first.args);
    if (isSame) return { outcome: first.outcome, args: first.args, already: true };
    throw new CliError(
      'refused',
      `DU04: ${key.member} used reference ${reference} for something else: ${first.contract}.${first.method}, ` +
        `outcome ${first.outcome.outcome} in block ${first.outcome.height}`,
      'Use another --reference.',
      'DU04',
    );
  } finally {
    outbox.close();
  }
}

/** A node with closed reads takes transactions, and shows to nobody what used a reference: no reason to say less. */
function unshownUse({ code, message }: ApiProblem, { member }: SigningKey, reference: string): CliError {
  return new CliError(
    'refused',
    `${code}: ${message}; this node does not show what for`,
    'Nothing was done under it a second time. See what for through a node with openReads = true: ' +
      `daybook transfer show ${reference} --member ${member} --node URL. Use another --reference for another payment.`,
    code,
  );
}

async function send(
  session: Session,
  key: SigningKey,
  operation: Operation,
  transaction: Transaction,
  outbox: Outbox,
): Promise<OperationOutcome> {
  try {
    const already = outbox.outcomes.size > 0;
    const outcome = await session.client.submit(transaction, session.timeoutMs);
    outbox.addOutcome({ line: 0, outcome: outcome.outcome, height: outcome.height, index: outcome.index, already });
    return { outcome, args: operation.args, already };
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'TM01') throw error;
    // It came too late and used up nothing. Should it still be ordered by a slower clock, the reference settles it.
    const anew = signAnew(session, key, operation, outbox);
    if (anew.id === transaction.id) throw problemError(error);
    return { outcome: await session.client.submit(anew, session.timeoutMs), args: operation.args, already: false };
  }
}

function signAnew(session: Session, key: SigningKey, operation: Operation, outbox: Outbox): Transaction {
  const validUntil = validUntilFor(session.ledger, Date.now());
  const transaction = signOperation(session.ledger, key, operation, validUntil);
  outbox.addSigned([{ id: transaction.id, lines: [0], validUntil, bytes: transaction.bytes }]);
  return transaction;
}
