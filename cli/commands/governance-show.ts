// Shows a proposal: what it asks for, who approved it, and what came of it.
import { describeProposal, proposalId, readProposal } from '../proposal.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions, proposal: string): Promise<void> {
  const session = new Session(options);
  const found = await readProposal(session, proposalId(proposal));
  session.output.data(found, () => describeProposal(found));
}
