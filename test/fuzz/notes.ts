// The texts of the transparency log that others write: signed notes, checkpoints, verifier keys. What is read must be
// written as the same bytes, and no changed note may verify for another tree head.
import { checkpointText, cosignerKey, originOf, parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { checkpointNote, isSignedBy } from '../../node/ledger/cosignature.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { formatVerifierKey, parseVerifierKey } from '../../node/ledger/verifier-key.ts';
import { validatorsOf } from '../network/_consortium.ts';
import { refusing, type Target } from './engine.ts';
import { log, stableCheckpoint } from './samples.ts';

const words = [
  '\u2014 ',
  '\n\n',
  '\n',
  '+',
  '0',
  '-1',
  '1e9',
  '9007199254740993',
  'AAAA',
  '=',
  ' ',
  '\u0085',
  '\u00a0',
  'sumdb/note',
];
const validators = validatorsOf(4);

const note: Target = {
  name: 'note',
  kind: 'text',
  words,
  async open() {
    const good = stableCheckpoint();
    const bytes = checkpointNote(log, good, validators);
    const text = checkpointText({ origin: originOf(log), ...good });
    const keys = validators.map((each) => cosignerKey(log, each));
    const run = (input: Uint8Array) =>
      refusing(() => {
        const parsed = parseNote(input);
        if (!Buffer.from(formatNote(parsed)).equals(input)) throw new Error('accepted, but it is written otherwise');
        const checkpoint = parseCheckpointText(parsed.text);
        const signers = keys.filter((key) => parsed.signatures.some((each) => isSignedBy(key, checkpoint, each)));
        if (signers.length > 0 && parsed.text !== text) throw new Error('a changed text verifies');
        return signers.length === 0 ? 'nobody' : signers.length === keys.length ? 'all' : 'some';
      }, DecodeError);
    return { seeds: [bytes], run };
  },
};

const checkpoint: Target = {
  name: 'checkpoint',
  kind: 'text',
  words,
  async open() {
    const run = (input: Uint8Array) =>
      refusing(() => {
        const text = Buffer.from(input).toString('utf8');
        if (checkpointText(parseCheckpointText(text)) !== text)
          throw new Error('accepted, but it is written otherwise');
        return 'accepted';
      }, DecodeError);
    return { seeds: [Buffer.from(checkpointText({ origin: originOf(log), ...stableCheckpoint() }))], run };
  },
};

const verifierKeys: Target = {
  name: 'verifier-key',
  kind: 'text',
  words,
  async open() {
    const run = (input: Uint8Array) =>
      refusing(() => {
        const text = Buffer.from(input).toString('utf8');
        if (formatVerifierKey(parseVerifierKey(text)) !== text)
          throw new Error('accepted, but it is written otherwise');
        return 'accepted';
      }, DecodeError);
    return { seeds: validators.map((each) => Buffer.from(formatVerifierKey(cosignerKey(log, each)))), run };
  },
};

export const notes: readonly Target[] = [note, checkpoint, verifierKeys];
