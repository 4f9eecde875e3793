// A folder of a test's own, removed when the test is over.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export function testFolder(t: ExecutionContext): string {
  const folder = newFolder();
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'daybook-store-'));
}
