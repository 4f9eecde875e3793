// The consortium's own contract: who the members are, who may sign for them, and how that changes: an officer proposes,
// officers of other members approve, and more than two thirds of the members enact it.
import { assert } from '../node/ledger/assert.ts';
import { DecodeError, type Value } from '../node/ledger/codec.ts';
import { toHex } from '../node/ledger/hash.ts';
import { identifier, name } from '../node/ledger/identifiers.ts';
import { batchLinesMax } from '../node/ledger/limits.ts';
import { list, record, type TypeOf, text, uint } from '../node/ledger/schema.ts';
import {
  publicKeyProblem,
  validatorProblem,
  validatorSetSchema,
  validatorsChangedSchema,
} from '../node/ledger/validators.ts';
import {
  accusedKey,
  accusedRecords,
  type Change,
  changesSchema,
  consortiumName,
  countRecords,
  currentKey,
  epochRecords,
  isMember,
  keyRecords,
  memberCount,
  memberRecords,
  memberSchema,
  membersMax,
  type Parameters,
  type Proposal,
  type ProposalId,
  parameterRecords,
  parametersSchema,
  proposalKey,
  proposalRecords,
  proposalText,
  type User,
  userKey,
  userRecords,
  userSchema,
  validatorKeyRecords,
} from './consortium-state.ts';
import type { Context, Contract, ContractEvent, Decision, Method, StateReader, StateWriter } from './contract.ts';
import { enactValidatorChange, keysOf, SetDraft, validatorCodes } from './validator-changes.ts';

export const consortiumSectionSchema = record({
  members: list(memberSchema, 1, membersMax),
  users: list(userSchema, 1, 4_096),
});
/** What the contract begins from: its own section, and what the genesis document says about validators and limits. */
export const consortiumBeginSchema = record({
  section: consortiumSectionSchema,
  validators: validatorSetSchema,
  parameters: parametersSchema,
});

const changeCodes = ['NOMEMB', 'DUPMEMB', 'DUPUSER', 'DUPKEY', 'NOUSER', 'MAXMEMB', ...validatorCodes] as const;
type ChangeCode = (typeof changeCodes)[number];

/**
 * What stands against the changes, in their order, or undefined. Later changes see earlier ones, so that one proposal
 * may add a member and then a user of it.
 */
