// An audit that is stopped at a height, and the run that goes on.
import { existsSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { verify } from '../../node/audit/audit.ts';
import type { SignaturePool } from '../../node/audit/signature-pool.ts';
import type { Source } from '../../node/audit/source.ts';
import { AuditStopped, type VerifyOptions } from '../../node/audit/verify.ts';

export const testVersion = 'test';

export interface Run {
  readonly file: string;
  readonly on: Source;
  readonly judge?: typeof verify;
  readonly pool?: SignaturePool;
}

/** Judges until the block of that height was kept, then stops. */
export async function stopAuditAt(
  t: ExecutionContext,
  height: number,
  { file, on, judge = verify }: Run,
): Promise<void> {
  const stop = new AbortController();
  const onSaved = (at: number) => {
    if (at === height) stop.abort();
  };
  const resume = { file, version: testVersion, everyMs: 0, onNote: (text: string) => t.fail(text), onSaved };
  const stopped = await t.throwsAsync(judge(on, { resume, signal: stop.signal }), { instanceOf: AuditStopped });
  t.is(stopped?.height, height);
  t.true(existsSync(file));
}

export async function goOnWith({ file, on, judge = verify, pool }: Run, options: VerifyOptions = {}) {
  const notes: string[] = [];
  const resume = { file, version: testVersion, onNote: (text: string) => void notes.push(text) };
  return { verdict: await judge(on, { ...options, pool, resume }), notes };
}
