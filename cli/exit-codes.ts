// How a command ends. Scripts rely on these numbers, so they never change their meaning (`daybook explain exit-codes`).

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  cancelled: 3,
  notAuthorised: 4,
  refused: 5,
  timeout: 6,
  verification: 7,
  unreachable: 69,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
export type ExitName = keyof typeof exitCodes;

export const exitTexts: { readonly [name in ExitName]: string } = {
  ok: 'done; for a file: every line was accepted',
  failed: 'failed; the message says why',
  usage: 'the command line or a file given to it is wrong; nothing was sent',
  cancelled: 'cancelled, or a confirmation was needed and nobody could be asked',
  notAuthorised: 'no key, a wrong passphrase, or a node that does not let us read',
  refused: 'refused by the ledger; for a file: at least one line was refused, or was bad and left out (--skip-bad)',
  timeout: 'no outcome in time (it is unknown), or no checkpoint yet that meets the policy; safe to run again',
  verification: 'a chain, a receipt or an archive did not verify',
  unreachable: 'no validator could be reached',
};

/** What went wrong and why (`message`), and what to do next. The only error that a command shows without a stack. */
export class CliError extends Error {
  override name = 'CliError';
  readonly exit: ExitName;
  readonly next: string | undefined;
  /** A ledger or API code, where there is one. */
  readonly code: string | undefined;
  constructor(exit: ExitName, message: string, next?: string, code?: string) {
    super(message);
    this.exit = exit;
    this.next = next;
    this.code = code;
  }

  get exitCode(): ExitCode {
    return exitCodes[this.exit];
  }
}
