// The commands and their options, for commander. Only what --help needs is loaded; a command's code is imported when it
// runs, so that the help of all of them is there in a blink.
import { Command, InvalidArgumentError, Option } from 'commander';
import { exitCodes } from './exit-codes.ts';

/** A command's module. Each says which options it takes; `object` and the method form let them differ. */
interface CommandModule {
  run(options: object, ...args: string[]): Promise<void>;
}
type Load = () => Promise<CommandModule>;

const version = '0.1.0';

/** Adds a command that runs `load().run(options, ...arguments)`, with the options that all commands have. */
function leaf(parent: Command, usage: string, summary: string, load: Load): Command {
  const command = parent.command(usage).description(summary);
  command.option('--home <folder>', 'folder with keys, genesis and outbox, where the command needs one', '.daybook');
  command.option('--json', 'write data as JSON');
  command.action(async (...given: unknown[]) => {
    const texts = given.slice(0, -2).flatMap((item) => (Array.isArray(item) ? item : [item]));
    const module = await load();
    await module.run(command.opts(), ...texts.filter((text): text is string => typeof text === 'string'));
  });
  return command;
}

function asksNodes(command: Command): Command {
  return command.option('--node <url...>', 'API of a validator, in place of those in home.json');
}

function waits(command: Command): Command {
  const what = 'longest wait for an outcome, and for a checkpoint that the policy demands; default: 30000';
  return command.option('--timeout-ms <ms>', what, positive);
}

function signs(command: Command): Command {
  return judges(waits(holdsKeys(asksNodes(command))));
}

function holdsKeys(command: Command): Command {
  return command
    .option('--user <name>', 'whose key signs')
    .option('--passphrase-file <file>', 'file with the passphrase of the keys')
    .option('--yes', 'sign without asking (without a terminal only a devnet signs without it)');
}

/** Of commands that judge a receipt or a checkpoint. */
function judges(command: Command): Command {
  return command.option(
    '--policy <file>',
    'whose signatures are demanded besides a quorum of validators (C2SP tlog-policy); default: the home’s policy.txt',
  );
}

/** Of commands that judge what does not carry the changes of the validators itself. */
function knowsSets(command: Command): Command {
  return command.option(
    '--sets <file>',
    'changes of the validators, as `receipt sets` wrote them; default: the home’s',
  );
}

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('Write a whole number above zero.');
  return Number(text);
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

export function buildProgram(): Command {
  const program = new Command('daybook')
    .description('A permissioned ledger for banks: payments settled by a quorum, audited by anyone.')
    .version(version)
    .showHelpAfterError('(daybook --help shows the commands)')
    .enablePositionalOptions();
  addDevnet(program);
  addOperators(program);
  addLedger(program);
  addAudit(program);
  program.addHelpText('after', `\nExit codes: ${exitList()}. \`daybook explain exit-codes\` says more.`);
  return program;
}

function exitList(): string {
  return Object.entries(exitCodes)
    .map(([name, code]) => `${code} ${name}`)
    .join(', ');
}

function addDevnet(program: Command): void {
  const demo = leaf(program, 'demo', 'settle a sample bank day on four validators', () => import('./commands/demo.ts'));
  demo.option('--once', 'end after the verdict');
  const devnet = program.command('devnet').description('a whole ledger on this machine, to try things');
  const up = leaf(
    devnet,
    'up',
    'start the validators, on a new chain if there is none',
    () => import('./commands/devnet-up.ts'),
  );
  up.option('--validators <count>', 'how many, on a new chain; default: 4', positive);
  up.option('--detach', 'leave them running');
  up.option('--issue <currency:amount>', 'what may be issued, on a new chain', collect);
  leaf(devnet, 'status', 'what each validator does', () => import('./commands/devnet-status.ts'));
  leaf(devnet, 'kill <validator>', 'end one at once, as a power cut would', () => import('./commands/devnet-kill.ts'));
  leaf(devnet, 'restart <validator>', 'start one again', () => import('./commands/devnet-restart.ts'));
  leaf(devnet, 'down', 'end all of them; the chain stays', () => import('./commands/devnet-down.ts'));
}

