// Compiled code that is kept between two starts saves time and decides nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';

const dist = resolve(import.meta.dirname, '../..');
const hasCache = 'enableCompileCache' in module;

function explain(environment: { readonly [name: string]: string } = {}) {
  const child = spawnSync(process.execPath, [join(dist, 'cli/main.js'), 'explain', 'AM04'], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  return { code: child.status, said: child.stdout };
}

test('compiled code is kept beside the code, where this Node can', (t) => {
  const { code, said } = explain();
  t.is(code, 0);
  t.regex(said, /AM04/);
  t.is(existsSync(join(dist, '.compile-cache')), hasCache);
});

test('kept code that is damaged, or cannot be kept, changes nothing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-compiled-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const kept = { NODE_COMPILE_CACHE: folder };
  const first = explain(kept);
  t.is(first.code, 0);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());
  t.is(files.length > 10, hasCache);
  for (const file of files) {
    const bytes = readFileSync(file);
    for (let at = 0; at < bytes.length; at += 97) bytes[at] = (bytes[at] ?? 0) ^ 0x20;
    writeFileSync(file, bytes);
  }
  t.deepEqual(explain(kept), first);
  t.deepEqual(explain({ NODE_COMPILE_CACHE: join(files[0] ?? folder, 'no-folder') }), first);
});
