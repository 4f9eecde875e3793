// What a block says of itself against what its entries and its place in the chain give: its header's fields and its
// limits. Each answers with the first fault in a fixed order, both values named.
import { digestOf, equalBytes, toHex } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { blockBytesMax, blockLinesMax, blockTransactionsMax } from '../ledger/limits.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { Fault, Rule } from './finding.ts';
import type { SetInForce } from './set-walk.ts';

/** What the header of the next block must say. */
export interface HeaderDue {
  readonly chainId: Uint8Array;
  readonly height: number;
  /** Digest of the header before it. */
  readonly parent: string;
  /** Timestamp of that one. */
  readonly after: number;
  readonly logSize: number;
  readonly logRoot: string;
  readonly set: SetInForce;
}

/** The fields that follow from what stands before the header; the rest needs the block. */
export function headerFault(header: Header, due: HeaderDue): Fault | undefined {
  const { set } = due;
  const chain = toHex(header.chainId);
  if (!equalBytes(header.chainId, due.chainId))
    return fault('header-chain', `it names chain ${chain}`, chain, toHex(due.chainId));
  if (header.height !== due.height) return differs('header-height', 'height', header.height, due.height);
  const parent = digestOf(header.parent);
  if (parent !== due.parent) return differs('header-parent', 'parent', parent, due.parent);
  const { timestamp } = header;
  if (timestamp <= due.after)
    return fault('header-time', `timestamp ${timestamp} after ${due.after}`, timestamp, `above ${due.after}`);
  if (header.logSize !== due.logSize) return differs('header-size', 'size', header.logSize, due.logSize);
  const root = digestOf(header.logRoot);
  if (root !== due.logRoot)
    return fault('header-root', `root ${root} where the entries give ${due.logRoot}`, root, due.logRoot);
  if (header.epoch !== set.epoch)
    return fault('header-epoch', `epoch ${header.epoch} where ${set.epoch} is in force`, header.epoch, set.epoch);
  const [hash, inForce] = [toHex(header.validatorSetHash), toHex(set.hash)];
  return hash === inForce
    ? undefined
    : fault('header-epoch', 'the validator set is not the one in force', hash, inForce);
}

/** As much of an entry as counts: a transaction, a line of the batch before it, or evidence. */
type Counted = { readonly kind: 1; readonly transaction: Transaction } | { readonly kind: 2 | 4 };

/** Transactions, operations and bytes of a block, and how many one member may have in it. */
export function sizeFault(body: readonly Counted[], memberTransactionsMax: number): Fault | undefined {
  const ofMember = new Map<string, number>();
  let transactions = 0;
  let operations = 0;
  let bytes = 0;
  body.forEach((item, i) => {
    if (item.kind === 4) return;
    if (item.kind === 2 || body[i + 1]?.kind !== 2) operations++;
    if (item.kind !== 1) return;
    const { member } = item.transaction.body;
    transactions++;
    bytes += item.transaction.bytes.length;
    ofMember.set(member, (ofMember.get(member) ?? 0) + 1);
  });
  if (body.length < 1) return fault('block-size', 'a block without a transaction', 0, 'at least 1 entry');
  if (transactions > blockTransactionsMax || operations > blockLinesMax || bytes > blockBytesMax) {
    const found = `${transactions} transactions, ${operations} operations, ${bytes} bytes`;
    const most = `at most ${blockTransactionsMax} transactions, ${blockLinesMax} operations, ${blockBytesMax} bytes`;
    return fault('block-size', found, found, most);
  }
  for (const [member, count] of ofMember)
    if (count > memberTransactionsMax)
      return fault('block-size', `${count} transactions of ${member}`, count, `at most ${memberTransactionsMax}`);
  return undefined;
}

function differs(rule: Rule, what: string, found: number | string, due: number | string): Fault {
  return fault(rule, `${what} ${found} where ${due} is due`, found, due);
}

function fault(rule: Rule, detail: string, found: number | string, expected: number | string): Fault {
  return { rule, detail, found: `${found}`, expected: `${expected}` };
}
