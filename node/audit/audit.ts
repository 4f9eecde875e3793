// The whole audit, as the command line calls it: formats, hashes, certificates and signatures, and every block again.
import type { Verdict } from './finding.ts';
import { Rebuild, Replay } from './replay.ts';
import type { Source } from './source.ts';
import { type VerifyOptions, verifyFormat } from './verify.ts';

/** Throws SourceUnreachableError when nobody answers; everything that a source says becomes the verdict. */
export async function verify(source: Source, options: VerifyOptions = {}): Promise<Verdict> {
  return verifyFormat(source, { ...options, follow: (genesis) => new Replay(genesis) });
}

/** Formats and signatures as above; state is rebuilt from events alone, and every state root compared. */
export async function rebuild(source: Source, options: VerifyOptions = {}): Promise<Verdict> {
  return verifyFormat(source, { ...options, follow: (genesis) => new Rebuild(genesis) });
}
