// Proves what an account holds, now or when the log had a size, or that there is no such account; or judges such a
// proof with no network. What is printed was verified here.

import { type ProvenBalance, verifyBalanceProof } from '../../node/audit/balance-proof.ts';
import { proveBalance, SizeError } from '../../node/audit/balance-prover.ts';
import { formatAmount } from '../../node/ledger/amount.ts';
import { checkAccountName, isoSeconds, neededGenesis, type Origin, proofProblem, proofSource } from '../audit.ts';
import { CliError } from '../exit-codes.ts';
import { readInput, writeFileDurably } from '../files.ts';
import { money, plural } from '../format.ts';
import { policyOf } from '../policy.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly at?: number;
  readonly archive?: string;
  readonly output?: string;
  readonly verify?: string;
  readonly genesis?: string;
}

export async function run(options: Options, account?: string): Promise<void> {
  const session = new Session(options);
  if ((account === undefined) === (options.verify === undefined))
    throw new CliError('usage', 'name an account, or --verify FILE', 'For example daybook audit balance N-1.');
  if (account !== undefined) checkAccountName(account);
  const genesis = neededGenesis(session.paths, options.genesis);
  const policy = policyOf(session.paths, options.policy, genesis);
  const from: Origin = options.verify === undefined && options.archive === undefined ? 'node' : 'file';
  try {
    if (options.verify !== undefined) {
      const proven = verifyBalanceProof(readInput(options.verify), genesis, policy);
      if (options.at !== undefined && (options.at < proven.from || options.at > proven.to))
        throw new CliError('verification', `the proof says nothing of the log at ${options.at} entries`, line(proven));
      return session.output.data(view(proven), () => line(proven));
    }
    const source = await proofSource(session, options);
    const question = { account: account ?? '', at: options.at, genesis, policy };
    const { encoded, proven } = await proveBalance(source, question);
    if (options.output !== undefined) {
      writeFileDurably(options.output, encoded);
      // The neighbours' records are in it, because ICS23 proves a gap by what stands on both sides.
      if (proven.balance === undefined)
        session.output.note(`${options.output} may hold the records of two other accounts: give it to auditors only.`);
    }
    session.output.data({ ...view(proven), bytes: encoded.length }, () => line(proven));
  } catch (error) {
    if (error instanceof SizeError) throw new CliError('usage', error.message, 'Choose another --at.');
    throw proofProblem(error, from);
  }
}

function view({ account, from, to, balance, checkpoint, height, timestamp }: ProvenBalance) {
  const { origin, size, root } = checkpoint;
  const held =
    balance === undefined
      ? { present: false as const }
      : {
          present: true as const,
          balance: formatAmount(balance.amount, balance.currency),
          currency: balance.currency,
          seq: balance.seq,
        };
  const at = { height, timestamp: isoSeconds(timestamp) };
  return { ok: true, account, ...held, from, to, checkpoint: { origin, size, root, ...at } };
}

function line({ account, from, to, checkpoint, height, timestamp, balance }: ProvenBalance): string {
  const held =
    balance === undefined
      ? `there is no account ${account}`
      : `${account} holds ${money(balance.amount, balance.currency)} after ${plural(balance.seq, 'posting')}`;
  const log = `proved under the checkpoint of ${checkpoint.size} entries (block ${height}, ${isoSeconds(timestamp)})`;
  return `OK: ${held}, in every log of ${from} to ${to} entries; ${log}`;
}
