// docs/formats.md as data: its worked examples (fenced blocks with a language and a name) and the field tables (whose
// first heading names the format in backticks).
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../_source.ts';

const file = join(root, 'docs/formats.md');
const fence = /^```(hex|json|text) ([a-z0-9-]+)\n([\s\S]*?)^```$/gm;

export class FormatsPage {
  #text = readFileSync(file, 'utf8');

  get text(): string {
    return this.#text;
  }

  /** Name -> text of the block. */
  examples(): Map<string, string> {
    return new Map([...this.#text.matchAll(fence)].map(([, , name = '', body = '']) => [name, body]));
  }

  /** The fields that the page's table gives a format, in order. */
  readonly namesOf = (format: string): readonly string[] | undefined => {
    const lines = this.#text.split('\n');
    const head = format === '' ? -1 : lines.indexOf(`| \`${format}\` | type | meaning |`);
    if (head < 0) return undefined;
    const end = lines.findIndex((line, i) => i > head && !line.startsWith('|'));
    return lines.slice(head + 2, end).map((line) => /^\| `([^`]+)` \|/.exec(line)?.[1] ?? `not a field: ${line}`);
  };

  /** Puts computed examples in the place of those that stand there (UPDATE=1); the diff is then reviewed as code. */
  rewrite(computed: ReadonlyMap<string, string>): void {
    this.#text = this.#text.replaceAll(fence, (all, language: string, name: string) => {
      const body = computed.get(name);
      return body === undefined ? all : `\`\`\`${language} ${name}\n${body}\`\`\``;
    });
    writeFileSync(file, this.#text);
  }
}
