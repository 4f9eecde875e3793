// A nonce for a genesis to be. It is needed first: the validators' proofs of possession sign it.
import { randomBytes } from 'node:crypto';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions): Promise<void> {
  const nonce = randomBytes(32).toString('hex');
  new Session(options).output.data({ nonce }, () => nonce);
}
