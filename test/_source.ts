// The project's own sources as the tidy test sees them: text, code without comments and strings, and imports.
// A reader of tokens, no parser: TypeScript 7 has no programming interface of the classic kind.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export const root = join(import.meta.dirname, '../..');
export const sourceFolders = ['node', 'cli', 'contracts', 'genesis', 'bench', 'test'];

export interface Import {
  /** A path from the root for our own files, else the name of a package. */
  readonly target: string;
  readonly isType: boolean;
  readonly isPackage: boolean;
}

export interface Source {
  readonly path: string;
  readonly text: string;
  /** Comments and the contents of strings are blank; every line and column is where it was. */
  readonly code: string;
  readonly comments: string;
  readonly strings: string;
  readonly imports: readonly Import[];
}

export function filesIn(folder: string, pattern: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => pattern.test(file))
    .map((file) => `${folder}/${file}`)
    .sort();
}

export function readSource(path: string): Source {
  return sourceOf(path, readFileSync(join(root, path), 'utf8'));
}

export function sourceOf(path: string, text: string): Source {
  const kinds = kindsOf(text);
  const only = (...kept: Kind[]) => blank(text, (index) => kept.includes(kinds[index] as Kind));
  const code = only(codeKind);
  return {
    path,
    text,
    code,
    comments: only(commentKind),
    strings: only(stringKind),
    imports: importsOf(path, only(codeKind, stringKind), code),
  };
}

/** `file:line: text` of each line that matches. */
export function findLines(source: Source, where: string, pattern: RegExp): string[] {
  const shown = source.text.split('\n');
  return where
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}: ${shown[index]?.trim()}`] : []));
}

type Kind = 0 | 1 | 2;
const codeKind = 0;
const stringKind = 1;
const commentKind = 2;

function blank(text: string, isKept: (index: number) => boolean): string {
  return Array.from({ length: text.length }, (_, index) => {
    const character = text.charAt(index);
    return character === '\n' || isKept(index) ? character : ' ';
  }).join('');
}

/** What each character is part of. The quotes of a string count as code, so that an empty string stays visible. */
function kindsOf(text: string): Uint8Array {
  const kinds = new Uint8Array(text.length);
  const templates: number[] = []; // the depth of braces at each open ${
  let depth = 0;
  let before = ''; // the code so far on this line, to tell a regular expression from a division
  let at = 0;
  const take = (end: number, kind: Kind, edge: number) => {
    kinds.fill(kind, at + edge, end - edge);
    if (kind === stringKind) before = '"';
    at = end;
  };
  while (at < text.length) {
    const character = text.charAt(at);
    if (text.startsWith('//', at)) take(endOf(text, '\n', at), commentKind, 0);
    else if (text.startsWith('/*', at)) take(endOf(text, '*/', at + 2) + 2, commentKind, 0);
    else if (character === "'" || character === '"') take(quoteEnd(text, at), stringKind, 1);
    else if (character === '`' || (character === '}' && templates.at(-1) === depth)) {
      if (character === '}') templates.pop();
      const end = templateEnd(text, at + 1);
      if (text.charAt(end - 1) === '{') templates.push(depth);
      take(end, stringKind, 1);
    } else if (character === '/' && /(^|[(,=:[!&|?{};+*%<>~^-]|\b(return|case|of|in))\s*$/.test(before)) {
      take(regexEnd(text, at), stringKind, 1);
    } else {
      if (character === '{') depth++;
      if (character === '}') depth--;
      before = character === '\n' ? '' : before + character;
      at++;
    }
  }
  return kinds;
}

function endOf(text: string, mark: string, from: number): number {
  const index = text.indexOf(mark, from);
  return index < 0 ? text.length : index;
}

function quoteEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== text[start]) at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** After the closing backquote, or after the next `${`. */
function templateEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) at += text[at] === '\\' ? 2 : 1;
  return text[at] === '`' ? at + 1 : at + 2;
}

function regexEnd(text: string, start: number): number {
  let isClass = false;
  let at = start + 1;
  for (; at < text.length && text[at] !== '\n' && (isClass || text[at] !== '/'); at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '[') isClass = true;
    else if (text[at] === ']') isClass = false;
  }
  return at + 1;
}

/** Names of modules stand in strings; the words around them must not. */
function importsOf(path: string, text: string, code: string): Import[] {
  const found: (Import & { readonly at: number })[] = [];
  const add = (at: number, name: string, isType: boolean) => {
    const isPackage = !name.startsWith('.');
    found.push({ target: isPackage ? name : posix.join(posix.dirname(path), name), isType, isPackage, at });
  };
  const named =
    /^(?:import|export)\s+(type\s)?\s*([\w$]+\s*,?\s*)?(\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?)?\s*from\s+'([^']+)'/gm;
  const matches = (pattern: RegExp) => [...text.matchAll(pattern)].filter(({ index }) => code[index] !== ' ');
  for (const match of matches(named)) {
    const [, type, single, list = '', name = ''] = match;
    const names = list
      .replace(/[{}]/g, '')
      .split(',')
      .filter((part) => part.trim() !== '');
    const areTypes = single === undefined && names.length > 0 && names.every((part) => /^\s*type\s/.test(part));
    add(match.index, name, type !== undefined || areTypes);
  }
  for (const match of matches(/(?:^import\s+|\bimport\(\s*)'([^']+)'/gm)) add(match.index, match[1] ?? '', false);
  return found.sort((a, b) => a.at - b.at);
}
