// What an audit says: findings under names of a closed list, and the verdict. It holds no check, only the words.
import type { Digest } from '../ledger/hash.ts';

/** Every rule that can break, with what it demands. The first broken one, in log order, is the finding. */
export const rules = {
  source: 'the source gives the genesis, every entry and the last certificate, whole and well-formed',
  genesis: 'entry 0 is a valid genesis document, and it is the one that was expected',
  'entry-form': 'every entry is the one encoding of an entry of a known kind',
  'entry-order':
    'a block is evidence or none, transactions, each followed by its batch lines in order, then one header',
  'block-size': 'a block stays within the limits of transactions, lines and bytes',
  'header-chain': 'a header names this chain',
  'header-height': 'heights grow by one from 1',
  'header-parent': 'a header names the leaf hash of the header before it',
  'header-time': 'timestamps grow',
  'header-size': 'a header names the number of entries before it',
  'header-root': 'a header names the Merkle root of the entries before it',
  'header-epoch': 'a header names the epoch and the validator sets in force, and one of their validators as proposer',
  certificate: 'every block has a commit certificate of exactly a quorum of its validators',
  'transaction-form': 'a transaction is the one encoding of a signed request',
  'transaction-chain': 'a transaction names this chain',
  'transaction-time': 'a transaction stands in a block before its validUntil, and not too long before',
  'transaction-signature': 'the signature of a transaction is that of the key it names',
  reference: 'a member uses a reference once within the reference window',
  evidence:
    'evidence is two signed statements that no honest validator signs both, and names their signer once an epoch',
  execution: 'running a block again gives every entry, byte for byte',
  'state-root': 'running a block again gives the state root that its header names',
  posting: 'every posting continues its account: sequence, previous entry and balance',
  conservation: 'in each currency the postings of an operation, and all balances, sum to zero',
  'checkpoint-form': 'a checkpoint is a signed note over exactly three lines',
  'checkpoint-origin': 'a checkpoint names this log',
  'checkpoint-size': 'the newest checkpoint is of the whole log, an earlier one of the log at the end of its block',
  'checkpoint-root': 'a checkpoint names the Merkle root of its entries',
  'checkpoint-quorum': 'a quorum of the validators of its height has cosigned a checkpoint',
  'checkpoint-log': 'the checkpoint carries a signature of the log key that is given with it',
  'policy-fit': 'the given policy can be met: the log and the validators that it names are those of this ledger',
  policy: 'the checkpoint carries the signatures that the given policy demands',
  'proof-form': 'a receipt is a tlog-proof whose extra line holds the entry; a balance proof is one record',
  'proof-entry': 'an entry in a proof is the one encoding of an entry of a known kind',
  'proof-path': 'a path leads from its entry to the root of the checkpoint',
  'proof-state':
    'a state proof leads from the record of the account, or from the gap where it would be, to the state root',
  'proof-consistency': 'a checkpoint continues every earlier one of its log: one root a size, and a consistency proof',
  manifest: 'MANIFEST is well-formed and ends with its own sum',
  'file-missing': 'every file that the log or MANIFEST asks for is there',
  'file-surplus': 'no file is there but those that both the log and MANIFEST ask for',
  'file-sum': 'every file has the sum that MANIFEST gives',
  tile: 'every tile holds the hashes of the entries below it',
  'genesis-file': 'genesis.json says what entry 0 says',
  'keys-file': 'keys.txt lists the verifier keys of the validators, and of the log if it has one',
  'policy-file': 'policy.txt demands a quorum of the validators, and nothing else',
} as const;
export type Rule = keyof typeof rules;

/** What breaks beside the log: entries and certificates may be whole all the same. */
export const asideRules: readonly Rule[] = [
  'checkpoint-form',
  'checkpoint-origin',
  'checkpoint-quorum',
  'checkpoint-log',
  'policy-fit',
  'policy',
];

export interface Finding {
  /** Of the block in which the rule broke; 0 for the genesis entry and for what belongs to no block. */
  readonly height: number;
  /** Log index of the entry, where there is one. */
  readonly index?: number;
  readonly rule: Rule;
  readonly detail: string;
  /** What is there, and what the rule asks for, each by itself where the two are values. */
  readonly found?: string;
  readonly expected?: string;
}

/** A broken rule before it has a place. */
export type Fault = Pick<Finding, 'rule' | 'detail' | 'found' | 'expected'>;

