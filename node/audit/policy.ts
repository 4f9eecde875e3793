// C2SP tlog-policy: whose signatures a checkpoint must carry to be believed. Read whole and strictly, since a policy
// that is understood by halves is a weaker one; evaluated over the lines of a signed note.
import { type Checkpoint, cosignerKey, type LogName, originOf } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { isSignedBy } from '../ledger/cosignature.ts';
import { toHex } from '../ledger/hash.ts';
import type { Note, NoteSignature } from '../ledger/note.ts';
import { quorumOf, type ValidatorSet } from '../ledger/validators.ts';
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from '../ledger/verifier-key.ts';

/** A witness, or a group of which at least `threshold` members must have witnessed. Each is a member once: a tree. */
export type PolicyRule =
  | { readonly name: string; readonly key: VerifierKey; readonly url: string | undefined }
  | { readonly name: string; readonly threshold: number; readonly members: readonly PolicyRule[] };

export interface Policy {
  /** Any one of them must have signed; none where the log is known from elsewhere. */
  readonly logs: readonly VerifierKey[];
  readonly witnesses: readonly VerifierKey[];
  /** `quorum none` is a group of nobody, of which nobody is needed. */
  readonly quorum: PolicyRule;
}

const policyBytesMax = 1_048_576;
const linesMax = 4_096;

/** Throws DecodeError that names the line. */
export function parsePolicy(bytes: Uint8Array): Policy {
  if (bytes.length > policyBytesMax) throw new DecodeError(`a policy over ${policyBytesMax} bytes`);
  // Octets stay octets: names are compared byte for byte, whatever they mean in UTF-8.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const bad = /[^\t\n\x20-\x7e\x80-\xff]/.exec(text);
  if (bad !== null) throw new DecodeError(`a policy with the control character ${bad[0].charCodeAt(0)}`);
  const lines = text.split('\n');
  if (lines.length > linesMax) throw new DecodeError(`a policy of over ${linesMax} lines`);
  const reader = new PolicyReader();
  lines.forEach((line, i) => {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    if (words[0] === undefined || words[0].startsWith('#')) return;
    try {
      reader.take(words);
    } catch (error) {
      if (error instanceof DecodeError) throw new DecodeError(`line ${i + 1} of the policy: ${error.message}`);
      throw error;
    }
  });
  return reader.finish();
}

class PolicyReader {
  readonly #logs: VerifierKey[] = [];
  readonly #witnesses: VerifierKey[] = [];
  readonly #rules = new Map<string, PolicyRule>();
  readonly #logKeys = new Set<string>();
  readonly #witnessKeys = new Set<string>();
  /** Each name counts in one group only, so that nobody counts twice. */
  readonly #members = new Set<string>();
  #quorum: PolicyRule | undefined;

  take([word, ...rest]: readonly string[]): void {
    if (word === 'log') return this.#log(rest);
    if (word === 'witness') return this.#witness(rest);
    if (word === 'group') return this.#group(rest);
    if (word === 'quorum') return this.#setQuorum(rest);
    throw new DecodeError(`a line begins with log, witness, group or quorum, not with ${JSON.stringify(word)}`);
  }

  finish(): Policy {
    if (this.#quorum === undefined) throw new DecodeError('a policy has one quorum line, and this one has none');
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum };
  }

  #log([vkey, , ...more]: readonly string[]): void {
    if (vkey === undefined || more.length > 0) throw new DecodeError('log is followed by a key and perhaps a URL');
    const key = parseVerifierKey(vkey);
    addOnce(this.#logKeys, toHex(key.publicKey), 'a second log with this public key');
    this.#logs.push(key);
  }

  #witness([name, vkey, url, ...more]: readonly string[]): void {
    if (name === undefined || vkey === undefined || more.length > 0)
      throw new DecodeError('witness is followed by a name, a key and perhaps a URL');
    const key = parseVerifierKey(vkey);
    if (key.type !== 'cosignature') throw new DecodeError(`the key of ${name} makes no cosignatures`);
    addOnce(this.#witnessKeys, toHex(key.publicKey), 'a second witness with this public key');
    this.#define(name, { name, key, url });
    this.#witnesses.push(key);
  }

