// An audit that is to be killed: keeps how far it has come after every block, and says so. Arguments: archive, file.
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify } from '../../node/audit/audit.ts';

const [archive = '', file = ''] = process.argv.slice(2);
const resume = {
  ...{ file, version: 'test', everyMs: 0 },
  onNote: (text: string) => process.stdout.write(`${text}\n`),
  onSaved: (height: number) => process.stdout.write(`saved ${height}\n`),
};
const verdict = await verify(new ArchiveSource(archive), { resume });
process.stdout.write(`${verdict.ok ? 'OK' : 'FAILED'}\n`);