function addOperators(program: Command): void {
  const genesis = program.command('genesis').description('the document that founds a ledger');
  const create = leaf(genesis, 'create', 'check and write genesis.json', () => import('./commands/genesis-create.ts'));
  create.requiredOption('--plan <file>', 'name, nonce, members, users, issuance (JSON)');
  create.requiredOption('--validator <file...>', 'public files of the validators');
  leaf(genesis, 'nonce', 'a random nonce for the plan', () => import('./commands/genesis-nonce.ts'));

  const key = program.command('key').description('keys of users and of validators to be');
  const make = leaf(key, 'new <name>', 'make a key', () => import('./commands/key-new.ts'));
  make.requiredOption('--member <id>', 'the member whose key it is');
  make.option('--passphrase-file <file>', 'file with the passphrase of the keys');
  make.option('--validator', 'a validator’s key, before there is a genesis');
  make.option('--nonce <hex>', 'the nonce of the genesis to be, with --validator');
  const rotate = leaf(
    key,
    'rotate <validator>',
    'make a validator’s next keys',
    () => import('./commands/key-rotate.ts'),
  );
  rotate.requiredOption('--member <id>', 'the member that runs it');
  rotate.option('--finish', 'they are in force: put them in the place of the former ones');
  leaf(key, 'list', 'the keys of this home', () => import('./commands/key-list.ts'));

  const governance = program.command('governance').description('changes of the validators, by officers of the members');
  const propose = leaf(
    governance,
    'propose <change> <validator>',
    'add-learner FILE (its validator.json), add-validator ID, rotate-validator-keys FILE, remove-learner ID, ' +
      'remove-validator ID; add-validator FILE registers a learner first',
    () => import('./commands/governance-propose.ts'),
  );
  signs(propose).option('--reference <text>', 'name of the proposal; a random one if absent');
  const approve = leaf(
    governance,
    'approve <proposal>',
    'approve MEMBER/REFERENCE',
    () => import('./commands/governance-approve.ts'),
  );
  signs(approve).option('--reference <text>', 'reference of the approval; a random one if absent');
  asksNodes(leaf(governance, 'show <proposal>', 'what came of it', () => import('./commands/governance-show.ts')));

  const node = program.command('node').description('one validator');
  const init = leaf(node, 'init <id>', 'make key and store together', () => import('./commands/node-init.ts'));
  init.option('--member <id>', 'the member that runs it, for a validator that genesis does not name');
  init.option('--rotated', 'come back under new keys: the store, or its votes, were lost');
  init.option('--listen <host:port>', 'where other validators reach it', '127.0.0.1:7001');
  init.option('--api <host:port>', 'where clients reach it', '127.0.0.1:7002');
  init.option('--peer <id=host:port...>', 'where the other validators are');
  const start = leaf(
    node,
    'start [id]',
    'run a validator until it is told to stop',
    () => import('./commands/node-start.ts'),
  );
  start.option('--config <file>', 'its node.toml, in place of the one in home');
  start.addOption(new Option('--parent-channel', 'end with the process that started this one').hideHelp());
  start.addOption(new Option('--parent <pid:start>', 'end with that process').hideHelp());
  asksNodes(leaf(node, 'status', 'what the validators say of themselves', () => import('./commands/node-status.ts')));
}

