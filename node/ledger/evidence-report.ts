// What an auditor signs: the evidence that was found against validators of one chain. Whoever has the genesis document
// judges each piece of it again; the signature only says who brought it.
import { evidenceSchema } from './evidence.ts';
import { hash } from './identifiers.ts';
import { validatorsMax } from './limits.ts';
import { encodeAs, list, record, type TypeOf } from './schema.ts';
import { taggedMessage } from './tagged.ts';

export const evidenceReportSchema = record({
  chainId: hash,
  evidence: list(evidenceSchema, 0, 64 * validatorsMax),
});
export type EvidenceReport = TypeOf<typeof evidenceReportSchema>;

export function encodeEvidenceReport(report: EvidenceReport): Uint8Array {
  return encodeAs(evidenceReportSchema, report);
}

export function evidenceReportMessage(encoded: Uint8Array): Uint8Array {
  return taggedMessage('daybook/evidence-report/v1', encoded);
}
