// Approves a proposal, as an officer of another member.
import { approveArguments } from '../../contracts/consortium.ts';
import { consortiumName } from '../../contracts/consortium-state.ts';
import { accepted } from '../../node/ledger/entry.ts';
import { outcomeLine, outcomeView, refusedError } from '../format.ts';
import { namingReference, newReference, runOperation } from '../operation.ts';
import { confirm } from '../passphrase.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { describeProposal, judgedProposal, proposalId, readProposal } from '../proposal.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly reference?: string;
}

export async function run(options: Options, proposal: string): Promise<void> {
  const session = new Session(options);
  const id = proposalId(proposal);
  const key = await session.signer();
  const found = await readProposal(session, id);
  const asked = await judgedProposal(session, id, found);
  await confirm(session, `Sign as ${key.name} of ${key.member}: approve ${asked}?`);
  const reference = options.reference ?? newReference('A');
  const operation = { contract: consortiumName, method: 'approve', args: approveArguments(id), reference };
  const naming = namingReference(options.reference, reference);
  const { outcome, already } = await runOperation(session, key, operation).catch(naming);
  const view = outcomeView(key.member, reference, outcome, already, await meetPolicy(session).catch(naming));
  if (outcome.outcome !== accepted) {
    session.output.data({ proposal, ...view }, () => `${proposal}: ${outcomeLine(view)}`);
    throw refusedError(view);
  }
  const after = await readProposal(session, id);
  session.output.data({ ...after, ...view }, () => describeProposal(after));
}