function addLedger(program: Command): void {
  const account = program.command('account').description('accounts');
  const open = signs(leaf(account, 'open <account>', 'open an account', () => import('./commands/account-open.ts')));
  open.requiredOption('--currency <code>', 'ISO 4217');
  open.option('--branch <id>', 'the member it belongs to; default: the signer’s');
  open.option('--overdraft-limit <amount>', 'how far below zero it may go; none: without limit', '0');
  open.option('--opening-balance <amount>', 'issued to it, if genesis allows', '0');
  open.option('--reference <text>', 'name of this operation; default: a random one');
  asksNodes(leaf(account, 'show <account>', 'one account', () => import('./commands/account-show.ts')));
  asksNodes(leaf(account, 'list', 'all accounts', () => import('./commands/account-list.ts')));
  const load = () => import('./commands/account-import.ts');
  const importing = signs(leaf(account, 'import <file>', 'open the accounts of a CSV file', load));
  importing.option('--create-branches', 'propose members for branches that are none yet');

  const transfer = program.command('transfer').description('single payments');
  const create = signs(leaf(transfer, 'create', 'pay', () => import('./commands/transfer-create.ts')));
  create.requiredOption('--from <account>', 'account to be debited');
  create.requiredOption('--to <account>', 'account to be credited');
  create.requiredOption('--amount <amount>', 'for example 12.50');
  create.requiredOption('--currency <code>', 'ISO 4217');
  create.option('--reference <text>', 'names the payment, which is never made twice; default: a new one');
  create.option('--purpose <text>', 'for the statement', '');
  create.option('--date <YYYY-MM-DD>', 'as it is to stand in the statement; default: today');
  const show = asksNodes(
    leaf(transfer, 'show <id>', 'a payment by id or reference', () => import('./commands/transfer-show.ts')),
  );
  judges(waits(show)).option('--member <id>', 'the member that made it, for a reference');

  const batch = program.command('batch').description('files of payments');
  const submit = signs(
    leaf(batch, 'submit <file>', 'pay the lines of a CSV or pain.001 file', () => import('./commands/batch-submit.ts')),
  );
  submit.addOption(new Option('--single', 'every line its own signed transaction').conflicts('bulk'));
  submit.option('--bulk', 'lines packed into batches under one signature (default)');
  submit.option('--skip-bad', 'leave out bad lines in place of refusing the file; ends with 5 then');
  submit.option(
    '--results <file>',
    'where the outcome of each line goes; default: FILE.results.csv, or in home if its folder is read-only',
  );
}

function addAudit(program: Command): void {
  const audit = program.command('audit').description('check everything without trusting anybody');
  const out = leaf(
    audit,
    'export <folder>',
    'write the whole log as an archive',
    () => import('./commands/audit-export.ts'),
  );
  asksNodes(out);
  judges(out);
  out.option('--genesis <file|hash>', 'the genesis that is expected; default: the home’s');
  const verify = leaf(
    audit,
    'verify [folder]',
    'check an archive, or a node’s whole chain',
    () => import('./commands/audit-verify.ts'),
  );
  verify.option('--node <url>', 'read from a node in place of an archive');
  verify.option('--genesis <file|hash>', 'the genesis that is expected; default: the home’s');
  judges(verify);
  verify.option('--fast', 'everything but executing the outcomes again');
  verify.option(
    '--threads <count>',
    'threads that judge signatures; default: as many as there are processors',
    threadCount,
  );
  verify.option('--resume <file>', 'keep in a file how far the audit has come, and go on from there');
  verify.addHelpText('after', verifyHelp);
  const adding = leaf(
    audit,
    'import <file> <cosignatures>',
    'add a witness’s cosignatures to a checkpoint, a receipt or an archive',
    () => import('./commands/audit-import.ts'),
  );
  adding.option('--policy <file>', 'who the witnesses are; default: the home’s policy.txt');
  const receipt = program.command('receipt').description('proof of one outcome, to keep');
  const get = asksNodes(
    leaf(receipt, 'get <id>', 'a payment’s receipt, by id or reference', () => import('./commands/receipt-get.ts')),
  );
  get.option('--member <id>', 'the member that made it, for a reference');
  judges(waits(get));
  const sets = asksNodes(
    leaf(
      receipt,
      'sets',
      'the proved changes of the validators, as a file',
      () => import('./commands/receipt-sets.ts'),
    ),
  );
  judges(waits(sets));
  const check = leaf(
    receipt,
    'verify <file>',
    'check a receipt without any network',
    () => import('./commands/receipt-verify.ts'),
  );
  check.option('--genesis <file>', 'the genesis document; default: the home’s');
  knowsSets(check);
  judges(check);
  addProofs(program, audit);
  leaf(
    program,
    'explain <code>',
    'what an outcome, an audit’s rule or an exit code means',
    () => import('./commands/explain.ts'),
  );
}

