// What every code means, in one sentence each, for people. Codes of four letters and digits are ISO 20022 external
// status reasons; the longer ones are the ledger's own, where ISO has none.

export const refusalTexts = {
  // Before ordering: these leave no entry.
  CHAIN: 'The transaction was signed for another chain.',
  DS0D: 'The key is no active user of the member that the transaction names.',
  DS0B: 'The signature is not valid for this transaction and key.',
  DU04: 'The reference was used by this member before; the first outcome stands.',
  TM01: 'The transaction came after the time until which it was valid.',
  CH03: 'The transaction asks to be valid for longer than the consortium allows.',

  // The host's.
  AG03: 'No such contract or method.',
  FF01: 'The arguments are not of the form that the method takes.',
  fault: 'The operation met a limit of the ledger itself and was rolled back.',

  // Who may do what.
  DS0G: "None of the signer's roles may do this operation, or not on these terms.",
  DS0H: "The signer may not sign for this account: it is another branch's.",

  // Payments.
  AC01: 'The account identifier is reserved.',
  AC02: 'The account to be debited is unknown.',
  AC03: 'The account to be credited is unknown.',
  AC04: 'The account is closed.',
  AC08: 'The branch is no member of the consortium.',
  AG01: 'This kind of account takes no such transfer, or an account would pay itself.',
  AM01: 'The amount is zero.',
  AM03: 'The currency is not that of both accounts.',
  AM04: 'The balance and the overdraft limit do not cover the amount.',
  AM11: 'The currency is unknown.',
  AM12: 'The amount is negative or larger than the ledger takes.',
  AM14: 'The amount passes what may be issued, or what a balance can hold.',
  DUPACCT: 'An account of this identifier exists.',

  // The consortium.
  NOMEMB: 'There is no member of this identifier.',
  DUPMEMB: 'A member of this identifier exists.',
  MAXMEMB: 'The consortium has as many members as it may have.',
  NOUSER: 'The member has no active user of this name.',
  DUPUSER: 'The member has, or had, a user of this name.',
  BADKEY: 'The public key is not one that the signature rule accepts.',
  DUPKEY: 'The public key is, or was, in use by somebody.',
  DUPPROP: 'The member made a proposal under this reference before.',
  NOPROP: 'There is no such proposal.',
  CLOSED: 'The proposal is enacted or has failed already.',
  DUPAPPR: 'The member has approved the proposal already.',
  NOVAL: 'There is no validator of this identifier.',
  DUPVAL: 'A validator of this identifier exists.',
  NOLEARN: 'There is no learner of this identifier; its keys are registered first.',
  DUPLEARN: 'A learner of this identifier exists.',
  MAXLEARN: 'There are as many learners as there may be.',
  MAXVAL: 'There are as many validators as there may be.',
  MINVAL: 'Fewer than four validators would remain: they could bear no faulty one.',
  CHGMAX: 'More validators would change in one block than may be faulty, or one of them twice.',
} as const;

export type RefusalCode = keyof typeof refusalTexts;

/** What an outcome code means, also when it is of a later version and not known here. */
export function refusalText(code: string): string {
  const known: { readonly [code: string]: string } = refusalTexts;
  return known[code] ?? 'An outcome that this version does not know.';
}
