// A contract that knows no money, for tests of the host: notes that are replaced only by who names the version that is
// there, and methods that do what a contract should not.
import type { Collection, Contract, Method } from '../../contracts/contract.ts';
import { HostError } from '../../node/execution/host.ts';
import { DecodeError, type Value } from '../../node/ledger/codec.ts';
import { referenceText } from '../../node/ledger/identifiers.ts';
import { anyValue, integer, list, record, type TypeOf, text, uint } from '../../node/ledger/schema.ts';

const noteSchema = record({ version: uint, text: text(0, 200), author: text(1, 80), index: uint });
export const notesCollection: Collection<TypeOf<typeof noteSchema>> = { name: 'notes', schema: noteSchema };

const putArgs = record({ id: text(1, 20), version: uint, text: text(0, 200) });
const putEvent = record({ id: text(1, 20), note: noteSchema });
const put: Method<TypeOf<typeof putArgs>, 'STALE'> = {
  args: putArgs,
  refusals: ['STALE'],
  decide(context, { id, version, text }) {
    const current = context.read(notesCollection, id)?.version ?? 0;
    if (version !== current) return { refusal: 'STALE' };
    const author = `${context.signer.member} ${context.reference}`;
    const note = { version: version + 1, text, author, index: context.index };
    return { events: [{ type: 'put', payload: putEvent.write({ id, note }) }] };
  },
};

const fileArgs = record({
  lines: list(record({ reference: referenceText, method: text(1, 34), args: anyValue }), 0, 300),
});
/** Any lines, also of methods that there are not; it writes a note of its own first. */
const file: Method<TypeOf<typeof fileArgs>> = {
  args: fileArgs,
  refusals: [],
  decide(context, { lines }) {
    const note = { version: 1, text: `${lines.length} lines`, author: context.reference, index: context.index };
    return { events: [{ type: 'put', payload: putEvent.write({ id: 'file', note }) }], lines };
  },
};

const misbehaveArgs = record({ how: text(1, 20), count: integer(0, 1_000) });
const misbehave: Method<TypeOf<typeof misbehaveArgs>> = {
  args: misbehaveArgs,
  refusals: [],
  decide(_, { how, count }) {
    const payload = new Uint8Array(count);
    switch (how) {
      case 'throw':
        throw new RangeError('Maximum call stack size exceeded');
      case 'evolve':
        return { events: [{ type: 'halfway', payload }] };
      case 'limit':
        return { events: [{ type: 'limit', payload }] };
      case 'text':
        return { events: [{ type: 'text', payload: 'x'.repeat(count) }] };
      default:
        return { events: Array.from({ length: 257 }, () => ({ type: 'many', payload })) };
    }
  },
};
const bigArgs = record({ count: integer(0, 100) });
const big: Method<TypeOf<typeof bigArgs>> = {
  args: bigArgs,
  refusals: [],
  decide: (_, { count }) => ({
    events: Array.from({ length: count }, () => ({ type: 'many', payload: new Uint8Array(1_000) })),
  }),
};

export const notes: Contract = {
  name: 'notes',
  methods: { put, file, misbehave, big },
  begin(state, section: Value) {
    if (section !== 0) throw new DecodeError('notes begin from nothing');
    state.write(notesCollection, 'first', { version: 1, text: '', author: 'genesis', index: 0 });
  },
  evolve(state, { type, payload }) {
    if (type === 'put') {
      const { id, note } = putEvent.read(payload);
      state.write(notesCollection, id, note);
    }
    if (type === 'many') return;
    const half = { version: 9, text: 'half', author: 'x', index: 0 };
    if (type === 'halfway' || type === 'limit') state.write(notesCollection, 'half', half);
    if (type === 'halfway') throw new RangeError('a fault of the contract');
    if (type === 'limit') throw new HostError('a limit of the host');
    if (type === 'text') state.write(notesCollection, 'half', { ...half, text: payload as string });
  },
};
