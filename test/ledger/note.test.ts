// Signed notes, verifier keys, checkpoints and cosignatures against what other tools wrote, and against every way in
// which a form could be read twice.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { checkpointText, parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { decodeTimed, encodeTimed, isSignedBy } from '../../node/ledger/cosignature.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';
import { formatNote, noteBytesMax, noteSignaturesMax, parseNote } from '../../node/ledger/note.ts';
import { verify } from '../../node/ledger/signature.ts';
import { formatVerifierKey, parseVerifierKey, verifierKey } from '../../node/ledger/verifier-key.ts';
import { dataPath, readData, readDataJson, testWithData } from '../_data.ts';

const sample = ['vectors', 'tlog', 'sample-log'];
const utf8 = (text: string) => new TextEncoder().encode(text);

testWithData(
  'vectors',
  'tlog',
  'signed_note.json',
)('the note that another implementation signed is read, and its key verifies it', (t) => {
  const vector = readDataJson<{ vkey: string; text: string; signed: string }>('vectors', 'tlog', 'signed_note.json');
  const key = parseVerifierKey(vector.vkey);
  t.is(formatVerifierKey(key), vector.vkey);
  t.is(key.type, 'note');
  const note = parseNote(utf8(vector.signed));
  t.is(note.text, vector.text);
  t.deepEqual(
    note.signatures.map(({ name, keyId }) => [name, keyId]),
    [[key.name, key.keyId]],
  );
  t.true(verify(utf8(note.text), note.signatures[0]?.signature ?? new Uint8Array(0), key.publicKey));
  t.deepEqual(formatNote(note), utf8(vector.signed));
});

testWithData(...sample)('the checkpoint of the sample log is read, and every line verifies under its key', (t) => {
  const bytes = new Uint8Array(readFileSync(dataPath(...sample, 'checkpoint') ?? ''));
  const note = parseNote(bytes);
  const checkpoint = parseCheckpointText(note.text);
  t.is(checkpoint.size, 600);
  t.is(checkpointText(checkpoint), note.text);
  t.deepEqual(new Uint8Array(formatNote(note)), bytes);
  const files = ['log', 'validator-1', 'validator-2', 'validator-3', 'witness-1'];
  const keys = files.map((name) => parseVerifierKey(readData(...sample, 'aux', `${name}.vkey`).trim()));
  t.deepEqual(
    keys.map(({ type }) => type),
    ['note', 'cosignature', 'cosignature', 'cosignature', 'cosignature'],
  );
  keys.forEach((key, i) => {
    const line = note.signatures[i] ?? { name: '', keyId: '', signature: new Uint8Array(0) };
    t.true(isSignedBy(key, checkpoint, line), files[i]);
    t.false(isSignedBy(key, { ...checkpoint, size: 601 }, line));
    t.false(isSignedBy(key, checkpoint, { ...line, signature: line.signature.slice(1) }));
    if (key.type === 'note') return;
    const timed = decodeTimed(line.signature);
    t.deepEqual(encodeTimed(timed), line.signature);
    t.false(isSignedBy(key, checkpoint, { ...line, signature: encodeTimed({ ...timed, time: timed.time + 1 }) }));
  });
});

const good = 'first\nsecond\n\n\u2014 a.example/x AAAAAQI=\n\u2014 b AAAAAgI=\n';

