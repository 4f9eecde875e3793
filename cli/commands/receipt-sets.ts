// Every change of the validators since genesis with its proof, as one file: with it and the genesis document a receipt
// of any later time verifies without a network.
import { encodeAs } from '../../node/ledger/schema.ts';
import { setLinksSchema } from '../../node/ledger/set-chain.ts';
import { type CommonOptions, Session } from '../session.ts';
import { decodedLink, knownSets } from '../trusted-sets.ts';

export async function run(options: CommonOptions): Promise<void> {
  const session = new Session(options);
  const { client } = session;
  await client.reachAll();
  const links = [...knownSets(session.paths, session.ledger).links, ...client.learnt];
  const bytes = encodeAs(setLinksSchema, links.map(decodedLink));
  if (options.json === true)
    session.output.data({ changes: links.length, sets: Buffer.from(bytes).toString('hex') }, () => '');
  else process.stdout.write(bytes);
}
