// An audit as the tests of findings run it: once on one thread and once with others that judge signatures ahead. Both
// must say the same, whatever is wrong with the log, so every planted fault of those tests holds this too.
import { deepStrictEqual } from 'node:assert/strict';
import test from 'ava';
import { verify as verifyWith } from '../../node/audit/audit.ts';
import type { Verdict } from '../../node/audit/finding.ts';
import { SignaturePool } from '../../node/audit/signature-pool.ts';
import type { Source } from '../../node/audit/source.ts';
import type { VerifyOptions } from '../../node/audit/verify.ts';

const pool = new SignaturePool({ workers: 2, worthwhile: 0 });
test.after.always(() => pool.close());

export async function verify(source: Source, options: VerifyOptions = {}): Promise<Verdict> {
  const alone = await verifyWith(source, options);
  deepStrictEqual(await verifyWith(source, { ...options, pool }), alone);
  return alone;
}
