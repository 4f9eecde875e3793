// Opens the accounts of a CSV file, and the branches that they need where this home may.
import { type AccountLine, openAccounts, planImport, readAccountsFile } from '../account-import.ts';
import { branchProposal, createBranches, readConsortium } from '../branches.ts';
import { ApiProblem } from '../client.ts';
import { CliError } from '../exit-codes.ts';
import { plural, policyText } from '../format.ts';
import { toJson } from '../output.ts';
import { confirm } from '../passphrase.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { startProgress } from '../progress.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly createBranches?: boolean;
}

export async function run(options: Options, file: string): Promise<void> {
  const session = new Session(options);
  const result = await importAccounts(session, file, options.createBranches === true);
  const policy = await meetPolicy(session);
  session.output.data({ file, ...result, policy }, () => {
    const branches = result.branches === 0 ? '' : `${plural(result.branches, 'branch', 'branches')} added, `;
    const opened = `${plural(result.opened, 'account')} opened, ${result.existing} there already`;
    return branches + opened + policyText(policy);
  });
}

export interface Imported {
  readonly branches: number;
  readonly opened: number;
  readonly existing: number;
}

export async function importAccounts(session: Session, file: string, mayCreateBranches: boolean): Promise<Imported> {
  const lines = readAccountsFile(file);
  const key = await session.signer();
  const { client, ledger, paths } = session;
  const settings = { client, ledger, key, outboxFolder: paths.outbox, mode: 'bulk' } as const;
  if (mayCreateBranches && session.settings.demoPassphrase === undefined) await showProposal(session, lines);
  const { missing, existing } = await planImport(settings, file, lines);
  const { members } = await readConsortium(session);
  const branches = [...new Set(missing.map(({ branch }) => branch))].filter((branch) => !members.has(branch));
  if (branches.length > 0 && !mayCreateBranches)
    throw new CliError(
      'usage',
      `no members of the consortium: ${branches.slice(0, 10).join(', ')}${branches.length > 10 ? ', ...' : ''}`,
      'Nothing was sent. Add --create-branches to propose them.',
    );
  if (missing.length === 0) return { branches: 0, opened: 0, existing };
  await confirm(
    session,
    `Sign as ${key.name} of ${key.member}: ${branches.length > 0 ? `${branches.length} new branches, ` : ''}` +
      `open ${plural(missing.length, 'account')} of ${file}?`,
  );
  if (branches.length > 0) await createBranches(session, branches, key);
  const progress = await startProgress(session.output, 'accounts', missing.length);
  try {
    await openAccounts({ ...settings, onProgress: (done) => progress.update(done) }, file, missing);
  } finally {
    progress.stop();
  }
  return { branches: branches.length, opened: missing.length, existing };
}

/**
 * Only a devnet's home holds the keys of every member. Elsewhere the proposal is shown, if one is needed, for officers
 * to send. A node whose reads are closed does not say who is a member: then genesis does.
 */
async function showProposal(session: Session, lines: readonly AccountLine[]): Promise<void> {
  const { ledger, output } = session;
  const founders = new Set(ledger.genesis.consortium.members.map(({ id }) => id));
  const members = await readConsortium(session).then(
    (consortium) => consortium.members,
    (error: unknown) => {
      if (error instanceof ApiProblem && error.code === 'unauthorised') return founders;
      throw error;
    },
  );
  const branches = [...new Set(lines.map(({ branch }) => branch))].filter((branch) => !members.has(branch));
  if (branches.length === 0) return;
  const proposal = branchProposal(branches);
  output.data(proposal, () => toJson(proposal, 2));
  throw new CliError(
    'notAuthorised',
    `${plural(branches.length, 'new branch', 'new branches')}: officers of more than two thirds of the members decide`,
    'Nothing was sent. The proposal is above: an officer sends it with each branch’s users and keys.',
  );
}
