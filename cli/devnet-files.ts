// A devnet's files: what an operator, a consortium and its users would each make for themselves, all at once and
// under one home. The nodes know nothing of a devnet but the setting for open reads.
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { defaultParameters, type Member, type User } from '../contracts/consortium-state.ts';
import type { Role } from '../contracts/contract.ts';
import { checkGenesis, type Genesis, type Issuance } from '../genesis/genesis.ts';
import { formatGenesis } from '../genesis/genesis-text.ts';
import { seedBytes } from '../node/ledger/signature.ts';
import { CliError } from './exit-codes.ts';
import { isObject, readJson, writeFileDurably, writeJson } from './files.ts';
import { type HomePaths, writeSettings } from './home.ts';
import { createKey, keyNames, unlock } from './keystore.ts';
import type { ProcessMark } from './process-alive.ts';
import { createValidator, type ValidatorPaths, validatorOf, validatorPaths, writeConfig } from './validator-folder.ts';

export const demoPassphrase = 'daybook-devnet';
const loopback = '127.0.0.1';

export interface DevnetValidator {
  readonly id: string;
  readonly apiPort: number;
  readonly peerPort: number;
  readonly process: ProcessMark | undefined;
}

/** `launcher` is set while a command in the foreground keeps the validators. */
export interface DevnetState {
  readonly launcher: ProcessMark | undefined;
  readonly validators: readonly DevnetValidator[];
}

export interface DevnetPlan {
  readonly validators: number;
  readonly issuance: readonly Issuance[];
  /** Where they are not the defaults. */
  readonly parameters?: Partial<typeof defaultParameters>;
}

interface PlannedUser {
  readonly member: string;
  readonly name: string;
  readonly roles: readonly Role[];
}

export function validatorIds(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `validator-${i + 1}`);
}

export const clearingMember = 'CLEARING';
export const clearingUser = 'clearing';

/** A branch's two demo users; a teller moves its accounts' money, an officer votes in the consortium. */
export function branchUsers(branch: string): readonly PlannedUser[] {
  const stem = branch.toLowerCase().slice(0, 26);
  return [
    { member: branch, name: `${stem}.teller`, roles: ['teller'] },
    { member: branch, name: `${stem}.officer`, roles: ['officer'] },
  ];
}

/** Writes genesis, keys and validators of a new chain. The home must not hold one. */
export async function createDevnet(paths: HomePaths, plan: DevnetPlan): Promise<void> {
  if (existsSync(paths.genesis))
    throw new CliError('usage', `${paths.folder} holds a chain already`, 'Name another folder with --home.');
  if (keyNames(paths.keys).length > 0)
    throw new CliError('usage', `${paths.keys} holds keys already`, 'A devnet makes its own: use another --home.');
  writeJson(unfinishedMark(paths), { process: process.pid });
  const branches = Array.from({ length: plan.validators }, (_, i) => `BRANCH-${i + 1}`);
  const unlocked = await unlock(paths.keys, demoPassphrase);
  const planned: PlannedUser[] = [
    ...branches.flatMap(branchUsers),
    { member: clearingMember, name: clearingUser, roles: ['officer', 'clearing'] },
  ];
  const users: User[] = planned.map(({ member, name, roles }) => {
    const { publicKey } = createKey(paths.keys, member, name, unlocked);
    return { member, user: name, publicKey, roles };
  });
  const members: Member[] = [
    ...branches.map((id, i) => ({ id, name: `Branch ${i + 1}` })),
    { id: clearingMember, name: 'Clearing' },
  ];
  const nonce = new Uint8Array(randomBytes(32));
  const keys = validatorIds(plan.validators).map((validator) => ({
    validator,
    seed: new Uint8Array(randomBytes(seedBytes)),
  }));
  const genesis: Genesis = {
    name: 'daybook.devnet',
    nonce,
    timestamp: Date.now(),
    parameters: { ...defaultParameters, ...plan.parameters },
    validators: keys.map((key, i) => validatorOf(key, branches[i] ?? clearingMember, nonce)),
    consortium: { members, users },
    payments: { issuance: plan.issuance },
  };
  checkGenesis(genesis);
  await Promise.all(keys.map((key) => createValidator(validatorPaths(paths.validators, key.validator), key, genesis)));
  writeSettings(paths, { nodes: [], user: clearingUser, demoPassphrase });
  writeFileDurably(paths.genesis, formatGenesis(genesis));
  rmSync(unfinishedMark(paths));
}

/** Removes what an interrupted creation left, and nothing that anybody else made. */
export function removeUnfinished(paths: HomePaths): void {
  if (!existsSync(unfinishedMark(paths))) return;
  for (const path of [paths.validators, paths.keys, paths.devnet, paths.genesis])
    rmSync(path, { recursive: true, force: true });
  rmSync(unfinishedMark(paths));
}

function unfinishedMark(paths: HomePaths): string {
  return join(paths.folder, 'devnet.unfinished');
}

/** Writes every node.toml and home.json for these addresses. */
export async function writeAddresses(paths: HomePaths, state: DevnetState): Promise<void> {
  const peers = Object.fromEntries(state.validators.map(({ id, peerPort }) => [id, `${loopback}:${peerPort}`]));
  for (const validator of state.validators) {
    await writeConfig(validatorPaths(paths.validators, validator.id), {
      validator: validator.id,
      genesisFile: join('..', '..', 'genesis.json'),
      dataFolder: 'data',
      keyFile: 'validator.key',
      openReads: true,
      listen: { host: loopback, port: validator.peerPort },
      api: { host: loopback, port: validator.apiPort },
      peers,
    });
  }
  writeSettings(paths, { nodes: state.validators.map(apiUrl), user: clearingUser, demoPassphrase });
  writeDevnet(paths, state);
}

export function apiUrl({ apiPort }: { readonly apiPort: number }): string {
  return `http://${loopback}:${apiPort}`;
}

export function validatorPathsOf(paths: HomePaths, id: string): ValidatorPaths {
  return validatorPaths(paths.validators, id);
}

/** Everything but the processes stands in devnet.json; see writeProcess. */
export function writeDevnet(paths: HomePaths, { launcher, validators }: DevnetState): void {
  const addresses = validators.map(({ id, apiPort, peerPort }) => ({ id, apiPort, peerPort }));
  writeJson(paths.devnet, { launcher, validators: addresses });
  for (const { id, process } of validators) writeProcess(paths, id, process);
}

/** In a file of each validator's own, so that commands that restart several at once do not undo each other's record. */
export function writeProcess(paths: HomePaths, id: string, mark: ProcessMark | undefined): void {
  const file = validatorPathsOf(paths, id).process;
  if (mark === undefined) rmSync(file, { force: true });
  else writeJson(file, mark);
}

export function readDevnet(paths: HomePaths): DevnetState | undefined {
  const stored = readJson(paths.devnet);
  if (stored === undefined) return undefined;
  const list = Array.isArray(stored['validators']) ? stored['validators'].filter(isObject) : [];
  const validators = list.flatMap(({ id, apiPort, peerPort }) => {
    if (typeof id !== 'string' || typeof apiPort !== 'number' || typeof peerPort !== 'number') return [];
    return [{ id, apiPort, peerPort, process: readMark(readJson(validatorPathsOf(paths, id).process)) }];
  });
  return { launcher: readMark(stored['launcher']), validators };
}

function readMark(value: unknown): ProcessMark | undefined {
  if (!isObject(value)) return undefined;
  const { pid, start } = value;
  return typeof pid === 'number' && typeof start === 'string' ? { pid, start } : undefined;
}