  #group([name, count, ...names]: readonly string[]): void {
    if (name === undefined || count === undefined || names.length === 0)
      throw new DecodeError('group is followed by a name, a threshold and members');
    const members = names.map((each) => {
      const rule = this.#rules.get(each);
      if (rule === undefined) throw new DecodeError(`${each} is defined on no line before`);
      addOnce(this.#members, each, `${each} is a member already`);
      return rule;
    });
    const threshold = count === 'all' ? names.length : count === 'any' ? 1 : wholeNumber(count);
    if (threshold === undefined || threshold < 1 || threshold > names.length)
      throw new DecodeError(`the threshold of ${name} is all, any, or 1 to ${names.length}`);
    this.#define(name, { name, threshold, members });
  }

  #setQuorum([name, ...more]: readonly string[]): void {
    if (name === undefined || more.length > 0) throw new DecodeError('quorum is followed by one name');
    if (this.#quorum !== undefined) throw new DecodeError('a second quorum line');
    this.#quorum = name === 'none' ? { name, threshold: 0, members: [] } : this.#rules.get(name);
    if (this.#quorum === undefined) throw new DecodeError(`${name} is defined on no line before`);
  }

  #define(name: string, rule: PolicyRule): void {
    if (name === 'none' || this.#rules.has(name)) throw new DecodeError(`the name ${name} is taken`);
    this.#rules.set(name, rule);
  }
}

function addOnce(seen: Set<string>, value: string, problem: string): void {
  if (seen.has(value)) throw new DecodeError(problem);
  seen.add(value);
}

function wholeNumber(text: string): number | undefined {
  return /^[1-9][0-9]{0,5}$/.test(text) ? Number(text) : undefined;
}

/** Why a checkpoint is not believed under a policy, or undefined. */
export function policyProblem(policy: Policy, checkpoint: Checkpoint, note: Note): string | undefined {
  const signed = new Set<VerifierKey>();
  for (const key of [...policy.logs, ...policy.witnesses]) {
    const line = lineOf(note, key);
    if (line === undefined) continue;
    // C2SP signed-note: a key that is known and does not verify condemns the note.
    if (!isSignedBy(key, checkpoint, line)) return `the signature of ${key.name} does not verify`;
    if (!policy.logs.includes(key) || key.name === checkpoint.origin) signed.add(key);
  }
  if (policy.logs.length > 0 && !policy.logs.some((key) => signed.has(key)))
    return 'it is signed by no log of the policy under the origin that it names';
  const isMissing = ({ key }: { readonly key: VerifierKey }) => !signed.has(key);
  const missing = lackOf(policy.quorum, isMissing);
  return missing && `it does not carry the cosignatures that the policy demands: ${missing}`;
}

/** What a rule lacks while some witnesses are missing, in the policy's own names, or undefined where it is met. */
export function lackOf(
  rule: PolicyRule,
  isMissing: (witness: PolicyRule & { readonly key: VerifierKey }) => boolean,
): string | undefined {
  if ('key' in rule) return isMissing(rule) ? `${rule.name} (${rule.key.name})` : undefined;
  const lacks = rule.members.flatMap((member) => lackOf(member, isMissing) ?? []);
  const count = rule.members.length - lacks.length;
  if (count >= rule.threshold) return undefined;
  return `${rule.name} has ${count} of the ${rule.threshold} that it needs, without ${lacks.join(', ')}`;
}

export function lineOf({ signatures }: Note, { name, keyId }: VerifierKey): NoteSignature | undefined {
  return signatures.find((each) => each.name === name && each.keyId === keyId);
}

/** The policy of the validators alone: a quorum of them. `logKey` is that of the node which served the checkpoint. */
export function validatorPolicy(log: LogName, set: ValidatorSet, logKey: VerifierKey | undefined): string {
  const { size } = quorumOf(set.length);
  const names = set.map((_, i) => `v${i + 1}`);
  const origin = originOf(log);
  return [
    `# A quorum of ${size} of the ${set.length} validators of ${log.ledger}.`,
    ...(logKey === undefined ? [] : [`log ${formatVerifierKey(logKey)} https://${origin}/`]),
    ...set.map((validator, i) => {
      const key = cosignerKey(log, validator);
      return `witness ${names[i]} ${formatVerifierKey(key)} https://${key.name}/`;
    }),
    `group validators ${size} ${names.join(' ')}`,
    'quorum validators',
    '',
  ].join('\n');
}

/** One verifier key a line: the serving node's, if there is one, and then the validators' in their order. */
export function keyList(log: LogName, set: ValidatorSet, logKey: VerifierKey | undefined): string {
  const keys = [...(logKey === undefined ? [] : [logKey]), ...set.map((validator) => cosignerKey(log, validator))];
  return keys.map((key) => `${formatVerifierKey(key)}\n`).join('');
}
