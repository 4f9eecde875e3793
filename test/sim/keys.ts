// The keys of one machine: those that it was set up with, and those that it was given since.
import type { NoteKey } from '../../node/checkpointing.ts';
import { equalBytes } from '../../node/ledger/hash.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import type { Validator } from '../../node/ledger/validators.ts';
import { seedOf, validator } from '../execution/_ledger.ts';
import { validatorName } from './epochs.ts';

interface VoteKey {
  readonly publicKey: Uint8Array;
  readonly seed: Uint8Array;
}

export class MachineKeys {
  readonly #id: string;
  #count = 0;
  #votes: VoteKey[] = [];
  #audits: NoteKey[] = [];
  #networks: Uint8Array[] = [];
  readonly logKey: NoteKey;

  constructor(machine: number) {
    this.#id = validatorName(machine);
    this.logKey = noteKey(deriveSeed(seedOf(this.#id), 'log'));
    this.#add(this.#id);
  }

  #add(name: string): void {
    const seed = seedOf(name);
    const vote = deriveSeed(seed, 'vote');
    this.#votes.push({ publicKey: publicKeyOf(vote), seed: vote });
    this.#audits.push(noteKey(deriveSeed(seed, 'audit')));
    this.#networks.push(publicKeyOf(deriveSeed(seed, 'network')));
    this.#count += 1;
  }

  /** Further keys, which the machine has from now on; with their proofs, as the ledger takes them. */
  next(member: string, chainId: Uint8Array): Validator {
    const name = `${this.#id} ${this.#count}`;
    this.#add(name);
    return { ...validator(name, member, chainId), id: this.#id };
  }

  /** Those that it was set up with. */
  first(member: string, chainId: Uint8Array): Validator {
    return validator(this.#id, member, chainId);
  }

  /** Its operator keeps this one and later ones. */
  forgetBefore(voteKey: Uint8Array | undefined): void {
    const at = this.#votes.findIndex(({ publicKey }) => voteKey !== undefined && equalBytes(publicKey, voteKey));
    if (at < 0) return;
    this.#votes = this.#votes.slice(at);
    this.#audits = this.#audits.slice(at);
    this.#networks = this.#networks.slice(at);
  }

  /** Of the first keys: whoever the ledger does not know speaks under it. */
  get networkKey(): Uint8Array {
    return this.#networks[0] as Uint8Array;
  }

  /** Those of the first keys and of the later ones. */
  get auditKey(): NoteKey {
    return this.#audits[0] as NoteKey;
  }

  get nextAuditKeys(): readonly NoteKey[] {
    return this.#audits.slice(1);
  }

  /** That of a validator; the first where it has none. */
  auditKeyOf(own: Validator | undefined): NoteKey {
    return (
      this.#audits.find(({ publicKey }) => own !== undefined && equalBytes(publicKey, own.auditKey)) ?? this.auditKey
    );
  }

  get held(): readonly { readonly voteKey: Uint8Array; readonly networkKey: Uint8Array }[] {
    return this.#votes.map(({ publicKey }, at) => ({
      voteKey: publicKey,
      networkKey: this.#networks[at] as Uint8Array,
    }));
  }

  holds(voteKey: Uint8Array): boolean {
    return this.#votes.some(({ publicKey }) => equalBytes(publicKey, voteKey));
  }

  /** Under the key that is named, or under the latest where it holds no such key. */
  sign(message: Uint8Array, voteKey: Uint8Array | undefined): Uint8Array {
    const found = this.#votes.find(({ publicKey }) => voteKey !== undefined && equalBytes(publicKey, voteKey));
    return sign(message, (found ?? (this.#votes.at(-1) as VoteKey)).seed);
  }
}

function noteKey(seed: Uint8Array): NoteKey {
  return { publicKey: publicKeyOf(seed), sign: (message) => sign(message, seed) };
}
