// Starts a devnet and, unless detached, stays up until Ctrl-C.
import { apiUrl, demoPassphrase, readDevnet } from '../devnet-files.ts';
import { startDevnet, stopDevnet } from '../devnet-processes.ts';
import { CliError } from '../exit-codes.ts';
import { type HomePaths, shownPath } from '../home.ts';
import { parseIssuance } from '../issuance.ts';
import { isAlive } from '../process-alive.ts';
import { type CommonOptions, Session } from '../session.ts';
import { untilTold } from '../until-told.ts';

interface Options extends CommonOptions {
  readonly validators?: number;
  readonly detach?: boolean;
  readonly issue?: readonly string[];
}

const validatorsDefault = 4;

export async function run(options: Options): Promise<void> {
  const session = new Session(options);
  const { paths, output } = session;
  const planned = checkedCount(paths, options.validators);
  const issuance = (options.issue ?? []).map(parseIssuance);
  const began = Date.now();
  const keeper = options.detach === true ? 'nobody' : 'channel';
  const starting = startDevnet(paths, { validators: planned, issuance, keeper });
  // Detached, the default stands: Ctrl-C ends this command.
  const told = options.detach === true ? starting.then(() => undefined) : untilTold();
  const started = await Promise.race([starting, told]);
  if (started === undefined) return down(session);
  const { state, isNew, ended } = started;
  const seconds = ((Date.now() - began) / 1_000).toFixed(1);
  const home = shownPath(paths.folder);
  const validators = state.validators.map((each) => ({ id: each.id, api: apiUrl(each), pid: each.process?.pid }));
  output.data({ home: paths.folder, isNew, validators, demoPassphrase }, () =>
    [
      `${validators.length} validators are ready after ${seconds} s, on ${isNew ? 'a new' : 'the existing'} chain:`,
      ...validators.map(({ id, api, pid }) => `  ${id}  ${api}  pid ${pid}`),
      `Demo keys are in ${shownPath(paths.keys)}; their passphrase is ${demoPassphrase}. Use them for nothing else.`,
      `Try: daybook account open ALICE --currency EUR --branch BRANCH-1 --home ${home} --yes`,
      options.detach === true ? `End it: daybook devnet down --home ${home}` : 'Ctrl-C ends it.',
    ].join('\n'),
  );
  if (options.detach === true) return;
  // A validator may be killed and restarted from another terminal: only when none is left is there nothing to keep.
  const allGone = ended.then(async () => {
    while (readDevnet(paths)?.validators.some(({ process: mark }) => mark !== undefined && isAlive(mark)) === true)
      await new Promise((resolve) => setTimeout(resolve, 500));
  });
  await Promise.race([told, allGone]);
  await down(session);
}

/** How many a new chain is to have. Throws where the chain that is there has another number. */
function checkedCount(paths: HomePaths, asked: number | undefined): number {
  if (asked === undefined) return validatorsDefault;
  if (asked < 4 || asked > 100)
    throw new CliError('usage', `${asked} validators`, 'Fewer than 4 bear no fault; more than 100 are refused.');
  const before = readDevnet(paths)?.validators.length ?? asked;
  if (before !== asked)
    throw new CliError(
      'usage',
      `the chain in ${paths.folder} has ${before} validators, not ${asked}`,
      'Leave --validators out, or begin another chain in another --home.',
    );
  return asked;
}

async function down({ paths, output }: Session): Promise<never> {
  await stopDevnet(paths);
  output.note('the devnet is down; the chain stays');
  process.exit(0);
}
