// `node start` with something wrong: one clear message, a non-zero exit code, and nothing signed.
import { fork } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createDevnet, validatorPathsOf, writeAddresses } from '../../cli/devnet-files.ts';
import { freePorts } from '../../cli/free-ports.ts';
import { Home, mainFile, until } from './_daybook.ts';

const home = new Home();
const files = validatorPathsOf(home.paths, 'validator-1');
const copy = join(home.folder, 'copy');

/** A devnet's files with addresses, and none of its processes. */
async function make(target: Home): Promise<void> {
  await createDevnet(target.paths, { validators: 4, issuance: [] });
  const ports = await freePorts(8);
  const validators = [0, 1, 2, 3].map((i) => {
    return {
      id: `validator-${i + 1}`,
      apiPort: ports[2 * i] ?? 0,
      peerPort: ports[2 * i + 1] ?? 0,
      process: undefined,
    };
  });
  await writeAddresses(target.paths, { launcher: undefined, validators });
}

test.before(async () => {
  await make(home);
  cpSync(files.folder, copy, { recursive: true });
});
test.afterEach.always(() => {
  rmSync(files.folder, { recursive: true, force: true });
  cpSync(copy, files.folder, { recursive: true });
});
test.after.always(() => home.remove());

async function refused(t: ExecutionContext, reasons: readonly RegExp[], id = 'validator-1'): Promise<void> {
  const running = home.spawn('node', 'start', id);
  const timer = setTimeout(() => running.child.kill('SIGKILL'), 20_000);
  const { code, stdout, stderr } = await running.ended;
  clearTimeout(timer);
  t.true(code !== undefined && code > 0, `exit code ${code}: ${stderr}`);
  t.is(stdout, '');
  for (const reason of reasons) t.regex(stderr, reason);
  t.notRegex(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack');
  t.is(stderr.match(/^error: /gm)?.length, 1, stderr);
  t.log(stderr.trim());
}

const edit = (change: (text: string) => string) =>
  writeFileSync(files.config, change(readFileSync(files.config, 'utf8')));

test.serial('an empty data folder beside a key is amnesia and no new node', async (t) => {
  rmSync(files.data, { recursive: true });
  await refused(t, [/amnesia|forgotten/, /only not mounted.*node init validator-1 --rotated/]);
  mkdirSync(files.data);
  await refused(t, [/amnesia|forgotten/]);
});

test.serial('a store without its key is refused', async (t) => {
  rmSync(files.key);
  await refused(t, [/key/]);
});

test.serial('a data folder of another chain is refused', async (t) => {
  const other = new Home();
  try {
    await make(other);
    rmSync(files.data, { recursive: true });
    renameSync(validatorPathsOf(other.paths, 'validator-1').data, files.data);
    await refused(t, [/another chain|chain [0-9a-f]{8}/]);
  } finally {
    await other.remove();
  }
});

test.serial('a data folder of another validator is refused', async (t) => {
  rmSync(files.data, { recursive: true });
  cpSync(validatorPathsOf(home.paths, 'validator-2').data, files.data, { recursive: true });
  await refused(t, [/validator-2/]);
});

test.serial('the key of another validator is refused', async (t) => {
  cpSync(validatorPathsOf(home.paths, 'validator-2').key, files.key);
  await refused(t, [/another key|validator-2/]);
});

test.serial('a config with an unknown key names it and those there are', async (t) => {
  edit((text) => `proposalTimeout = 5\n${text}`);
  await refused(t, [/unknown key proposalTimeout/]);
  rmSync(files.config);
  cpSync(join(copy, 'node.toml'), files.config);
  edit((text) => text.replace('[listen]', '[listen]\nprot = 1'));
  await refused(t, [/unknown key listen\.prot.*port/]);
});

test.serial('a config that is no TOML, or lacks what is needed, is refused', async (t) => {
  edit(() => 'validator = ');
  await refused(t, [/line 1/]);
  edit(() => 'validator = "validator-1"\n');
  await refused(t, [/is missing/]);
});

test.serial('a port in use is named: the API and the peers', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const text = readFileSync(files.config, 'utf8');
  const ports = [...text.matchAll(/^port = (\d+)$/gm)].map((match) => match[1] ?? '');
  t.is(ports.length, 2);
  try {
    for (const each of ports) {
      writeFileSync(files.config, text.replace(`port = ${each}`, `port = ${port}`));
      await refused(t, [/in use|EADDRINUSE/, new RegExp(String(port))]);
    }
  } finally {
    server.close();
  }
});

test.serial('a genesis document that is gone, damaged or of another chain is refused', async (t) => {
  const genesis = readFileSync(home.paths.genesis, 'utf8');
  try {
    rmSync(home.paths.genesis);
    await refused(t, [/genesis/]);
    writeFileSync(home.paths.genesis, genesis.slice(0, 200));
    await refused(t, [/genesis.json: /, /Copy the document/]);
    writeFileSync(home.paths.genesis, genesis.replace('daybook.devnet', 'daybook.others'));
    await refused(t, [/chain/]);
  } finally {
    writeFileSync(home.paths.genesis, genesis);
  }
});

test.serial('what refuses to start ends, also where a parent keeps a channel to it', async (t) => {
  writeFileSync(join(files.data, 'data.mdb'), '');
  const child = fork(mainFile, ['node', 'start', '--config', files.config, '--parent-channel'], { silent: true });
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const code = await new Promise<number | null>((done) => child.once('exit', done));
  clearTimeout(timer);
  t.true(code !== null && code > 0, `ended with ${code}`);
});

test.serial('a validator that nobody made is refused', async (t) => {
  await refused(t, [/node init/], 'validator-9');
});

test.serial('a second process on the same data folder is refused while the first runs', async (t) => {
  const first = home.spawn('node', 'start', 'validator-1');
  await until('the first runs', () => /API http/.test(first.said()));
  await refused(t, [/in use|another process|runs already|locked/i]);
  first.child.kill('SIGTERM');
  t.is((await first.ended).code, 0, 'an orderly stop');
  t.true(existsSync(files.data));
});
