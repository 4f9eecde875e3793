// What an auditor signs: who contradicted itself on one chain, by name, with the evidence. Whoever has the genesis
// document judges each piece of it again; the signature only says who brought it.
import { evidenceSchema } from './evidence.ts';
import { hash, identifier, name } from './identifiers.ts';
import { validatorsMax } from './limits.ts';
import { encodeAs, list, record, type TypeOf } from './schema.ts';
import { taggedMessage } from './tagged.ts';

/** The evidence names an epoch and a place in its set; that set gives these names. */
const accusedSchema = record({ validator: name, member: identifier, evidence: evidenceSchema });

export const evidenceReportSchema = record({
  chainId: hash,
  accused: list(accusedSchema, 0, 64 * validatorsMax),
});
export type EvidenceReport = TypeOf<typeof evidenceReportSchema>;

export function encodeEvidenceReport(report: EvidenceReport): Uint8Array {
  return encodeAs(evidenceReportSchema, report);
}

export function evidenceReportMessage(encoded: Uint8Array): Uint8Array {
  return taggedMessage('daybook/evidence-report/v1', encoded);
}
