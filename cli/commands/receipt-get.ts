// A receipt of one outcome as a file that anybody can check with the genesis document alone (C2SP tlog-proof).
import { setTimeout } from 'node:timers/promises';
import { FindingError } from '../../node/audit/chain.ts';
import type { Policy } from '../../node/audit/policy.ts';
import { verifyProofReceipt } from '../../node/audit/receipt-check.ts';
import { parseDigest } from '../../node/ledger/hash.ts';
import { formatProof, parseProof } from '../../node/ledger/tlog-proof.ts';
import { policyAdvice, reachableNode, receiptProblem } from '../audit.ts';
import { ApiProblem, requestNode } from '../client.ts';
import { CliError } from '../exit-codes.ts';
import { isObject } from '../files.ts';
import { firstUse } from '../first-use.ts';
import { keyInfo } from '../keystore.ts';
import type { GivenPolicy } from '../policy.ts';
import { policyCheckpoint } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly member?: string;
}

/** A block's checkpoint follows it by a fraction of a second. */
const waitMs = 10_000;
const pollMs = 100;

export async function run(options: Options, name: string): Promise<void> {
  const session = new Session(options);
  const index = await indexOf(session, options, name);
  const node = await reachableNode(session.client.nodes);
  const proof = await proofOf(node, index);
  const { genesis } = session.ledger;
  await session.client.reachAll();
  const { sets } = session.client.trust;
  try {
    const proven = verifyProofReceipt(Buffer.from(proof), genesis, { sets });
    if (proven.index !== index) throw new CliError('verification', 'the node gives the receipt of another entry');
  } catch (error) {
    throw receiptProblem(error, 'node');
  }
  const write = (text: string) => {
    if (session.options.json === true) session.output.data({ index, proof: text }, () => '');
    else process.stdout.write(text);
  };
  const { given } = session;
  if (given === undefined || meets(proof, session, given.policy)) return write(proof);
  try {
    write(await underPolicy(session, given, proof));
  } catch (error) {
    // It is written all the same, so that there is something to add the missing cosignatures to.
    if (error instanceof CliError && error.code === 'policy') write(proof);
    throw error instanceof CliError && error.code === 'policy'
      ? new CliError('verification', error.message, `The receipt was written all the same. ${policyAdvice}`, 'policy')
      : error;
  }
}

function meets(proof: string, session: Session, policy: Policy): boolean {
  try {
    verifyProofReceipt(Buffer.from(proof), session.ledger.genesis, { policy, sets: session.client.trust.sets });
    return true;
  } catch (error) {
    if (error instanceof FindingError) return false;
    throw error;
  }
}

/** The same entry under a checkpoint that meets the policy. */
async function underPolicy(session: Session, given: GivenPolicy, proof: string): Promise<string> {
  const { index, extra } = parseProof(Buffer.from(proof));
  const { bytes, checkpoint, proofs } = await policyCheckpoint(session, given, index + 1);
  const { size } = checkpoint;
  const path = await proofs.path(index, size);
  return Buffer.from(formatProof({ extra, index, path, note: bytes })).toString();
}

async function indexOf(session: Session, options: Options, name: string): Promise<number> {
  const id = parseDigest(name);
  const ownMember = () => keyInfo(session.paths.keys, session.signerName()).member;
  const member = options.member ?? (id === undefined ? ownMember() : '');
  const outcome =
    id === undefined ? (await firstUse(session.client, member, name))?.outcome : await session.client.outcome(id, 0);
  if (outcome !== undefined) return outcome.index;
  const what = id === undefined ? `reference ${name} of ${member}` : `transaction ${name}`;
  const advice = `It may still wait, or was never sent${id === undefined ? ', or it is of another --member' : ''}.`;
  throw new CliError('failed', `nothing final is known of ${what}`, advice, 'not-found');
}

async function proofOf(node: string, index: number): Promise<string> {
  for (const end = Date.now() + waitMs; ; await setTimeout(pollMs)) {
    try {
      const answer = await requestNode(node, 'GET', `/v1/proofs/${index}`, {});
      if (isObject(answer) && typeof answer['proof'] === 'string') return answer['proof'];
      throw new CliError('failed', 'the node answers with no proof', 'Ask another one: --node URL.');
    } catch (error) {
      const isEarly = error instanceof ApiProblem && error.code === 'not-found' && Date.now() < end;
      if (!isEarly) throw error;
    }
  }
}
