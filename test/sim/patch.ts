// Unified diffs against the sources, found by their text: line numbers may move, but what a hunk takes away and stands
// beside must be there exactly once. The first line of a patch is its title; a second one names options of the
// simulator that lead to the place.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Hunk {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

export interface Patch {
  readonly name: string;
  readonly title: string;
  readonly options: readonly string[];
  readonly hunks: readonly Hunk[];
}

export function readPatches(folder: string): Patch[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.patch'));
  return names.sort().map((name) => parsePatch(name.replace(/\.patch$/, ''), readFileSync(join(folder, name), 'utf8')));
}

export function parsePatch(name: string, text: string): Patch {
  const lines = text.split('\n').slice(0, -1);
  const hunks: { file: string; before: string; after: string }[] = [];
  const head: string[] = [];
  let file = '';
  for (const line of lines) {
    const last = hunks.at(-1);
    if (line.startsWith('--- a/')) file = line.slice(6);
    else if (line.startsWith('+++ ')) continue;
    else if (line.startsWith('@@')) hunks.push({ file, before: '', after: '' });
    else if (last === undefined) head.push(line);
    else {
      if (!line.startsWith('+')) last.before += `${line.slice(1)}\n`;
      if (!line.startsWith('-')) last.after += `${line.slice(1)}\n`;
    }
  }
  const [title = name, options = ''] = head;
  return { name, title, options: options.split(' ').filter((word) => word !== ''), hunks };
}

/** The text of each file that the patch changes. Throws an Error that names the hunk which does not fit. */
export function applied(patch: Patch, read: (file: string) => string): Map<string, string> {
  const files = new Map<string, string>();
  for (const { file, before, after } of patch.hunks) {
    const text = files.get(file) ?? read(file);
    const parts = text.split(before);
    if (parts.length !== 2)
      throw new Error(`${patch.name}: this stands ${parts.length - 1} times in ${file}, not once:\n${before}`);
    files.set(file, parts.join(after));
  }
  return files;
}