/** With both values in any case: what a rule that compares nothing demands stands in words. */
export function withValues(finding: Finding): Required<Omit<Finding, 'index'>> & Pick<Finding, 'index'> {
  const { rule, detail } = finding;
  return { ...finding, found: finding.found ?? detail, expected: finding.expected ?? rules[rule] };
}

/** A validator whose contradiction is an entry of the log. That it is there is no fault of the ledger. */
export interface Accused {
  readonly validator: string;
  readonly epoch: number;
  readonly height: number;
  readonly index: number;
}

export interface Counts {
  readonly blocks: number;
  readonly entries: number;
  readonly transactions: number;
  readonly lines: number;
  /** Operations are batch lines, and transactions without lines. */
  readonly accepted: number;
  readonly refused: number;
  /** Checked one by one: those of transactions and those in certificates. */
  readonly signatures: number;
  readonly certificates: number;
}

/** Decimal texts. `moved` is the sum of all debits, issuance included; `balances` the sum over all accounts. */
export interface CurrencySum {
  readonly currency: string;
  readonly accounts: number;
  readonly moved: string;
  readonly issued: string;
  readonly balances: string;
}

export interface DamagedFile {
  readonly path: string;
  readonly rule: Rule;
  readonly detail: string;
}

export interface Verdict {
  readonly ok: boolean;
  /** Whether the caller named the chain that it expects. Without that, a whole other chain would pass. */
  readonly genesisChecked: boolean;
  /** Whether every block was executed again; without it only formats, hashes and signatures are judged. */
  readonly replayed: boolean;
  /** The block after which this run went on with an earlier one's work, if it did. */
  readonly resumedAfter?: number;
  readonly chainId: Digest | undefined;
  readonly counts: Counts;
  readonly sums: readonly CurrencySum[];
  /** Checkpoints that verified, the newest included. */
  readonly checkpoints: number;
  /** In log order. */
  readonly accused: readonly Accused[];
  /** Of the last block that passed; the chainId and its root at height 0. */
  readonly head: {
    readonly height: number;
    readonly digest: Digest | undefined;
    readonly logSize: number;
    readonly logRoot: Digest | undefined;
    readonly stateRoot: Digest | undefined;
    readonly timestamp: number;
  };
  readonly finding?: Finding;
  readonly archive?: {
    readonly filesDamaged: readonly DamagedFile[];
    /** Whether the entries or the last certificate no longer verify; derived files can be made again. */
    readonly ledgerAffected: boolean;
  };
}

export interface Progress {
  readonly stage: 'files' | 'blocks' | 'export';
  /** Files, or entries. */
  readonly done: number;
  readonly total: number;
}

/** The closing line of an audit. */
export function verdictLine(verdict: Verdict): string {
  const { finding, counts, head } = verdict;
  if (finding !== undefined) {
    const at = finding.index === undefined ? '' : ` (entry ${finding.index})`;
    const aside =
      verdict.archive === undefined || verdict.archive.filesDamaged.length === 0
        ? ''
        : verdict.archive.ledgerAffected
          ? '; the ledger is affected'
          : '; the ledger itself is not affected';
    return `FAILED at height ${finding.height}: ${finding.rule}: ${finding.detail}${at}${aside}`;
  }
  const facts = [
    `${counts.blocks} blocks`,
    `${counts.entries} entries`,
    `${counts.transactions} transactions`,
    `${counts.lines} lines`,
    `${counts.accepted} accepted`,
    `${counts.refused} refused`,
    `${counts.signatures} signatures`,
    `${counts.certificates} certificates`,
    `${verdict.checkpoints} checkpoints`,
    ...verdict.accused.map(
      ({ validator, epoch, index }) => `${validator} contradicted itself in epoch ${epoch} (entry ${index})`,
    ),
    ...verdict.sums.map((sum) => `${sum.currency} balances sum to ${sum.balances}`),
    `height ${head.height}, head ${head.digest}`,
  ];
  if (verdict.resumedAfter !== undefined)
    facts.push(`signatures and execution up to block ${verdict.resumedAfter} as an earlier run judged them`);
  if (!verdict.replayed) facts.push('outcomes were not executed again');
  const text = facts.join(', ');
  return verdict.genesisChecked
    ? `OK: ${text}`
    : `consistent, genesis not checked; compare ${verdict.chainId} (${text})`;
}
