// Puts a plan and the validators' public files together into genesis.json, checked as every node will check it.
import { existsSync } from 'node:fs';
import { defaultParameters } from '../../contracts/consortium-state.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import { CliError } from '../exit-codes.ts';
import { isObject, type JsonObject, readInput, writeFileDurably } from '../files.ts';
import { type CommonOptions, readLedger, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly plan: string;
  readonly validator: readonly string[];
}

export async function run(options: Options): Promise<void> {
  const { paths, output } = new Session(options);
  if (existsSync(paths.genesis))
    throw new CliError(
      'usage',
      `${paths.genesis} is there already`,
      'A genesis document never changes: use another --home.',
    );
  const { name, nonce, members, users, issuance, parameters, ...unknown } = parseObject(options.plan);
  const [surplus] = Object.keys(unknown);
  if (surplus !== undefined)
    throw new CliError(
      'usage',
      `${options.plan}: unknown field ${surplus}`,
      'A plan has name, nonce, members, users, issuance, parameters.',
    );
  const document = {
    version: 1,
    name,
    nonce,
    timestamp: new Date().toISOString(),
    parameters: parameters ?? defaultParameters,
    validators: options.validator.map(parseObject),
    consortium: { members, users },
    payments: { issuance: issuance ?? [] },
  };
  const { genesis, chainId } = readLedger(
    JSON.stringify(document),
    options.plan,
    'Nothing was written. Correct the plan or the file named.',
  );
  writeFileDurably(paths.genesis, formatGenesis(genesis));
  output.data({ file: paths.genesis, chainId, validators: genesis.validators.length }, () =>
    [`${paths.genesis} founds chain ${chainId}.`, 'Give it to every member; they compare that number.'].join('\n'),
  );
}

function parseObject(file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(readInput(file).toString('utf8'));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(
      'usage',
      `${file} is no JSON: ${error instanceof Error ? error.message : ''}`,
      'Correct the file.',
    );
  }
  if (!isObject(value)) throw new CliError('usage', `${file} holds no JSON object`, 'Correct the file.');
  return value;
}
