// Judges a receipt with no network: the file, the genesis document, and perhaps a policy. Ends with 0 or 7.
import { verifyProofReceipt } from '../../node/audit/receipt-check.ts';
import { toHex } from '../../node/ledger/hash.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { expectedGenesis, readSets, receiptProblem } from '../audit.ts';
import { CliError } from '../exit-codes.ts';
import { readInput } from '../files.ts';
import { policyOf } from '../policy.ts';
import { type CommonOptions, Session } from '../session.ts';
import { knownSets } from '../trusted-sets.ts';

interface Options extends CommonOptions {
  readonly genesis?: string;
  readonly sets?: string;
}

export async function run(options: Options, file: string): Promise<void> {
  const session = new Session(options);
  const genesis = expectedGenesis(session.paths, options.genesis);
  if (genesis === undefined || typeof genesis === 'string')
    throw new CliError('usage', 'name the genesis document', 'For example --genesis genesis.json.');
  const policy = policyOf(session.paths, options.policy, genesis);
  const proof = readInput(file);
  // Whoever names a genesis document asks what it says alone; in a home, what was learnt and proved there counts too.
  const learnt = options.genesis === undefined ? knownSets(session.paths, session.ledger).sets : undefined;
  const sets = options.sets === undefined ? learnt : readSets(options.sets, genesis);
  try {
    const { index, entry, bytes, checkpoint } = verifyProofReceipt(proof, genesis, { policy, sets });
    const view = {
      ok: true,
      index,
      size: checkpoint.size,
      root: checkpoint.root,
      origin: checkpoint.origin,
      entry: toHex(bytes),
      ...(entry.kind === 1 || entry.kind === 2 ? { outcome: entry.outcome } : {}),
      ...(entry.kind === 1 ? { transaction: decodeTransaction(entry.transaction).id } : {}),
      ...(entry.kind === 2 ? { reference: entry.reference, line: entry.line, batch: entry.batch } : {}),
    };
    session.output.data(view, () => {
      const named = view.transaction ?? view.reference;
      const what = named === undefined ? '' : ` (${named}: ${view.outcome})`;
      return `OK: entry ${index}${what} is in the log of ${view.size} entries of ${view.origin}`;
    });
  } catch (error) {
    throw receiptProblem(error, 'file');
  }
}
