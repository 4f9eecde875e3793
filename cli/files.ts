// Files that must be whole or absent, and of their owner only where they hold secrets.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { CliError } from './exit-codes.ts';

export const ownerOnly = 0o600;
const everyone = 0o644;

/** Durable when it returns: a crash leaves the old file or the new one, never a part. */
export function writeFileDurably(path: string, content: string | Uint8Array, mode: number = everyone): void {
  mkdirSync(dirname(path), { recursive: true });
  const next = `${path}.${process.pid}.next`;
  const file = openSync(next, 'w', mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  syncFolder(dirname(path));
}

/** A rename or a new file is durable once its folder is. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export function writeJson(path: string, value: unknown, mode?: number): void {
  writeFileDurably(path, `${JSON.stringify(value, null, 2)}\n`, mode);
}

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON object from a file of ours, or undefined where there is no file. */
export function readJson(path: string): JsonObject | undefined {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unreadable';
    throw new CliError('failed', `${path} is damaged: ${reason}`, 'Restore it from a copy.');
  }
  if (!isObject(value))
    throw new CliError('failed', `${path} is damaged: not a JSON object`, 'Restore it from a copy.');
  return value;
}

/** The text of a file that a user named. */
export function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw unreadable(path, code);
  }
}

/** A file that a user named and that could not be read, by the system's code for it. */
export function unreadable(path: string, code: string): CliError {
  const reason = inputReasons[code] ?? code;
  const isForbidden = code === 'EACCES' || code === 'EPERM';
  return new CliError('usage', `cannot read ${path}: ${reason}`, isForbidden ? permissionAdvice : 'Check the path.');
}

export const permissionAdvice = 'Give the user who runs this command the right to it, or run it as the one who has it.';

const inputReasons: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
};
