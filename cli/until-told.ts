// For commands that stay: the moment in which they are to end.

/** Resolves at Ctrl-C, TERM, HUP, or when the process that holds our channel has ended, whatever killed it. */
export function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    if (process.channel === undefined) return;
    process.on('disconnect', () => resolve());
    process.channel.unref();
  });
}
