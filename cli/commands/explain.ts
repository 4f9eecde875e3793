// What a code means: an outcome of the ledger, a problem of the API, a rule that an audit holds, or an exit code.
import { refusalTexts } from '../../contracts/refusals.ts';
import { rules } from '../../node/audit/finding.ts';
import { CliError, type ExitName, exitCodes, exitTexts } from '../exit-codes.ts';
import { table } from '../output.ts';
import { type CommonOptions, Session } from '../session.ts';

const apiTexts: { readonly [code: string]: string } = {
  malformed: 'The request is not of the form that the API takes.',
  'too-large': 'The request is over a size limit.',
  'not-found': 'There is no such thing at this node.',
  unauthorised: 'This node shows that to nobody without a key whose role allows it.',
  'mempool-full': 'Too much waits already, of this member or in all. Nothing was ordered; try again in a moment.',
  'read-only': 'The node takes nothing new, for want of disk space. Other nodes may.',
  'not-ready': 'The node has just started or is behind. Other nodes may answer.',
  busy: 'The node serves as many as it may at this moment. Others may answer.',
  internal: 'The node failed to answer. Its log says why.',
  'wrong-host': 'The request names another host than the node listens on.',
  'unknown-parameter': 'The request has a parameter that the API does not know.',
  OK: 'Accepted: a quorum of validators has sealed it, and it is final.',
  bad: 'A line of a file that is no payment; it was never sent.',
};

/** A finding names one of these; what it demands is what was broken. */
const ruleTexts = Object.fromEntries(Object.entries(rules).map(([rule, text]) => [rule, `An audit demands: ${text}.`]));

export async function run(options: CommonOptions, code: string): Promise<void> {
  const { output } = new Session(options);
  if (code === 'exit-codes') {
    const names = Object.keys(exitCodes) as ExitName[];
    const rows = names.map((name) => ({ code: exitCodes[name], name, text: exitTexts[name] }));
    return output.data(rows, () =>
      table(
        ['code', 'name', 'meaning'],
        rows.map((row) => [String(row.code), row.name, row.text]),
        [0],
      ),
    );
  }
  const known: { readonly [code: string]: string } = { ...ruleTexts, ...refusalTexts, ...apiTexts };
  const name = Object.keys(known).find((each) => each.toLowerCase() === code.toLowerCase());
  const text = name === undefined ? exitText(code) : known[name];
  if (text === undefined)
    throw new CliError(
      'usage',
      `no code ${code} is known`,
      `Known: ${Object.keys(known).join(', ')}, exit-codes and each of those, by number or name.`,
    );
  output.data({ code: name ?? code, text }, () => `${name ?? code}: ${text}`);
}

function exitText(code: string): string | undefined {
  const names = Object.keys(exitCodes) as ExitName[];
  const isMeant = (each: ExitName) => String(exitCodes[each]) === code || each.toLowerCase() === code.toLowerCase();
  const name = names.find(isMeant);
  return name === undefined ? undefined : `exit code ${exitCodes[name]} (${name}): ${exitTexts[name]}`;
}
