// Chains for audits: a real one of any length, made by the executor and certified by four known seeds; and a forger
// that seals whatever it is given with a true quorum, so that every rule can be broken alone.
import { batchArguments, openArguments, openBatchArguments, transferArguments } from '../../contracts/payments.ts';
import { Frontier } from '../../node/audit/frontier.ts';
import type { Source, SourceHead } from '../../node/audit/source.ts';
import { type CommitCertificate, certificateSchema } from '../../node/ledger/certificate.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { decodeHeader, encodeHeader } from '../../node/ledger/entry.ts';
import { type Digest, digestBytes, digestOf, leafHash } from '../../node/ledger/hash.ts';
import type { Header } from '../../node/ledger/header.ts';
import { encodeAs } from '../../node/ledger/schema.ts';
import type { SetLink } from '../../node/ledger/set-chain.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import { quorumOf, validatorSetHash } from '../../node/ledger/validators.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import { prng } from '../_prng.ts';
import { clearing, members, seedOf, TestLedger, tellers } from '../execution/_ledger.ts';

export const accountIds = Array.from({ length: 8 }, (_, i) => `ACCOUNT-${i}`);

/** Opens the accounts: half of them with money, in one transaction each, the others as lines of one batch. */
function openAccounts(ledger: TestLedger): void {
  const terms = (i: number, openingBalance: bigint) => ({
    account: accountIds[i] ?? '',
    branch: members[i % members.length] ?? '',
    currency: 'CZK',
    overdraftLimit: i % 3 === 0 ? undefined : 500n,
    openingBalance,
  });
  const singles = [0, 1, 2, 3].map((i) => {
    return ledger.transaction(clearing, 'payments', 'open', openArguments(terms(i, 10_000_00n)));
  });
  const lines = [4, 5, 6, 7].map((i) => ({ reference: `open-${i}`, args: terms(i, 0n) }));
  const batch = ledger.transaction(clearing, 'payments', 'open-batch', openBatchArguments(lines));
  ledger.settle(...singles, batch);
}

/** A chain of `blocks` blocks: transfers good and refused, and batches with good, refused and repeated lines. */
export function buildChain(blocks: number, seed = 1, ledger = new TestLedger()): TestLedger {
  const random = prng(seed);
  if (blocks > 0) openAccounts(ledger);
  const transfer = () => ({
    from: random.pick(accountIds),
    to: random.pick(accountIds),
    amount: BigInt(random.int(2_000_00) + 1),
    currency: random.int(20) === 0 ? 'EUR' : 'CZK',
    purpose: 'příkaz č. 1',
    date: '2026-01-02',
  });
  for (let height = 2; height <= blocks; height++) {
    const single = ledger.transaction(clearing, 'payments', 'transfer', transferArguments(transfer()));
    if (height % 3 !== 0) {
      ledger.settle(single);
      continue;
    }
    const lines = [0, 1, 2].map((i) => ({ reference: `L-${height}-${i % 2}`, args: transfer() }));
    ledger.settle(single, ledger.transaction(tellers.NORTH, 'payments', 'batch', batchArguments(lines)));
  }
  return ledger;
}

export function entriesOf(ledger: TestLedger): Uint8Array[] {
  return ledger.store.entries(0, ledger.store.head().logSize);
}

export function certificateOf(ledger: TestLedger): Uint8Array | undefined {
  return ledger.lastCommit === undefined ? undefined : encodeAs(certificateSchema, ledger.lastCommit);
}

export function chainIdOfLedger(ledger: TestLedger): Digest {
  return digestOf(ledger.chainId);
}

/** Entries and a certificate as they are given, true or not. */
export class ListSource implements Source {
  readonly #entries: readonly Uint8Array[];
  readonly #certificate: Uint8Array | undefined;

  constructor(entries: readonly Uint8Array[], certificate: Uint8Array | undefined) {
    this.#entries = entries;
    this.#certificate = certificate;
  }

