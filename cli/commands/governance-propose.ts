// Proposes a change of the validators, as an officer.
import { proposeArguments } from '../../contracts/consortium.ts';
import { consortiumName } from '../../contracts/consortium-state.ts';
import { DecodeError, type Value } from '../../node/ledger/codec.ts';
import { accepted } from '../../node/ledger/entry.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { CliError } from '../exit-codes.ts';
import { outcomeLine, outcomeView, refusedError } from '../format.ts';
import { changesOf, describeChange } from '../governance.ts';
import { namingReference, newReference, runOperation } from '../operation.ts';
import { confirm } from '../passphrase.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly reference?: string;
}

export async function run(options: Options, kind: string, what: string): Promise<void> {
  const session = new Session(options);
  const changes = changesOf(kind, what);
  let args: Value;
  try {
    args = proposeArguments(changes, digestBytes(session.ledger.chainId));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CliError('usage', error.message, 'Its proofs must be for this very chain: ask its operator for them.');
  }
  const key = await session.signer();
  const reference = options.reference ?? newReference('G');
  const said = changes.map(describeChange).join(', ');
  await confirm(session, `Sign as ${key.name} of ${key.member}: propose ${said}?`);
  const operation = { contract: consortiumName, method: 'propose', args, reference };
  const naming = namingReference(options.reference, reference);
  const { outcome, already } = await runOperation(session, key, operation).catch(naming);
  const view = outcomeView(key.member, reference, outcome, already, await meetPolicy(session).catch(naming));
  const proposal = `${key.member}/${reference}`;
  session.output.data({ proposal, changes: changes.map(describeChange), ...view }, () =>
    [`${said}: ${outcomeLine(view)}`, ...(outcome.outcome === accepted ? [approvalHint(proposal)] : [])].join('\n'),
  );
  if (outcome.outcome !== accepted) throw refusedError(view);
}

function approvalHint(proposal: string): string {
  return `Officers of other members approve it: daybook governance approve ${proposal}`;
}
