// What must hold of a transaction before it is ordered. Whoever fails it leaves no entry: so nobody can use up
// another's reference or fill the log with junk. Its form is checked earlier, by decodeTransaction.
import type { SignerIdentity } from '../../contracts/contract.ts';
import { equalBytes } from '../ledger/hash.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { ReferenceRow } from '../store/store.ts';

export type AdmissionProblem =
  | { readonly code: 'chain' | 'signer' | 'signature' }
  /** `replay`: the same body again, so its first outcome is the answer; otherwise another body, refused with DU04. */
  | { readonly code: 'reference-used'; readonly row: ReferenceRow; readonly replay: boolean }
  | { readonly code: 'expired'; readonly timestamp: number }
  | { readonly code: 'too-far'; readonly latest: number };

/** The code of the refusal that a client is told, as refusals.ts explains them. */
export const admissionCodes = {
  chain: 'CHAIN',
  signer: 'DS0D',
  signature: 'DS0B',
  'reference-used': 'DU04',
  expired: 'TM01',
  'too-far': 'CH03',
} as const satisfies { readonly [code in AdmissionProblem['code']]: string };

export interface AdmissionView {
  readonly chainId: Uint8Array;
  /** Of the block, or for a mempool its best guess of the next one's. */
  readonly timestamp: number;
  readonly validityMaxMs: number;
  identityOf(publicKey: Uint8Array): SignerIdentity | undefined;
  /** Only a use within the reference window. */
  usedReference(member: string, reference: string): ReferenceRow | undefined;
  isVerified(transaction: Transaction): boolean;
}

export interface Admitted {
  readonly signer: SignerIdentity;
}

/**
 * The signer, or what stands against the transaction. Cheap checks come first; whose reference was used, and for what,
 * is told only to who signed well. A used reference counts before the times: a late replay still gets its first
 * outcome.
 */
export function admit(transaction: Transaction, view: AdmissionView): Admitted | AdmissionProblem {
  const { body, publicKey, id } = transaction;
  if (!equalBytes(body.chainId, view.chainId)) return { code: 'chain' };
  const signer = view.identityOf(publicKey);
  if (signer === undefined || signer.member !== body.member) return { code: 'signer' };
  const row = view.usedReference(body.member, body.reference);
  const latest = view.timestamp + view.validityMaxMs;
  if (row === undefined && body.validUntil <= view.timestamp) return { code: 'expired', timestamp: view.timestamp };
  if (row === undefined && body.validUntil > latest) return { code: 'too-far', latest };
  if (!view.isVerified(transaction)) return { code: 'signature' };
  if (row !== undefined) return { code: 'reference-used', row, replay: row.line === 0 && row.transaction === id };
  return { signer };
}
