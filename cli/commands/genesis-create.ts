// Puts a plan and the validators' public files together into genesis.json, checked as every node will check it.
import { existsSync } from 'node:fs';
import { defaultParameters } from '../../contracts/consortium-state.ts';
import { chainIdOf, type Genesis, GenesisError, genesisEntry } from '../../genesis/genesis.ts';
import { formatGenesis, parseGenesis } from '../../genesis/genesis-text.ts';
import { CliError } from '../exit-codes.ts';
import { isObject, type JsonObject, readInput, writeFileDurably } from '../files.ts';
import { type CommonOptions, Session } from '../session.ts';

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
  const genesis = checkedGenesis(JSON.stringify(document), options);
  const chainId = chainIdOf(genesisEntry(genesis));
  writeFileDurably(paths.genesis, formatGenesis(genesis));
  output.data({ file: paths.genesis, chainId, validators: genesis.validators.length }, () =>
    [`${paths.genesis} founds chain ${chainId}.`, 'Give it to every member; they compare that number.'].join('\n'),
  );
}

/** What is wrong stands under the name of the file that it came from. */
function checkedGenesis(text: string, { plan, validator }: Options): Genesis {
  try {
    return parseGenesis(text);
  } catch (error) {
    if (!(error instanceof GenesisError)) throw error;
    const place = /^validators\[([0-9]+)\]/.exec(error.message)?.[1];
    const file = place === undefined ? undefined : validator[Number(place)];
    const advice = /proof of possession/.test(error.message)
      ? `Was ${file} made for another nonce? If not, get it again from its operator. Nothing was written.`
      : 'Nothing was written. Correct the file named.';
    throw new CliError('usage', `${file ?? plan}: ${error.message}`, advice);
  }
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
