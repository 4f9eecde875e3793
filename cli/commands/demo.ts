// `npm start`: the sample day, then the devnet stays up until Ctrl-C. Nothing outlives it: the validators end with the
// channel that this process holds.
import { demoText, runDemo } from '../demo.ts';
import { claimDemoFolder } from '../demo-folder.ts';
import { stopDevnet } from '../devnet-processes.ts';
import { exitCodes } from '../exit-codes.ts';
import { reportError } from '../output.ts';
import { type CommonOptions, Session } from '../session.ts';
import { untilTold } from '../until-told.ts';

interface Options extends CommonOptions {
  readonly once?: boolean;
}

export async function run(options: Options): Promise<void> {
  const { paths: base, output } = new Session(options);
  const told = untilTold().then(() => 'told' as const);
  const paths = await claimDemoFolder(base.folder);
  const day = runDemo(paths, output);
  day.catch(() => undefined);
  let exitCode: number = exitCodes.ok;
  try {
    const report = await Promise.race([told, day]);
    if (report !== 'told') {
      const { ended: _ended, ...facts } = report;
      const data = { ...facts, files: facts.files.map(({ lines: _lines, ...file }) => file) };
      output.data(data, () => demoText(report, options.once === true));
      if (!report.verdict.ok) exitCode = exitCodes.verification;
      if (options.once !== true && exitCode === exitCodes.ok) {
        output.note('Ctrl-C stops everything.');
        await told;
      }
    }
  } catch (error) {
    const { explained } = await import('../explained.ts');
    exitCode = reportError(explained(error), output.json);
  }
  await stopDevnet(paths);
  process.exit(exitCode);
}
