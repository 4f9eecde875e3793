// Every change of the validators since genesis with its proof, as one file: with it and the genesis document a receipt
// of any later time verifies without a network.
import { decodeHeader } from '../../node/ledger/entry.ts';
import { encodeAs } from '../../node/ledger/schema.ts';
import { setLinksSchema } from '../../node/ledger/set-chain.ts';
import { refuseTerminal } from '../output.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';
import { decodedLink, knownSets } from '../trusted-sets.ts';

const advice = 'Send them to a file: daybook receipt sets > sets. --json gives them in hex.';

export async function run(options: CommonOptions): Promise<void> {
  const session = new Session(options);
  if (options.json !== true) refuseTerminal(process.stdout, 'the validator sets', advice);
  const { client } = session;
  await client.reachAll();
  const links = [...knownSets(session.paths, session.ledger).links, ...client.learnt];
  const decoded = links.map(decodedLink);
  for (const { header } of decoded) client.rely(decodeHeader(header));
  await meetPolicy(session);
  const bytes = encodeAs(setLinksSchema, decoded);
  if (options.json === true)
    session.output.data({ changes: links.length, sets: Buffer.from(bytes).toString('hex') }, () => '');
  else process.stdout.write(bytes);
}