const verifyHelp = `
Ends with 0 and a line that begins with OK, or with 7 and the first rule that the log breaks: height, entry, rule, and
what is there against what is due (--json: "finding"). Rules and proofs: docs/auditing.md.

Where neither --genesis nor the home names a genesis it ends with 0 and "consistent, genesis not checked": whoever made
such a log may have made all of it up. Compare the hash that is printed with the one that you trust, or give that one
with --genesis (--json: "genesisChecked").

Ctrl-C ends it between two blocks, with 3. With --resume FILE the same command then goes on, also after a crash: blocks
that were judged are read and summed again, but their signatures and outcomes are not judged twice, and the verdict says
so. FILE goes away with an OK.

  daybook audit verify day                                whole, on every processor
  daybook audit verify day --genesis genesis.json --json  for a program
  daybook audit verify day --fast --threads 1             signatures, hashes and money; no outcome is executed again
  daybook audit verify year --resume year.resume          as often as it takes`;

function threadCount(text: string): number {
  if (!/^[1-9][0-9]{0,2}$/.test(text)) throw new InvalidArgumentError('Write a number of 1 to 999.');
  return Number(text);
}

function whole(text: string): number {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

function addProofs(program: Command, audit: Command): void {
  const load = () => import('./commands/audit-balance.ts');
  const balance = asksNodes(leaf(audit, 'balance [account]', 'prove a balance, or that there is no account', load));
  balance.option('--at <size>', 'when the log had this many entries; default: now', whole);
  balance.option('--archive <folder>', 'read from an archive in place of a node');
  balance.option('-o, --output <file>', 'write the proof');
  balance.option('--verify <file>', 'judge a proof with no network');
  balance.option('--genesis <file>', 'the genesis document; default: the home’s');
  judges(balance);
  const statement = asksNodes(
    leaf(program, 'statement <account>', 'every posting, provably complete', () => import('./commands/statement.ts')),
  );
  statement.option('--from <date|index>', 'first day (UTC), or the log index to begin with; default: the beginning');
  statement.option('--to <date|index>', 'last day (UTC), or the log index to end before; default: now');
  statement.option('--csv', 'lines as CSV, the verdict on stderr');
  statement.option('--archive <folder>', 'read from an archive in place of a node');
  statement.option('--genesis <file>', 'the genesis document; default: the home’s');
  judges(statement);
  addComparisons(audit);
}

function addComparisons(audit: Command): void {
  const sides = 'files, receipts, archives or URLs of nodes';
  const consistency = leaf(
    audit,
    'consistency <earlier> <later>',
    `prove that a log only grew between two checkpoints (${sides}), or name the fork`,
    () => import('./commands/audit-consistency.ts'),
  );
  const compare = leaf(
    audit,
    'compare <checkpoint...>',
    `checkpoints from several branches (${sides}): one log, or who cosigned two`,
    () => import('./commands/audit-compare.ts'),
  );
  for (const command of [consistency, compare]) {
    command.option('--node <url>', 'a node whose tiles prove it');
    command.option('--archive <folder>', 'an archive whose tiles prove it');
    command.option('--genesis <file>', 'the genesis document; default: the home’s');
    judges(command);
    knowsSets(command);
  }
  const load = () => import('./commands/audit-replay.ts');
  const replay = leaf(audit, 'replay <folder>', 'rebuild the state of an archive from its events alone', load);
  replay.option('--genesis <file|hash>', 'the genesis that is expected; default: the home’s');
  judges(replay);
  addEvidence(audit);
}

function addEvidence(audit: Command): void {
  const evidence = holdsKeys(
    leaf(
      audit,
      'evidence [source...]',
      'who contradicted itself, in and between archives, checkpoints and receipts',
      () => import('./commands/audit-evidence.ts'),
    ),
  );
  evidence.option('--genesis <file>', 'the genesis document; default: the home’s');
  evidence.option('--verify <file>', 'judge a report that this command printed with --json');
  knowsSets(evidence);
}
