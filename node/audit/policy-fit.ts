// Whether a policy can be met at all in a log, before anything is asked of anybody: one for another log, or one whose
// validators are others than this ledger's, would refuse every checkpoint without a word of why.
import { type Checkpoint, cosignerKey, type LogName, originOf } from '../ledger/checkpoint.ts';
import type { Note } from '../ledger/note.ts';
import { quorumOf, type ValidatorSet } from '../ledger/validators.ts';
import type { VerifierKey } from '../ledger/verifier-key.ts';
import type { Rule } from './finding.ts';
import { lackOf, type Policy, type PolicyRule, policyProblem } from './policy.ts';

export interface Unmet {
  readonly rule: Extract<Rule, 'policy-fit' | 'policy'>;
  readonly detail: string;
}

/** Why a checkpoint under this set is not believed under a policy, or undefined. */
export function judgeByPolicy(
  policy: Policy,
  log: LogName,
  set: ValidatorSet,
  { checkpoint, note }: { readonly checkpoint: Checkpoint; readonly note: Note },
): Unmet | undefined {
  const misfit = policyMisfit(policy, log, set);
  if (misfit !== undefined) return { rule: 'policy-fit', detail: misfit };
  const detail = policyProblem(policy, checkpoint, note);
  return detail === undefined ? undefined : { rule: 'policy', detail };
}

/** Why no checkpoint of this log can meet the policy, or undefined. Without the set only names are judged. */
export function policyMisfit(policy: Policy, log: LogName, set?: ValidatorSet): string | undefined {
  const origin = originOf(log);
  if (policy.logs.length > 0 && !policy.logs.some(({ name }) => name === origin))
    return `the policy is for the log ${policy.logs.map(({ name }) => name).join(' or ')}, and this one is ${origin}`;
  const lack = lackOf(policy.quorum, ({ key }) => isStranger(key, log, set));
  return lack && `no checkpoint of ${origin} can meet the policy: ${lack}; ${whose(policy, log, set)}`;
}

/**
 * Why no node will ever serve a checkpoint that meets the policy, or undefined. A node serves exactly a quorum of the
 * validators' cosignatures and nobody else's; what is missing has to be collected and imported.
 */
export function unservedReason(policy: Policy, log: LogName, set: ValidatorSet): string | undefined {
  const own = new Set(set.map((validator) => keyText(cosignerKey(log, validator))));
  const outside = lackOf(policy.quorum, ({ key }) => !own.has(keyText(key)));
  if (outside !== undefined) return `the policy demands cosignatures that no node serves: ${outside}`;
  const { size } = quorumOf(set.length);
  const needed = fewest(policy.quorum);
  if (needed <= size) return undefined;
  return `the policy demands ${needed} validators, and a node serves the cosignatures of exactly ${size}`;
}

/** How many witnesses at least must sign: each stands in the tree once. */
function fewest(rule: PolicyRule): number {
  if ('key' in rule) return 1;
  const counts = rule.members.map(fewest).sort((a, b) => a - b);
  return counts.slice(0, rule.threshold).reduce((sum, count) => sum + count, 0);
}

const keyText = ({ name, keyId }: VerifierKey) => `${name}+${keyId}`;

/** Validators cosign under `<ledger>/validator/<id>`, and only their own log. */
const validatorName = /^(.+)\/validator\/[^/]+$/;

/** Whether a key is a validator's of some ledger, and no outside witness's. */
export function isValidatorKey({ name }: VerifierKey): boolean {
  return validatorName.test(name);
}

/** A validator that is none of this ledger, or no longer. Everybody else may be a witness. */
function isStranger(key: VerifierKey, log: LogName, set: ValidatorSet | undefined): boolean {
  const [, ledger] = validatorName.exec(key.name) ?? [];
  if (ledger === undefined) return false;
  if (ledger !== log.ledger) return true;
  return set !== undefined && !set.some((each) => keyText(cosignerKey(log, each)) === keyText(key));
}

function whose(policy: Policy, log: LogName, set: ValidatorSet | undefined): string {
  const strangers = policy.witnesses.filter((key) => isStranger(key, log, set));
  if (strangers.some(({ name }) => validatorName.exec(name)?.[1] !== log.ledger))
    return 'they are validators of another ledger';
  return 'they are no validators of it at this size, or have other keys';
}
