// An audit that is to be killed: keeps how far it has come after every block, says so, and stands still at a height, or
// it might be over before whoever kills it has read that. Arguments: archive, file, height.
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify } from '../../node/audit/audit.ts';

const [archive = '', file = '', last = ''] = process.argv.slice(2);
const never = new Int32Array(new SharedArrayBuffer(4));
const resume = {
  ...{ file, version: 'test', everyMs: 0 },
  onNote: (text: string) => process.stdout.write(`${text}\n`),
  onSaved: (height: number) => {
    process.stdout.write(`saved ${height}\n`);
    if (height === Number(last)) Atomics.wait(never, 0, 0);
  },
};
const verdict = await verify(new ArchiveSource(archive), { resume });
process.stdout.write(`${verdict.ok ? 'OK' : 'FAILED'}\n`);
