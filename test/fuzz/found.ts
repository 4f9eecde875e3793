// What fuzzing found, one file each: the target, why it was wrong, and the smallest input in base64.

export interface Found {
  readonly target: string;
  readonly story: string;
  readonly input: Uint8Array;
}

export function formatFound({ target, story, input }: Found): string {
  const base64 = Buffer.from(input)
    .toString('base64')
    .replace(/.{100}/g, '$&\n');
  return `target: ${target}\nstory: ${story}\n\n${base64}\n`;
}

export function parseFound(text: string): Found {
  const [, target = '', story = '', base64 = ''] = /^target: (.*)\nstory: ((?:.|\n)*?)\n\n([\s\S]*)$/.exec(text) ?? [];
  return { target, story, input: new Uint8Array(Buffer.from(base64, 'base64')) };
}