  async head(): Promise<SourceHead> {
    return { logSize: this.#entries.length, certificate: this.#certificate };
  }

  async *entries(from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    for (let at = from; at < to; at += 7) yield this.#entries.slice(at, Math.min(to, at + 7));
  }
}

/** Changes of what a forged block says; `certificate` changes the one of its parent that it carries. */
export interface Forgery {
  readonly header?: Partial<Header>;
  readonly certificate?: (good: CommitCertificate) => CommitCertificate | undefined;
  /** Bytes in place of the header's own encoding. */
  readonly headerBytes?: (good: Uint8Array) => Uint8Array;
}

/** Signs any position with the first `count` vote keys: validators that have all gone bad. */
export function certify(
  chainId: Uint8Array,
  position: Omit<CommitCertificate, 'signers'>,
  count = quorumOf(members.length).size,
): CommitCertificate {
  const message = voteMessage('commit', chainId, position);
  const signers = Array.from({ length: count }, (_, i) => {
    return { validator: i, signature: sign(message, deriveSeed(seedOf(`node-${i}`), 'vote')) };
  });
  return { ...position, signers };
}

/** Goes on from a real chain with blocks of any content, each with a quorum's true signatures. */
export class Forger {
  readonly entries: Uint8Array[] = [];
  readonly chainId: Uint8Array;
  certificate: CommitCertificate | undefined;
  #tree = new Frontier();
  #last: Header | undefined;
  #digest: Digest;

  constructor(ledger: TestLedger) {
    this.chainId = ledger.chainId;
    this.#digest = digestOf(ledger.chainId);
    for (const entry of entriesOf(ledger)) this.#append(entry);
    const { height, logSize } = ledger.store.head();
    const header = ledger.store.entry(logSize - 1);
    if (height > 0 && header !== undefined) this.#head(header);
    this.certificate = ledger.lastCommit;
  }

  get source(): ListSource {
    const { certificate } = this;
    return new ListSource(
      this.entries,
      certificate === undefined ? undefined : encodeAs(certificateSchema, certificate),
    );
  }

  /** Of the last header. */
  get digest(): Digest {
    return this.#digest;
  }

  seal(body: readonly Uint8Array[], { header = {}, certificate, headerBytes }: Forgery = {}): this {
    const last = this.#last;
    if (last === undefined || this.certificate === undefined) throw new Error('forge after height 0');
    for (const entry of body) this.#append(entry);
    const forged = encodeHeader({
      ...last,
      height: last.height + 1,
      timestamp: last.timestamp + 1,
      parent: digestBytes(this.#digest),
      logSize: this.#tree.size,
      logRoot: digestBytes(this.#tree.root()),
      lastCommit: certificate === undefined ? this.certificate : certificate(this.certificate),
      ...header,
    });
    const bytes = headerBytes === undefined ? forged : headerBytes(forged);
    this.#append(bytes);
    this.#digest = digestOf(leafHash(bytes));
    if (headerBytes === undefined) this.#head(bytes);
    const height = last.height + 1;
    this.certificate = certify(this.chainId, { epoch: 0, view: 0, height, digest: this.#digest });
    return this;
  }

  #head(bytes: Uint8Array): void {
    this.#last = decodeHeader(bytes);
    this.#digest = digestOf(leafHash(bytes));
  }

  #append(entry: Uint8Array): void {
    this.entries.push(entry);
    this.#tree.append(leafHash(entry));
  }
}

/** A transfer of `amount` as a transaction's arguments. */
export function transferOf(amount: bigint, from = accountIds[0] ?? '', to = accountIds[1] ?? ''): Value {
  return transferArguments({ from, to, amount, currency: 'CZK', purpose: '', date: '' });
}

/**
 * A chain through every kind of change: node-4 joins (epoch 1), node-1 gets second keys (epoch 2), node-0 leaves (epoch
 * 3), with payments before, between and after. `after`: blocks of payments after each change.
 */
export function buildChangedChain(after = 3, ledger = new TestLedger()): TestLedger {
  openAccounts(ledger);
  let amount = 0n;
  const pay = () => {
    for (let i = 0; i < after; i++)
      ledger.settle(ledger.transaction(clearing, 'payments', 'transfer', transferOf(++amount)));
  };
  pay();
  ledger.govern(ledger.learner('node-4'));
  ledger.govern({ kind: 'add-validator', id: 'node-4' });
  pay();
  ledger.govern(ledger.learner('node-1', 'second keys', 'SOUTH'), { kind: 'rotate-validator-keys', id: 'node-1' });
  pay();
  ledger.govern({ kind: 'remove-validator', id: 'node-0' });
  pay();
  return ledger;
}

/** The proved changes of a chain's validators, as nodes show them. */
export function setLinksOf(ledger: TestLedger): SetLink[] {
  const links: SetLink[] = [];
  for (let height = 1; height <= ledger.store.head().height; height++) {
    const next = ledger.validatorsAt(height + 1);
    if (validatorSetHash(next) === validatorSetHash(ledger.validatorsAt(height))) continue;
    const header = ledger.store.entry(ledger.store.block(height)?.headerIndex ?? 0) ?? new Uint8Array(0);
    const certificate = ledger.store.certificate(height);
    if (certificate !== undefined) links.push({ header, certificate, next });
  }
  return links;
}
