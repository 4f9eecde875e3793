// Where the conformance data lies: DAYBOOK_DATA, else shared/data beside the project. Tests that need it are skipped,
// with one line, where it is absent; none of it is copied into the project.

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const named = process.env['DAYBOOK_DATA'] ?? resolve(import.meta.dirname, '../../../shared/data');

/** The folder with the conformance data, where there is one. */
export const dataFolder = existsSync(named) ? named : undefined;

/** The path of a data file, or undefined. */
export function dataPath(...parts: string[]): string | undefined {
  const path = join(named, ...parts);
  return existsSync(path) ? path : undefined;
}

export function readData(...parts: string[]): string {
  return readFileSync(join(named, ...parts), 'utf8');
}

export function readDataJson<T>(...parts: string[]): T {
  return JSON.parse(readData(...parts)) as T;
}

type TestWithData = (title: string, implementation: (t: ExecutionContext) => void | Promise<void>) => void;

/** `test`, or where the named data is absent a skipped test whose title says so. */
export function testWithData(...parts: string[]): TestWithData {
  return givenData(test, parts);
}

/** `test.serial`, likewise. */
export function serialTestWithData(...parts: string[]): TestWithData {
  return givenData(test.serial, parts);
}

/** `test.serial`, or where something is missing a skipped test whose title says what. */
export function serialTestUnless(missing: string | undefined): TestWithData {
  return missing === undefined
    ? test.serial
    : (title, implementation) => test.skip(`${title} (${missing})`, implementation);
}

function givenData(register: TestWithData, parts: readonly string[]): TestWithData {
  if (dataPath(...parts) !== undefined) return register;
  const missing = `no ${parts.join('/') || 'data'}: DAYBOOK_DATA names the folder with the conformance data`;
  return (title, implementation) => test.skip(`${title} (${missing})`, implementation);
}
