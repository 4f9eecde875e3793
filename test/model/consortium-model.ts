// Governance once more: proposals, approvals and what they enact; what they do to the validators is in
// validators-model.ts. Nothing of contracts/ is used.
import type { Value } from '../../node/ledger/codec.ts';
import { publicKeyProblem } from '../../node/ledger/validators.ts';
import type { Call, Decision, EventRow } from './payments-model.ts';
import { officer } from './payments-model.ts';
import { bytesOf, hexOf, idOf, must, type Row, referenceOf, rowOf, textOf, userNameOf } from './raw.ts';
import type { State } from './state.ts';
import {
  beginEpoch,
  enactSetChange,
  isKeyProblem,
  keysIn,
  NextSet,
  type SetChange,
  setChangeOf,
} from './validators-model.ts';

const malformed = 'FF01';

interface NewUser {
  readonly member: string;
  readonly user: string;
  readonly key: Uint8Array;
  readonly roles: number;
}

type Change =
  | { readonly adds: 'member'; readonly id: string; readonly name: string; readonly users: readonly NewUser[] }
  | { readonly adds: 'user'; readonly user: NewUser }
  | { readonly adds: 'nothing'; readonly member: string; readonly user: string }
  | { readonly adds: 'validators'; readonly change: SetChange };

export function govern(call: Call, method: string, args: Value): Decision {
  if (method === 'propose') return propose(call, args);
  return method === 'approve' ? approve(call, args) : 'AG03';
}

function userOf(member: string | undefined, fields: Row): NewUser | undefined {
  const [name, publicKey, roles] = fields;
  const [user, key] = [userNameOf(name), bytesOf(publicKey, 32)];
  if (member === undefined || user === undefined || key === undefined) return undefined;
  return typeof roles === 'number' && roles >= 1 && roles <= 31 ? { member, user, key, roles } : undefined;
}

function changeOf(value: Value): Change | undefined {
  const [kind, fields] = rowOf(value, 2) ?? [];
  if (kind === 0) {
    const row = rowOf(fields, 3);
    const [id, name, list] = [idOf(row?.[0]), textOf(row?.[1], 1, 70), rowOf(row?.[2])];
    if (id === undefined || name === undefined || list === undefined || list.length > 64) return undefined;
    const users = list.flatMap((each) => userOf(id, rowOf(each, 3) ?? []) ?? []);
    return users.length === list.length ? { adds: 'member', id, name, users } : undefined;
  }
  if (kind === 1) {
    const [member, ...rest] = rowOf(fields, 4) ?? [];
    const user = userOf(idOf(member), rest);
    return user === undefined ? undefined : { adds: 'user', user };
  }
  if (kind !== 2) {
    const change = setChangeOf(kind, fields);
    return change === undefined ? undefined : { adds: 'validators', change };
  }
  const row = rowOf(fields, 2);
  const [member, user] = [idOf(row?.[0]), userNameOf(row?.[1])];
  return member === undefined || user === undefined ? undefined : { adds: 'nothing', member, user };
}

function changesOf(value: Value | undefined): readonly Change[] | undefined {
  const row = rowOf(value);
  if (row === undefined || row.length < 1 || row.length > 256) return undefined;
  const changes = row.flatMap((each) => changeOf(each) ?? []);
  return changes.length === row.length ? changes : undefined;
}

/** Tries the changes one after another on a shadow of who there is. */
function problemOf(state: State, next: NextSet, changes: readonly Change[]): string | undefined {
  const [members, users, keys, left] = [new Set<string>(), new Set<string>(), new Set<string>(), new Set<string>()];
  const count = Number(state.get('consortium', 'counts', 'members') ?? 0);
  const takes = (key: Uint8Array): boolean => {
    const hex = hexOf(key);
    const places = ['keys', 'validator-keys'];
    if (keys.has(hex) || places.some((place) => state.get('consortium', place, hex) !== undefined)) return false;
    keys.add(hex);
    return true;
  };
  const problemOfUser = ({ member, user, key }: NewUser): string | undefined => {
    const place = `${member}/${user}`;
    if (users.has(place) || state.get('consortium', 'users', place) !== undefined) return 'DUPUSER';
    users.add(place);
    return takes(key) ? undefined : 'DUPKEY';
  };
  const problemOfSet = (change: SetChange): string | undefined => {
    if (change.does === 'learn') {
      const member = String(change.row[1]);
      if (!members.has(member) && !state.isMember(member)) return 'NOMEMB';
      if (!keysIn(change.row).every(takes)) return 'DUPKEY';
    }
    return next.refuses(change);
  };
  for (const change of changes) {
    if (change.adds === 'member') {
      if (members.has(change.id) || state.isMember(change.id)) return 'DUPMEMB';
      members.add(change.id);
      if (count + members.size > 1_024) return 'MAXMEMB';
      for (const user of change.users) {
        const problem = problemOfUser(user);
        if (problem !== undefined) return problem;
      }
    } else if (change.adds === 'user') {
      const { member } = change.user;
      if (!members.has(member) && !state.isMember(member)) return 'NOMEMB';
      const problem = problemOfUser(change.user);
      if (problem !== undefined) return problem;
    } else if (change.adds === 'validators') {
      const problem = problemOfSet(change.change);
      if (problem !== undefined) return problem;
    } else {
      const place = `${change.member}/${change.user}`;
      if (left.has(place) || !isActive(state, place)) return 'NOUSER';
      left.add(place);
    }
  }
  return undefined;
}

