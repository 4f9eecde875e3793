// A devnet's files, without its processes.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { run as devnetKill } from '../../cli/commands/devnet-kill.ts';
import { run as devnetUp } from '../../cli/commands/devnet-up.ts';
import {
  createDevnet,
  demoPassphrase,
  readDevnet,
  removeUnfinished,
  validatorPathsOf,
  writeAddresses,
} from '../../cli/devnet-files.ts';
import { CliError } from '../../cli/exit-codes.ts';
import { areFree, freePorts, quietEnd } from '../../cli/free-ports.ts';
import { homePaths, readSettings } from '../../cli/home.ts';
import { createKey, keyNames, openKey, unlock } from '../../cli/keystore.ts';
import { isAlive, markOf, signalProcess } from '../../cli/process-alive.ts';
import { readLedger } from '../../cli/session.ts';
import { refuseHalf } from '../../cli/validator-folder.ts';
import { parseConfig } from '../../node/config.ts';
import { openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { readValidatorKey } from '../../node/validator-key.ts';
import { folderOf } from './_home.ts';

test('a devnet has all that four operators, a consortium and its users would have made', async (t) => {
  const paths = homePaths(join(folderOf(t), 'home'));
  await createDevnet(paths, { validators: 4, issuance: [{ currency: 'EUR', amount: 5_00n }] });
  const ledger = readLedger(readFileSync(paths.genesis, 'utf8'), 'genesis.json');
  t.is(ledger.validators.length, 4);
  t.deepEqual(ledger.genesis.payments.issuance, [{ currency: 'EUR', amount: 5_00n }]);
  t.is(keyNames(paths.keys).length, 9);
  const unlocked = await unlock(paths.keys, demoPassphrase);
  const clearing = openKey(paths.keys, 'clearing', unlocked);
  const user = ledger.genesis.consortium.users.find(({ user: name }) => name === 'clearing');
  t.deepEqual(user?.publicKey, clearing.publicKey);
  t.deepEqual(user?.roles, ['officer', 'clearing']);

  const ports = await freePorts(8);
  const validators = ledger.validators.map(({ id }, i) => {
    return { id, apiPort: ports[2 * i] ?? 0, peerPort: ports[2 * i + 1] ?? 0, process: undefined };
  });
  await writeAddresses(paths, { launcher: undefined, validators });
  t.deepEqual(readDevnet(paths)?.validators, validators);
  t.is(readSettings(paths).nodes.length, 4);
  const files = validatorPathsOf(paths, 'validator-2');
  const config = parseConfig(readFileSync(files.config, 'utf8'), dirname(files.config));
  t.is(config.genesisFile, paths.genesis);
  t.is(config.peers.size, 3);
  t.is(readValidatorKey(config.keyFile).validator, 'validator-2');
  const store = await openLmdbStore(config.dataFolder, { chainId: ledger.chainId, validator: 'validator-2' });
  t.is(store.head().height, 0);
  t.not(store.voteRecord(), undefined);
  await store.close();
  await t.throwsAsync(createDevnet(paths, { validators: 4, issuance: [] }), { message: /holds a chain already/ });
  const other = devnetUp({ home: paths.folder, validators: 7 });
  await t.throwsAsync(other, { message: /has 4 validators, not 7/ }, 'and is never taken for one of seven');
  const kill = devnetKill({ home: paths.folder }, '1');
  t.regex((await t.throwsAsync(kill, { instanceOf: CliError }))?.next ?? '', /^None does: .*devnet up/);
});

test('key and store are refused one without the other, and so is an empty folder in place of the store', async (t) => {
  const paths = homePaths(join(folderOf(t), 'home'));
  await createDevnet(paths, { validators: 4, issuance: [] });
  const files = validatorPathsOf(paths, 'validator-1');
  t.throws(() => refuseHalf(files), { message: /a validator already/ });
  rmSync(files.data, { recursive: true });
  t.throws(() => refuseHalf(files), { message: /amnesia/ });
  mkdirSync(files.data);
  t.throws(() => refuseHalf(files), { message: /amnesia/ });
  const other = validatorPathsOf(paths, 'validator-2');
  rmSync(other.key);
  t.throws(() => refuseHalf(other), { message: /whose key is not here/ });
});

test('what an interrupted creation left is removed; what somebody else made never is', async (t) => {
  const paths = homePaths(join(folderOf(t), 'home'));
  createKey(paths.keys, 'BANK', 'mine', await unlock(paths.keys, 'my own'));
  removeUnfinished(paths);
  t.deepEqual(keyNames(paths.keys), ['mine']);
  await t.throwsAsync(createDevnet(paths, { validators: 4, issuance: [] }), { message: /holds keys already/ });
  t.deepEqual(keyNames(paths.keys), ['mine']);

  const cut = homePaths(join(folderOf(t), 'home'));
  mkdirSync(cut.validators, { recursive: true });
  writeFileSync(join(cut.folder, 'devnet.unfinished'), '{}');
  removeUnfinished(cut);
  t.false(existsSync(cut.validators));
  await createDevnet(cut, { validators: 4, issuance: [] });
  t.true(existsSync(cut.genesis));
});

test('ports are chosen below those that outgoing connections take, wherever that range begins', (t) => {
  t.is(quietEnd('32768\t60999\n'), 32_768);
  t.is(quietEnd('20000 65535'), 20_000);
  t.is(quietEnd(undefined), 32_768, 'where the system does not say');
  t.is(quietEnd('1024 65535'), 32_768, 'nothing is left below');
  t.is(quietEnd('nonsense'), 32_768);
});

test('free ports are free, all different and no outgoing connection takes them; a taken one is not', async (t) => {
  const ports = await freePorts(16);
  t.true(ports.every((port) => port >= 10_000 && port < 32_768));
  t.is(new Set(ports).size, 16);
  t.true(await areFree(ports));
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(ports[0], '127.0.0.1', resolve));
  t.false(await areFree(ports));
  server.close();
});

test('a process is known by its start time, so that a pid used again is never signalled', (t) => {
  const own = markOf(process.pid);
  if (own === undefined) return t.fail('this process runs');
  t.true(isAlive(own));
  const other = { ...own, start: `${own.start}0` };
  t.false(isAlive(other));
  t.false(signalProcess(other, 'SIGKILL'));
});
