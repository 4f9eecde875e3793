// A proposal of the consortium as a node shows it. The words of a node: what was enacted is proved by the log alone.
import { proposedChanges } from '../contracts/consortium.ts';
import { consortiumName, type ProposalId } from '../contracts/consortium-state.ts';
import { refusalText } from '../contracts/refusals.ts';
import { accepted } from '../node/ledger/entry.ts';
import { listOf, objectOf, textOf } from './api-types.ts';
import { ApiProblem, verifyAdvice } from './client.ts';
import { CliError } from './exit-codes.ts';
import { firstUse } from './first-use.ts';
import { describeChange } from './governance.ts';
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

/**
 * The changes that a proposal asks for, by the receipt of the transaction that proposed it: an approval names the
 * proposal and not its changes, so that an officer who believed a node would sign whatever it likes. Undefined where no
 * node shows that transaction, since reads are closed or its reference is no longer kept.
 */
export async function provenChanges({ client }: Session, id: ProposalId): Promise<readonly string[] | undefined> {
  const first = await firstUse(client, id.member, id.reference).catch((error: unknown) => {
    if (error instanceof ApiProblem && error.code === 'unauthorised') return undefined;
    throw error;
  });
  const isProposal = first?.contract === consortiumName && first.method === 'propose';
  if (first === undefined || !isProposal || first.outcome.outcome !== accepted) return undefined;
  return proposedChanges(first.args).map(describeChange);
}

/** What the officer is asked to sign, as words. Throws CliError where a node shows something else than was proposed. */
export async function judgedProposal(session: Session, id: ProposalId, found: ShownProposal): Promise<string> {
  const proven = await provenChanges(session, id);
  if (proven === undefined) {
    if (session.options.yes !== true) return `${describeProposal(found)} (as one validator says, not proved)`;
    throw new CliError(
      'verification',
      `nothing proves what ${found.proposal} asks for: no node shows the transaction that proposed it`,
      'Nothing was signed. Name a node that shows it (--node URL), or read the question and answer it without --yes.',
    );
  }
  if (proven.join('\n') === found.changes.join('\n')) return describeProposal(found);
  throw new CliError(
    'verification',
    `${found.proposal} asks for ${proven.join(', ')}, and the node shows ${found.changes.join(', ')}`,
    `Nothing was signed. ${verifyAdvice}`,
  );
}

export function describeProposal({ proposal, status, failure, approvals, changes }: ShownProposal): string {
  const why = failure === undefined ? '' : ` (${failure}: ${refusalText(failure)})`;
  return `${proposal}: ${changes.join(', ')}; approved by ${approvals.join(', ')}; ${status}${why}`;
}