test('a note has one form', (t) => {
  const note = parseNote(utf8(good));
  t.is(note.text, 'first\nsecond\n');
  t.is(note.signatures.length, 2);
  t.deepEqual(formatNote(note), utf8(good));
  t.is(parseNote(utf8(`a\n\nb\n\n\u2014 b AAAAAgI=\n`)).text, 'a\n\nb\n');
  const bad: readonly (readonly [string, string])[] = [
    ['no signature', 'first\n\n'],
    ['no empty line', 'first\n\u2014 b AAAAAgI=\n'],
    ['no text', '\n\u2014 b AAAAAgI=\n'],
    ['no last newline', good.slice(0, -1)],
    ['a carriage return', good.replace('first\n', 'first\r\n')],
    ['a tab', good.replace('first', 'fi\trst')],
    ['a hyphen for the dash', good.replace('\u2014 b', '- b')],
    ['two spaces', good.replace('b AAAA', 'b  AAAA')],
    ['a space after it', good.replace('AAAAAgI=\n', 'AAAAAgI= \n')],
    ['no name', good.replace('\u2014 b ', '\u2014  ')],
    ['a plus in a name', good.replace('\u2014 b ', '\u2014 b+ ')],
    ['a no-break space in a name', good.replace('\u2014 b ', '\u2014 b\u00a0c ')],
    ['a next-line character in a name', good.replace('\u2014 b ', '\u2014 b\u0085c ')],
    ['base64 without padding', good.replace('AAAAAgI=', 'AAAAAgI')],
    ['base64 with other last bits', good.replace('AAAAAgI=', 'AAAAAgJ=')],
    ['base64 of another alphabet', good.replace('AAAAAgI=', 'AAAAA-I=')],
    ['only a key id', good.replace('AAAAAgI=', 'AAAAAg==')],
    ['a key twice', good.replace('\u2014 b AAAAAgI=', '\u2014 a.example/x AAAAAQM=')],
    ['a line after it', `${good}more\n`],
    [
      'too many signatures',
      `x\n\n${Array.from({ length: noteSignaturesMax + 1 }, (_, i) => `\u2014 n${i} AAAAAgI=\n`).join('')}`,
    ],
    ['too long', `${'x'.repeat(noteBytesMax)}${good}`],
  ];
  for (const [what, text] of bad) t.throws(() => parseNote(utf8(text)), { instanceOf: DecodeError }, what);
  const broken = utf8(good);
  broken[0] = 0xff;
  t.throws(() => parseNote(broken), { instanceOf: DecodeError }, 'not UTF-8');
  t.throws(() => parseNote(Uint8Array.from([0xef, 0xbb, 0xbf, 0xc3, ...utf8(good)])), { instanceOf: DecodeError });
});

test('a checkpoint is exactly three lines, and never of size 0', (t) => {
  const root = Buffer.from(sha256(utf8('root'))).toString('base64');
  const text = `daybook.example/x\n12\n${root}\n`;
  t.is(checkpointText(parseCheckpointText(text)), text);
  const bad = [
    `daybook.example/x\n12\n${root}\nextension\n`,
    `daybook.example/x\n12\n${root}\n\n`,
    `daybook.example/x\n12\n${root}`,
    `daybook.example/x\n12\n`,
    `\n12\n${root}\n`,
    `daybook.example/x\n0\n${root}\n`,
    `daybook.example/x\n012\n${root}\n`,
    `daybook.example/x\n-12\n${root}\n`,
    `daybook.example/x\n1e2\n${root}\n`,
    `daybook.example/x\n9007199254740992\n${root}\n`,
    `daybook.example/x\n12\n${root.slice(0, -1)}\n`,
    `daybook.example/x\n12\n${Buffer.alloc(31).toString('base64')}\n`,
    `daybook.example/x\n12\n${toHex(sha256(utf8('root')))}\n`,
  ];
  for (const each of bad) t.throws(() => parseCheckpointText(each), { instanceOf: DecodeError }, JSON.stringify(each));
});

test('a verifier key has one form, and its id is that of its bytes', (t) => {
  const text = formatVerifierKey(verifierKey('daybook.example/validator/a', 'cosignature', sha256(utf8('key'))));
  t.is(formatVerifierKey(parseVerifierKey(text)), text);
  const [name = '', id = '', material = ''] = text
    .split('+', 3)
    .map((part, i) => (i < 2 ? part : text.slice(text.indexOf(part))));
  const typed = (type: number, length = 32) => Buffer.from([type, ...new Uint8Array(length)]).toString('base64');
  const bad = [
    '',
    name,
    `${name}+${id}`,
    `${name}+${id}+`,
    `+${id}+${material}`,
    `a b+${id}+${material}`,
    `${name}+${id.toUpperCase() === id ? '00000000' : id.toUpperCase()}+${material}`,
    `${name}+00000000+${material}`,
    `other+${id}+${material}`,
    `${name}+${id}+${material}=`,
    `${name}+${id}+${typed(6)}`,
    `${name}+${id}+${typed(1, 31)}`,
  ];
  for (const each of bad) t.throws(() => parseVerifierKey(each), { instanceOf: DecodeError }, each);
});

test('a time in a cosignature is 64 bits, and in no far future', (t) => {
  const timed = { time: 1_795_000_000, signature: new Uint8Array(64).fill(7) };
  t.deepEqual(decodeTimed(encodeTimed(timed)), timed);
  t.throws(() => decodeTimed(encodeTimed(timed).slice(1)), { instanceOf: DecodeError });
  const far = encodeTimed(timed);
  far[0] = 1;
  t.throws(() => decodeTimed(far), { instanceOf: DecodeError });
});
