// An exported log as the checker reads it: which transaction stands where, and with what outcome. It shares formats
// with the node and nothing else.
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { decodeEntry } from '../../node/ledger/entry.ts';
import type { Evidence } from '../../node/ledger/evidence.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';

export interface LoggedLine {
  readonly reference: string;
  readonly outcome: string;
}

export interface Logged {
  readonly id: string;
  readonly member: string;
  readonly reference: string;
  readonly height: number;
  readonly index: number;
  readonly outcome: string;
  readonly lines: readonly LoggedLine[];
}

/** Evidence that a validator contradicted itself. */
export interface Blame {
  readonly node: number;
  readonly index: number;
  readonly detail: string;
}

export interface Log {
  readonly height: number;
  readonly transactions: readonly Logged[];
  readonly blames: readonly Blame[];
}

export async function readLog(folder: string): Promise<Log> {
  const source = new ArchiveSource(folder);
  const { logSize } = await source.head();
  const transactions: (Logged & { readonly lines: LoggedLine[] })[] = [];
  const blames: Blame[] = [];
  let [index, height] = [0, 0];
  for await (const run of source.entries(0, logSize)) {
    for (const bytes of run) {
      const entry = decodeEntry(bytes);
      if (entry.kind === 1) {
        const { id, body } = decodeTransaction(entry.transaction);
        const { member, reference } = body;
        const { outcome } = entry;
        // A block's entries stand before its header.
        transactions.push({ id, member, reference, height: height + 1, index, outcome, lines: [] });
      } else if (entry.kind === 2)
        transactions.at(-1)?.lines.push({ reference: entry.reference, outcome: entry.outcome });
      else if (entry.kind === 3) height = entry.header.height;
      else if (entry.kind === 4) {
        blames.push({ node: entry.evidence.validator, index, detail: toldOf(entry.evidence) });
      }
      index += 1;
    }
  }
  return { height, transactions, blames };
}

function toldOf(evidence: Evidence): string {
  if (evidence.type === 1) return `two roots of size ${evidence.size}`;
  return [evidence.first, evidence.second].map(({ kind, view, height }) => `${kind} ${view}/${height}`).join(' and ');
}
