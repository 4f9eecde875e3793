// Judges a report of evidence that somebody else made: each piece again, under the set of its epoch, and that the names
// in it are those of that set. Who signed the report adds nothing to it.
import type { Genesis } from '../../genesis/genesis.ts';
import { evidenceProblem } from '../ledger/evidence.ts';
import { evidenceReportSchema } from '../ledger/evidence-report.ts';
import { digestOf } from '../ledger/hash.ts';
import { decodeAs } from '../ledger/schema.ts';
import { decodedAs, failed, logNameOf } from './anchor.ts';
import type { Guilty } from './blame.ts';
import type { SetHistories } from './set-histories.ts';

/** Whom the report proves guilty, in its order. Throws FindingError. */
export function judgeReport(encoded: Uint8Array, genesis: Genesis, sets: SetHistories): Guilty[] {
  const report = decodedAs('proof-form', () => decodeAs(evidenceReportSchema, encoded));
  const { chainId } = logNameOf(genesis);
  if (digestOf(report.chainId) !== chainId)
    failed('header-chain', `the report is of the chain ${digestOf(report.chainId)}, not of ${chainId}`);
  const named = new Set<string>();
  return report.accused.map(({ validator, member, evidence }) => {
    const { epoch } = evidence;
    // Whoever counts accusations against f must count each liar once.
    if (named.has(`${epoch}/${validator}`))
      failed('proof-form', `the report accuses ${validator} in epoch ${epoch} more than once`);
    named.add(`${epoch}/${validator}`);
    const candidates = sets.ofEpoch(epoch);
    if (candidates.length === 0) failed('evidence', `who the validators of epoch ${epoch} are is not known here`);
    const meant = candidates.filter(({ validators }) => validators[evidence.validator]?.id === validator);
    if (!meant.some(({ validators }) => validators[evidence.validator]?.member === member))
      failed('evidence', `${validator} of ${member} is not the validator whom it is about`);
    const problems = meant.map(({ validators }) => evidenceProblem(evidence, report.chainId, validators));
    if (!problems.includes(undefined)) failed('evidence', `against ${validator} in epoch ${epoch}: ${problems[0]}`);
    return { validator, member, epoch, evidence };
  });
}
