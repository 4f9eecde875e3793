// A proposal of the consortium as a node shows it. The words of a node: what was enacted is proved by the log alone.
import type { ProposalId } from '../contracts/consortium-state.ts';
import { refusalText } from '../contracts/refusals.ts';
import { listOf, objectOf, textOf } from './api-types.ts';
import { ApiProblem } from './client.ts';
import { CliError } from './exit-codes.ts';
import type { Session } from './session.ts';

export interface ShownProposal {
  readonly proposal: string;
  readonly status: string;
  readonly failure?: string;
  readonly approvals: readonly string[];
  readonly changes: readonly string[];
}

/** `MEMBER/REFERENCE`, as `governance propose` prints it. */
export function proposalId(text: string): ProposalId {
  const at = text.indexOf('/');
  if (at < 1) throw new CliError('usage', `${text} names no proposal`, 'Write MEMBER/REFERENCE, as it was printed.');
  return { member: text.slice(0, at), reference: text.slice(at + 1) };
}

export async function readProposal(session: Session, { member, reference }: ProposalId): Promise<ShownProposal> {
  const path = `/v1/proposals/${encodeURIComponent(member)}/${encodeURIComponent(reference)}`;
  const answer = session.client.getCurrent(path, (value) => {
    const { status, failure, approvals, changes } = objectOf(value);
    return {
      proposal: `${member}/${reference}`,
      status: textOf(status),
      ...(failure === undefined ? {} : { failure: textOf(failure) }),
      approvals: listOf(approvals).map(textOf),
      changes: listOf(changes).map((each) => {
        const { kind, what } = objectOf(each);
        return `${textOf(kind)} ${textOf(what)}`;
      }),
    };
  });
  return answer.catch((error: unknown) => {
    if (!(error instanceof ApiProblem) || error.code !== 'not-found') throw error;
    throw new CliError(
      'failed',
      `there is no proposal ${member}/${reference}`,
      'Write it as `daybook governance propose` printed it; one that was refused came into being nowhere.',
      'not-found',
    );
  });
}

export function describeProposal({ proposal, status, failure, approvals, changes }: ShownProposal): string {
  const why = failure === undefined ? '' : ` (${failure}: ${refusalText(failure)})`;
  return `${proposal}: ${changes.join(', ')}; approved by ${approvals.join(', ')}; ${status}${why}`;
}
