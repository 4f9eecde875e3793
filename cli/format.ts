// How outcomes and payments look, to people and in JSON.
import { refusalText } from '../contracts/refusals.ts';
import { formatAmount } from '../node/ledger/amount.ts';
import { accepted } from '../node/ledger/entry.ts';
import type { VerifiedOutcome } from './client.ts';
import { CliError } from './exit-codes.ts';
import { paint } from './output.ts';
import type { PolicyMet } from './policy-checkpoint.ts';

/** `OK` or the code with its meaning. */
export function outcomeText(code: string): string {
  return code === accepted ? 'accepted' : refusalText(code);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

export function money(amount: bigint, currency: string): string {
  return `${formatAmount(amount, currency)} ${currency}`;
}

export interface OutcomeView {
  readonly reference: string;
  readonly member: string;
  readonly outcome: string;
  readonly text: string;
  readonly height: number;
  readonly index: number;
  readonly time: string;
  readonly already: boolean;
  /** Always true: what does not verify is not shown. */
  readonly verified: true;
  readonly id: string | undefined;
  /** The checkpoint that meets the policy, where one is given. */
  readonly policy: PolicyMet | undefined;
}

export function outcomeView(
  member: string,
  reference: string,
  outcome: VerifiedOutcome,
  already: boolean,
  policy?: PolicyMet,
): OutcomeView {
  return {
    reference,
    member,
    outcome: outcome.outcome,
    text: outcomeText(outcome.outcome),
    height: outcome.height,
    index: outcome.index,
    time: new Date(outcome.verified.header.timestamp).toISOString(),
    already,
    verified: true,
    id: outcome.id ?? outcome.batch,
    policy,
  };
}

export function outcomeLine(view: OutcomeView): string {
  const isAccepted = view.outcome === accepted;
  const word = isAccepted ? paint('green', 'OK') : paint('red', view.outcome);
  const before = view.already ? ' (before this command; nothing was done again)' : '';
  const place = `block ${view.height}, entry ${view.index}, ${view.time}`;
  const text = view.text.replace(/\.$/, '');
  return `${word} ${view.reference}: ${text}${before}; ${place}; receipt verified${policyText(view.policy)}`;
}

export function policyText(policy: PolicyMet | undefined): string {
  return policy === undefined ? '' : `; policy met by the checkpoint of ${policy.size.toLocaleString('en')} entries`;
}

/** A refusal that was ordered: the command ends with 5, and its data says everything. */
export function refusedError(view: OutcomeView): CliError {
  return new CliError(
    'refused',
    `${view.outcome}: ${view.text}`,
    `The refusal is recorded in block ${view.height}. Another attempt needs another --reference.`,
    view.outcome,
  );
}
