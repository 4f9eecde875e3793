// Transcripts: a stanza is a command, a line of four dashes, and what comes of it. With UPDATE=1 what comes is written
// into the file; the difference is then read like code.
import { readFileSync, writeFileSync } from 'node:fs';

const rule = '----';

/** Runs the stanzas of a file in order. Lines that begin with '#', and stanzas without a rule, are for the reader. */
export function replay(file: string, handle: (command: string) => string): { want: string; got: string } {
  const want = readFileSync(file, 'utf8');
  const stanzas = want.trimEnd().split(/\n\n+/);
  const got = `${stanzas.map((stanza) => replayOne(stanza, handle)).join('\n\n')}\n`;
  if (process.env['UPDATE'] === '1' && got !== want) writeFileSync(file, got);
  return { want: process.env['UPDATE'] === '1' ? got : want, got };
}

function replayOne(stanza: string, handle: (command: string) => string): string {
  const lines = stanza.split('\n');
  const end = lines.indexOf(rule);
  if (end < 0) return stanza;
  const commands = lines.slice(0, end).filter((line) => !line.startsWith('#'));
  const output = commands.map(handle).filter((text) => text !== '');
  return [...lines.slice(0, end + 1), ...(output.length === 0 ? ['nothing'] : output)].join('\n');
}
