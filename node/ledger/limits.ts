// Sizes and counts that decide validity, the same on every node for ever. What an operator may tune is in config.ts;
// what the consortium may tune is a parameter in the genesis document.

export const transactionBytesMax = 16_384;
export const entryBytesMax = 65_535; // the C2SP entry bundle's 16-bit length
export const referenceLengthMax = 35; // ISO 20022 Max35Text, EndToEndId
export const purposeLengthMax = 140; // ISO 20022 Max140Text, Ustrd
export const identifierLengthMax = 34; // members and accounts; an IBAN's length
export const batchLinesMax = 200;
export const entryEventsMax = 256; // of one operation

/**
 * Most transactions of one block, and most lines (a transaction that is no batch counts as one). Four validators on two
 * cores must execute and store a full block well within the base timeout of a view (bench/README.md has the figures).
 */
export const blockTransactionsMax = 1_024;
export const blockLinesMax = 4_096;
export const blockBytesMax = 2_097_152;
/** Entries of a block without its header: one a transaction, one a line, and evidence. */
export const blockEntriesMax = blockTransactionsMax + blockLinesMax + 1;
/** Bytes of a block's entries without its header: one answer of the sync protocol holds any block. */
export const blockEntryBytesMax = 6_000_000;
/** Of one line's entry, so that the largest transaction with all its lines fits into a block. */
export const lineEntryBytesMax = 16_384;

export const validatorsMin = 4;
export const validatorsMax = 100;

/** |amount| < 10^18 minor units, |balance| < 2^63. */
export const amountMax = 10n ** 18n - 1n;
export const balanceMax = 2n ** 63n - 1n;

/** A timestamp is UTC milliseconds since 1970; the last one is in the year 2286. */
export const timestampMax = 9_999_999_999_999;
/** A first proposal's timestamp may differ this much from a backup's clock, in milliseconds. */
export const timestampDriftMsMax = 10_000;

/** The protocol version that a header names. */
export const protocolVersion = 1;