function changesProblem(state: StateReader, draft: SetDraft, changes: readonly Change[]): ChangeCode | undefined {
  const newMembers = new Set<string>();
  const newUsers = new Set<string>();
  const newKeys = new Set<string>();
  const leaving = new Set<string>();
  const known = (member: string) => newMembers.has(member) || isMember(state, member);
  const keysProblem = (keys: readonly Uint8Array[]): ChangeCode | undefined => {
    for (const key of keys.map(toHex)) {
      const taken = state.read(keyRecords, key) !== undefined || state.read(validatorKeyRecords, key) !== undefined;
      if (taken || newKeys.has(key)) return 'DUPKEY';
      newKeys.add(key);
    }
    return undefined;
  };
  const userProblem = (member: string, user: string, publicKey: Uint8Array): ChangeCode | undefined => {
    const place = userKey(member, user);
    if (newUsers.has(place) || state.read(userRecords, place) !== undefined) return 'DUPUSER';
    newUsers.add(place);
    return keysProblem([publicKey]);
  };
  const problemOf = (change: Change): ChangeCode | undefined => {
    switch (change.kind) {
      case 'add-member':
        if (known(change.id)) return 'DUPMEMB';
        newMembers.add(change.id);
        if (memberCount(state) + newMembers.size > membersMax) return 'MAXMEMB';
        for (const { user, publicKey } of change.users) {
          const problem = userProblem(change.id, user, publicKey);
          if (problem !== undefined) return problem;
        }
        return undefined;
      case 'add-user':
        return known(change.member) ? userProblem(change.member, change.user, change.publicKey) : 'NOMEMB';
      case 'deactivate-user': {
        const place = userKey(change.member, change.user);
        const key = state.read(userRecords, place);
        const active = key !== undefined && state.read(keyRecords, toHex(key))?.active === 1;
        if (!active || leaving.has(place)) return 'NOUSER';
        leaving.add(place);
        return undefined;
      }
      case 'add-learner':
        return known(change.member) ? (keysProblem(keysOf(change)) ?? draft.add(change)) : 'NOMEMB';
      default:
        return draft.add(change);
    }
  };
  for (const change of changes) {
    const problem = problemOf(change);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * What is wrong with a key that the changes register: the signature rule does not accept it, or its holder is not
 * shown. Asked only when keys are registered: it costs up to two milliseconds a key, and an officer alone must not be
 * able to make everybody do that thousands of times.
 */
function keyProblemOf(changes: readonly Change[], chainId: Uint8Array): string | undefined {
  for (const change of changes) {
    const problem = change.kind === 'add-learner' ? validatorProblem(change, chainId) : userKeysProblem(change);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function userKeysProblem(change: Change): string | undefined {
  if (change.kind !== 'add-user' && change.kind !== 'add-member') return undefined;
  for (const { publicKey } of change.kind === 'add-user' ? [change] : change.users) {
    const problem = publicKeyProblem(publicKey);
    if (problem !== undefined) return `public key ${toHex(publicKey)} is not one that may sign: ${problem}`;
  }
  return undefined;
}

const proposedEvent = record({ id: proposalKey, changes: changesSchema });
const approvedEvent = record({ id: proposalKey, member: identifier });
const enactedEvent = record({ id: proposalKey });
const failedEvent = record({ id: proposalKey, code: text(2, 8) });
/** The whole set, so that the log alone tells it, and the header of this block names its hash. */
const validatorsEvent = validatorsChangedSchema;
const accusedEvent = record({ epoch: uint, validator: name });

/** What an evidence entry says happened; the host asks for it, no method does. */
export function accusation(epoch: number, validator: string): ContractEvent {
  return { type: 'accused', payload: accusedEvent.write({ epoch, validator }) };
}

/** Enacted by more than two thirds of the members there are now; checked again, since the state may have moved on. */
function outcomeEvents(state: Context, id: ProposalId, changes: readonly Change[], approvals: number): ContractEvent[] {
  if (3 * approvals <= 2 * memberCount(state)) return [];
  const draft = new SetDraft(state, state.height);
  const code =
    changesProblem(state, draft, changes) ??
    (keyProblemOf(changes, state.chainId) === undefined ? undefined : 'BADKEY');
  if (code !== undefined) return [{ type: 'failed', payload: failedEvent.write({ id, code }) }];
  const enacted = { type: 'enacted', payload: enactedEvent.write({ id }) };
  if (draft.nextEpoch === undefined) return [enacted];
  const { number: epoch, from, validators } = draft.nextEpoch;
  return [enacted, { type: 'validators-changed', payload: validatorsEvent.write({ epoch, from, validators }) }];
}

const proposeArgs = record({ changes: changesSchema });
const proposeCodes = ['DS0G', 'DUPPROP', ...changeCodes] as const;
const propose: Method<TypeOf<typeof proposeArgs>, (typeof proposeCodes)[number]> = {
  args: proposeArgs,
  refusals: proposeCodes,
  decide(context, { changes }) {
    if (!context.signer.roles.includes('officer')) return { refusal: 'DS0G' };
    const id = { member: context.signer.member, reference: context.reference };
    if (context.read(proposalRecords, proposalText(id)) !== undefined) return { refusal: 'DUPPROP' };
    const problem = changesProblem(context, new SetDraft(context, context.height), changes);
    if (problem !== undefined) return { refusal: problem };
    const proposed = { type: 'proposed', payload: proposedEvent.write({ id, changes }) };
    return { events: [proposed, ...outcomeEvents(context, id, changes, 1)] };
  },
};

const approveArgs = record({ proposal: proposalKey });
const approveCodes = ['DS0G', 'NOPROP', 'CLOSED', 'DUPAPPR'] as const;
const approve: Method<TypeOf<typeof approveArgs>, (typeof approveCodes)[number]> = {
  args: approveArgs,
  refusals: approveCodes,
  decide(context: Context, { proposal: id }): Decision<(typeof approveCodes)[number]> {
    const { member, roles } = context.signer;
    if (!roles.includes('officer')) return { refusal: 'DS0G' };
    const found = context.read(proposalRecords, proposalText(id));
    if (found === undefined) return { refusal: 'NOPROP' };
    if (found.status !== 'open') return { refusal: 'CLOSED' };
    if (found.approvals.includes(member)) return { refusal: 'DUPAPPR' };
    const approved = { type: 'approved', payload: approvedEvent.write({ id, member }) };
    return { events: [approved, ...outcomeEvents(context, id, found.changes, found.approvals.length + 1)] };
  },
};

function addMember(state: StateWriter, id: string, name: string): void {
  state.write(memberRecords, id, { name });
  state.write(countRecords, 'members', memberCount(state) + 1);
}

function addUser(state: StateWriter, { member, user, publicKey, roles }: User): void {
  state.write(userRecords, userKey(member, user), publicKey);
  state.write(keyRecords, toHex(publicKey), { member, user, roles, active: 1 });
}

function enact(state: StateWriter, change: Change): void {
  switch (change.kind) {
    case 'add-member':
      addMember(state, change.id, change.name);
      for (const user of change.users) addUser(state, { member: change.id, ...user });
      return;
    case 'add-user':
      addUser(state, change);
      return;
    case 'deactivate-user': {
      const key = state.read(userRecords, userKey(change.member, change.user));
      const row = key === undefined ? undefined : state.read(keyRecords, toHex(key));
      assert(key !== undefined && row !== undefined, 'a change is enacted after it was checked');
      state.write(keyRecords, toHex(key), { ...row, active: 0 });
      return;
    }
    default:
      enactValidatorChange(state, change);
  }
}

function updateProposal(state: StateWriter, id: ProposalId, next: (proposal: Proposal) => Proposal): Proposal {
  const found = state.read(proposalRecords, proposalText(id));
  assert(found !== undefined, 'an event names a proposal that was made');
  const proposal = next(found);
  state.write(proposalRecords, proposalText(id), proposal);
  return proposal;
}

export const consortium: Contract = {
  name: consortiumName,
  methods: { propose, approve },

  begin(state, value) {
    const { section, validators, parameters } = consortiumBeginSchema.read(value);
    for (const { id, name } of section.members) addMember(state, id, name);
    for (const user of section.users) addUser(state, user);
    state.write(epochRecords, '0', { from: 1, validators });
    for (const validator of validators)
      for (const key of keysOf(validator)) state.write(validatorKeyRecords, toHex(key), validator.id);
    state.write(parameterRecords, currentKey, parameters);
  },

  evolve(state, { type, payload }, index) {
    switch (type) {
      case 'accused': {
        const { epoch, validator } = accusedEvent.read(payload);
        state.write(accusedRecords, accusedKey(epoch, validator), index);
        return;
      }
      case 'proposed': {
        const { id, changes } = proposedEvent.read(payload);
        const proposal: Proposal = { changes, approvals: [id.member], status: 'open', failure: undefined };
        state.write(proposalRecords, proposalText(id), proposal);
        return;
      }
      case 'approved': {
        const { id, member } = approvedEvent.read(payload);
        updateProposal(state, id, (found) => ({ ...found, approvals: [...found.approvals, member] }));
        return;
      }
      case 'enacted': {
        const { id } = enactedEvent.read(payload);
        const { changes } = updateProposal(state, id, (found) => ({ ...found, status: 'enacted' }));
        for (const change of changes) enact(state, change);
        return;
      }
      case 'validators-changed': {
        const { epoch, from, validators } = validatorsEvent.read(payload);
        state.write(epochRecords, `${epoch}`, { from, validators });
        state.write(countRecords, 'epoch', epoch);
        return;
      }
      case 'failed': {
        const { id, code } = failedEvent.read(payload);
        updateProposal(state, id, (found) => ({ ...found, status: 'failed', failure: code }));
        return;
      }
      default:
        assert(false, `the consortium knows no event ${type}`);
    }
  },
};

/**
 * Arguments of `propose` and `approve`, as clients build them. Both are sent to the contract `consortium`. A bad key
 * throws DecodeError: the members would approve in vain. Proofs of a validator's keys are for one chain.
 */
export function proposeArguments(changes: readonly Change[], chainId: Uint8Array = noChain): Value {
  const problem = keyProblemOf(changes, chainId);
  if (problem !== undefined) throw new DecodeError(problem);
  return proposeArgs.write({ changes });
}

const noChain = new Uint8Array(32);

/** An approval writes the whole proposal again, whose length its own transaction does not show. */
const approvalLines = 64;

/**
 * How many of a block's lines a transaction of this contract takes: about the time of as many payments. What a proposal
 * asks for is looked up change by change and user by user; by bytes alone, a block of proposals that one officer sends
 * would take many times as long as one of payments, and honest primaries would be replaced for it.
 */
export function consortiumLines(method: string, args: Value): number {
  if (method === 'approve') return approvalLines;
  const changes = method === 'propose' && Array.isArray(args) ? (args as readonly Value[])[0] : undefined;
  if (!Array.isArray(changes)) return 1;
  const lines = (changes as readonly Value[]).reduce<number>((sum, change) => sum + 1 + usersIn(change), 0);
  return Math.min(Math.max(1, lines), batchLinesMax);
}

/** Of a change that adds a member, which lists them last; 0 for any other, and for one of no form. */
function usersIn(change: Value): number {
  const fields = Array.isArray(change) ? (change as readonly Value[])[1] : undefined;
  const users = Array.isArray(fields) ? (fields as readonly Value[]).at(-1) : undefined;
  return Array.isArray(users) ? users.length : 0;
}

/** What arguments of `propose` ask for. Throws DecodeError. */
export function proposedChanges(args: Value): readonly Change[] {
  return proposeArgs.read(args).changes;
}

export function approveArguments(proposal: ProposalId): Value {
  return approveArgs.write({ proposal });
}

/** The contract's section of a genesis document with what it begins from. */
export function consortiumBegin(begin: {
  readonly section: TypeOf<typeof consortiumSectionSchema>;
  readonly validators: TypeOf<typeof validatorSetSchema>;
  readonly parameters: Parameters;
}): Value {
  return consortiumBeginSchema.write(begin);
}