function isActive(state: State, place: string): boolean {
  const key = state.get('consortium', 'users', place);
  if (!(key instanceof Uint8Array)) return false;
  return rowOf(state.get('consortium', 'keys', hexOf(key)), 4)?.[3] === 1;
}

function propose(call: Call, args: Value): Decision {
  const raw = rowOf(args, 1)?.[0];
  const changes = changesOf(raw);
  if (raw === undefined || changes === undefined) return malformed;
  const { state, signer, reference, height } = call;
  if ((signer.roles & officer) === 0) return 'DS0G';
  const place = `${signer.member}/${reference}`;
  if (state.get('consortium', 'proposals', place) !== undefined) return 'DUPPROP';
  const problem = problemOf(state, new NextSet(state, height), changes);
  if (problem !== undefined) return problem;
  state.set(['consortium', 'proposals', place], [raw, [signer.member], 'open', []]);
  const id = [signer.member, reference];
  return { events: [['consortium', 'proposed', [id, raw]], ...closing(call, id, place)] };
}

function approve(call: Call, args: Value): Decision {
  const id = rowOf(rowOf(args, 1)?.[0], 2);
  const [member, reference] = [idOf(id?.[0]), referenceOf(id?.[1])];
  if (id === undefined || member === undefined || reference === undefined) return malformed;
  const { state, signer } = call;
  if ((signer.roles & officer) === 0) return 'DS0G';
  const place = `${member}/${reference}`;
  const proposal = rowOf(state.get('consortium', 'proposals', place), 4);
  if (proposal === undefined) return 'NOPROP';
  const [raw, approvals, status] = [must(proposal[0], 'changes'), must(rowOf(proposal[1]), 'approvals'), proposal[2]];
  if (status !== 'open') return 'CLOSED';
  if (approvals.includes(signer.member)) return 'DUPAPPR';
  state.set(['consortium', 'proposals', place], [raw, [...approvals, signer.member], 'open', []]);
  return { events: [['consortium', 'approved', [id, signer.member]], ...closing(call, id, place)] };
}

/** More than two thirds of the members close a proposal: it is enacted, or fails for what became of the state. */
function closing({ state, height, chainId }: Call, id: Value, place: string): EventRow[] {
  const [raw, list] = must(rowOf(state.get('consortium', 'proposals', place), 4), 'a proposal');
  const approvals = must(rowOf(list), 'approvals');
  if (3 * approvals.length <= 2 * Number(state.get('consortium', 'counts', 'members') ?? 0)) return [];
  const changes = must(changesOf(raw), 'changes');
  const keys = changes.flatMap((change) => {
    if (change.adds === 'user') return [change.user.key];
    return change.adds === 'member' ? change.users.map(({ key }) => key) : [];
  });
  const isBad = (change: Change) =>
    change.adds === 'validators' && change.change.does === 'learn' && isKeyProblem(change.change.row, chainId);
  const next = new NextSet(state, height);
  const problem =
    problemOf(state, next, changes) ??
    (keys.some((key) => publicKeyProblem(key) !== undefined) || changes.some(isBad) ? 'BADKEY' : undefined);
  const end: Value = problem === undefined ? [] : [problem];
  state.set(
    ['consortium', 'proposals', place],
    [raw as Value, approvals, problem === undefined ? 'enacted' : 'failed', end],
  );
  if (problem !== undefined) return [['consortium', 'failed', [id, problem]]];
  for (const change of changes) enact(state, change);
  const enacted: EventRow = ['consortium', 'enacted', [id]];
  if (!next.touched) return [enacted];
  const { event } = next;
  beginEpoch(state, event);
  return [enacted, ['consortium', 'validators-changed', event]];
}

export function addMember(state: State, id: string, name: string): void {
  state.set(['consortium', 'members', id], [name]);
  state.set(['consortium', 'counts', 'members'], Number(state.get('consortium', 'counts', 'members') ?? 0) + 1);
}

export function addUser(state: State, { member, user, key, roles }: NewUser): void {
  state.set(['consortium', 'users', `${member}/${user}`], key);
  state.set(['consortium', 'keys', hexOf(key)], [member, user, roles, 1]);
}

function enact(state: State, change: Change): void {
  if (change.adds === 'member') {
    addMember(state, change.id, change.name);
    for (const user of change.users) addUser(state, user);
  } else if (change.adds === 'user') addUser(state, change.user);
  else if (change.adds === 'validators') enactSetChange(state, change.change);
  else {
    const key = state.get('consortium', 'users', `${change.member}/${change.user}`) as Uint8Array;
    const row = must(rowOf(state.get('consortium', 'keys', hexOf(key)), 4), 'a key');
    state.set(['consortium', 'keys', hexOf(key)], [...row.slice(0, 3), 0]);
  }
}
