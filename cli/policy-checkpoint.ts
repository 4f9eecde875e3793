// The checkpoint that a policy demands for what a command relies on. A commit certificate, on which an outcome is
// believed the moment it is final, says nothing of outside witnesses; so a checkpoint that meets the policy is waited
// for, and proved to hold every log that was relied on.
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { logNameOf } from '../node/audit/anchor.ts';
import { ApiProofs } from '../node/audit/api-proofs.ts';
import { FindingError } from '../node/audit/chain.ts';
import { cosignersProblem, type JudgedCheckpoint, readCheckpoint } from '../node/audit/checkpoint-check.ts';
import type { Policy, PolicyRule } from '../node/audit/policy.ts';
import { isValidatorKey, judgeByPolicy, unservedReason } from '../node/audit/policy-fit.ts';
import { SourceError, SourceUnreachableError } from '../node/audit/source.ts';
import { type LogName, originOf } from '../node/ledger/checkpoint.ts';
import { type Digest, digestBytes } from '../node/ledger/hash.ts';
import { verifyConsistency } from '../node/ledger/merkle.ts';
import { type Client, type SealedLog, verifyAdvice } from './client.ts';
import { CliError } from './exit-codes.ts';
import { readInput, writeFileDurably } from './files.ts';
import { shownPath } from './home.ts';
import type { GivenPolicy } from './policy.ts';
import type { Session } from './session.ts';

/** By which checkpoint a policy was met. */
export interface PolicyMet {
  readonly size: number;
  readonly root: Digest;
}

export interface PolicyCheckpoint extends JudgedCheckpoint {
  readonly bytes: Uint8Array;
  /** The node that proved it. */
  readonly proofs: ApiProofs;
}

const pollMs = 100;

/** Undefined without a policy, and where nothing was relied on. Throws CliError `timeout` (code policy) where unmet. */
export async function meetPolicy(session: Session): Promise<PolicyMet | undefined> {
  const { given, client } = session;
  if (given === undefined || client.relied.length === 0) return undefined;
  const { checkpoint } = await policyCheckpoint(session, given, Math.max(...client.relied.map(({ size }) => size)));
  return { size: checkpoint.size, root: checkpoint.root };
}

/** A checkpoint of at least `size` entries that meets the policy and holds what the client relied on. */
export async function policyCheckpoint(session: Session, given: GivenPolicy, size: number): Promise<PolicyCheckpoint> {
  const { client, paths, timeoutMs } = session;
  await client.reachAll();
  const log = logNameOf(session.ledger.genesis);
  const search = new Search(client, given.policy, log);
  const own = existsSync(paths.checkpoint) ? readInput(paths.checkpoint) : undefined;
  const unserved = unservedReason(given.policy, log, client.trust.sets?.latest.validators ?? client.trust.validators);
  for (const end = Date.now() + timeoutMs; ; await setTimeout(pollMs)) {
    const found = await search.round(size, own);
    if (found !== undefined) return found;
    // Nobody will serve it: all that can be done is to have the newest one cosigned.
    if ((unserved !== undefined && search.newest !== undefined) || Date.now() > end) break;
  }
  if (search.fork !== undefined) throw new CliError('verification', search.fork, verifyAdvice, 'proof-consistency');
  const kept = unserved === undefined ? undefined : search.newest;
  if (kept !== undefined) writeFileDurably(paths.checkpoint, kept);
  throw notMet(session, given, unserved ?? search.problem, kept !== undefined);
}

function notMet(session: Session, { file, policy }: GivenPolicy, why: string, isKept: boolean): CliError {
  const where = shownPath(session.paths.checkpoint);
  const urls = witnessUrls(policy.quorum);
  const asked = urls.length === 0 ? '' : ` (${urls.join(', ')})`;
  const next = isKept
    ? `The newest checkpoint stands in ${where}: let them cosign it${asked}, ` +
      `add what they answer with \`daybook audit import ${where} LINES\`, and run the same command again.`
    : 'Run the same command again: it waits once more.';
  return new CliError(
    'timeout',
    `what verifies does not meet ${file}: ${why}`,
    `${next} Nothing is paid twice.`,
    'policy',
  );
}

/** Where outside witnesses are asked. */
function witnessUrls(rule: PolicyRule): string[] {
  if (!('key' in rule)) return rule.members.flatMap(witnessUrls);
  return rule.url === undefined || isValidatorKey(rule.key) ? [] : [rule.url];
}

class Search {
  readonly #client: Client;
  readonly #policy: Policy;
  readonly #log: LogName;
  /** Under a quorum and large enough, whether it meets the policy or not. */
  newest: Uint8Array | undefined;
  /** One that meets the policy and is not shown to hold what was relied on. */
  fork: string | undefined;
  problem = 'there is no checkpoint yet of what was settled';

  constructor(client: Client, policy: Policy, log: LogName) {
    this.#client = client;
    this.#policy = policy;
    this.#log = log;
  }

  /** Asks each node once; `own` is a checkpoint that this home keeps. */
  async round(size: number, own: Uint8Array | undefined): Promise<PolicyCheckpoint | undefined> {
    for (const node of this.#client.nodes) {
      const proofs = new ApiProofs(node);
      try {
        for (const bytes of [own, await proofs.newest()]) {
          const judged = bytes && this.#judged(bytes, size);
          if (bytes === undefined || judged === undefined) continue;
          for (const relied of this.#client.relied) if (!(await this.#holds(proofs, judged, relied))) return undefined;
          return { ...judged, bytes, proofs };
        }
      } catch (error) {
        // Another node may have what this one lacks, or be honest where this one is not.
        const isTheirs = error instanceof SourceError || error instanceof FindingError;
        if (!isTheirs && !(error instanceof SourceUnreachableError)) throw error;
        this.problem = `${node}: ${error.message}`;
      }
    }
    return undefined;
  }

  #judged(bytes: Uint8Array, size: number): JudgedCheckpoint | undefined {
    const judged = readCheckpoint(bytes, { height: 0 });
    const { checkpoint } = judged;
    const { trust } = this.#client;
    const set = trust.sets?.ofSize(checkpoint.size).validators ?? trust.validators;
    const problem =
      checkpoint.origin === originOf(this.#log) ? cosignersProblem(judged, this.#log, set) : 'another log';
    if (problem !== undefined) this.problem = `the checkpoint of ${checkpoint.size} entries: ${problem}`;
    if (problem !== undefined || checkpoint.size < size) return undefined;
    this.newest = bytes;
    const unmet = judgeByPolicy(this.#policy, this.#log, set, judged);
    if (unmet === undefined) return judged;
    this.problem = `the checkpoint of ${checkpoint.size} entries: ${unmet.detail}`;
    return undefined;
  }

  /** Whether the checkpoint is of a log that continues the one that was relied on. */
  async #holds(proofs: ApiProofs, { checkpoint }: JudgedCheckpoint, relied: SealedLog): Promise<boolean> {
    const { size, root } = checkpoint;
    const path = await proofs.tiles(size).consistency(relied.size, size);
    if (verifyConsistency(relied.size, size, path, relied.root, digestBytes(root))) return true;
    this.fork =
      `the log of ${relied.size} entries that block ${relied.height} sealed is not shown to be part of ` +
      `that of ${size} entries, whose checkpoint meets the policy`;
    return false;
  }
}
