// The whole audit, as the command line calls it: formats, hashes, certificates and signatures, and every block again.
import { Bookkeeper } from './bookkeeper.ts';
import type { Verdict } from './finding.ts';
import { Rebuild, Replay } from './replay.ts';
import type { Source } from './source.ts';
import { type VerifyOptions, verifyFormat } from './verify.ts';

/** Throws SourceUnreachableError when nobody answers; everything that a source says becomes the verdict. */
export async function verify(source: Source, options: VerifyOptions = {}): Promise<Verdict> {
  return verifyFormat(source, { ...options, project: (genesis) => new Replay(genesis) });
}

/** All of it but execution: what the rules of money say of the events is still held. */
export async function verifyFast(source: Source, options: VerifyOptions = {}): Promise<Verdict> {
  return verifyFormat(source, { ...options, mode: 'fast', project: (genesis) => new Bookkeeper(genesis) });
}

/** Formats and signatures as above; state is rebuilt from events alone, and every state root compared. */
export async function rebuild(source: Source, options: VerifyOptions = {}): Promise<Verdict> {
  return verifyFormat(source, { ...options, project: (genesis) => new Rebuild(genesis) });
}
