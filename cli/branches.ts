// New branches: one proposal that adds them with their users, and the approvals that it needs. Possible only where this
// home holds the officers' keys, as a devnet's does.
import { createHash } from 'node:crypto';
import { approveArguments, proposeArguments } from '../contracts/consortium.ts';
import { type Change, consortiumName } from '../contracts/consortium-state.ts';
import { encode } from '../node/ledger/codec.ts';
import { accepted } from '../node/ledger/entry.ts';
import { toHex } from '../node/ledger/hash.ts';
import { listOf, objectOf, textOf } from './api-types.ts';
import { branchUsers } from './devnet-files.ts';
import { CliError } from './exit-codes.ts';
import { outcomeText } from './format.ts';
import { createKey, keyInfo, keyNames, openKey, type SigningKey, type Unlocked } from './keystore.ts';
import { runOperation } from './operation.ts';
import type { Session } from './session.ts';

interface Consortium {
  readonly members: ReadonlySet<string>;
  readonly officers: readonly { readonly member: string; readonly publicKey: string }[];
}

export async function readConsortium(session: Session): Promise<Consortium> {
  return session.client.getCurrent('/v1/consortium', (value) => {
    const { members, users } = objectOf(value);
    const officers = listOf(users)
      .map(objectOf)
      .filter(({ active, roles }) => active === true && Array.isArray(roles) && roles.includes('officer'))
      .map(({ member, publicKey }) => ({ member: textOf(member), publicKey: textOf(publicKey) }));
    return { members: new Set(listOf(members).map((member) => textOf(objectOf(member)['id']))), officers };
  });
}

/** The changes that would add these branches, each with a teller and an officer whose keys are made here. */
function changesFor(session: Session, branches: readonly string[], unlocked: Unlocked): Change[] {
  const { keys } = session.paths;
  const known = new Set(keyNames(keys));
  return branches.map((id): Change => {
    const users = branchUsers(id).map(({ member, name, roles }) => {
      const key = known.has(name) ? keyInfo(keys, name) : createKey(keys, member, name, unlocked);
      return { user: name, publicKey: key.publicKey, roles };
    });
    return { kind: 'add-member', id, name: `Branch ${id}`, users };
  });
}

/** Half of what a transaction holds stays free for its other parts. */
const proposalBytesMax = 15_900;
const changesMax = 256;

function slicesOf(changes: readonly Change[]): (readonly Change[])[] {
  const fits = changes.length <= changesMax && encode(proposeArguments(changes)).length <= proposalBytesMax;
  if (fits || changes.length < 2) return [changes];
  const middle = Math.ceil(changes.length / 2);
  return [...slicesOf(changes.slice(0, middle)), ...slicesOf(changes.slice(middle))];
}

/** Adds the branches that are no members yet: one proposal as long as it fits a transaction. Gives their number. */
export async function createBranches(
  session: Session,
  branches: readonly string[],
  proposer: SigningKey,
): Promise<number> {
  const { members } = await readConsortium(session);
  const missing = branches.filter((branch) => !members.has(branch));
  if (missing.length === 0) return 0;
  const unlocked = await session.unlocked();
  for (const changes of slicesOf(changesFor(session, missing, unlocked)))
    await enact(session, changes, proposer, unlocked);
  return missing.length;
}

async function enact(
  session: Session,
  changes: readonly Change[],
  proposer: SigningKey,
  unlocked: Unlocked,
): Promise<void> {
  const args = proposeArguments(changes);
  const name = createHash('sha256').update(encode(args)).digest('hex').slice(0, 24);
  const reference = `BRANCHES-${name}`;
  await accept(session, proposer, { contract: consortiumName, method: 'propose', args, reference }, []);
  const { members, officers } = await readConsortium(session);
  const needed = Math.floor((2 * members.size) / 3); // besides the proposer's own: more than two thirds in all
  const ours = new Map(
    keyNames(session.paths.keys).map((each) => [toHex(keyInfo(session.paths.keys, each).publicKey), each]),
  );
  const approvers = new Map<string, string>();
  for (const { member, publicKey } of officers) {
    const key = ours.get(publicKey);
    if (member !== proposer.member && key !== undefined) approvers.set(member, key);
  }
  if (approvers.size < needed)
    throw new CliError(
      'notAuthorised',
      `the proposal ${reference} needs ${needed} approvals, and this home holds ${approvers.size} officers’ keys`,
      'Let officers of the other members approve it.',
    );
  const approval = approveArguments({ member: proposer.member, reference });
  const chosen = [...approvers.values()].slice(0, needed);
  await Promise.all(
    chosen.map((key) => {
      const operation = { contract: consortiumName, method: 'approve', args: approval, reference: `APPROVE-${name}` };
      // Enacted or approved already: an earlier run got as far.
      return accept(session, openKey(session.paths.keys, key, unlocked), operation, ['CLOSED', 'DUPAPPR']);
    }),
  );
}

async function accept(
  session: Session,
  key: SigningKey,
  operation: Parameters<typeof runOperation>[2],
  alsoFine: readonly string[],
): Promise<void> {
  const { outcome } = await runOperation(session, key, operation);
  if (outcome.outcome === accepted || alsoFine.includes(outcome.outcome)) return;
  const { contract, method } = operation;
  const message = `${outcome.outcome}: ${contract}.${method} by ${key.name}: ${outcomeText(outcome.outcome)}`;
  throw new CliError('refused', message, undefined, outcome.outcome);
}

/** For a consortium whose officers' keys are elsewhere: what they would propose, as JSON. */
export function branchProposal(branches: readonly string[]): object {
  return {
    contract: consortiumName,
    method: 'propose',
    changes: branches.map((id) => ({ kind: 'add-member', id, name: `Branch ${id}`, users: [] })),
  };
}
