// What must not outlive this process, however it ends short of SIGKILL: processes, mounts, folders. Undone in the
// reverse order, synchronously, since an ending process waits for nothing.

const undone = new Map<symbol, () => void>();

/** Gives what undoes it now and forgets it. */
export function leftover(undo: () => void): () => void {
  const key = Symbol();
  undone.set(key, undo);
  return () => {
    if (!undone.delete(key)) return;
    undo();
  };
}

process.once('exit', () => {
  for (const undo of [...undone.values()].reverse()) {
    try {
      undo();
    } catch {
      // The rest must still be undone.
    }
  }
});

/** For a main program: Ctrl-C, a TERM, or the end of the launcher that started it. */
export function endOnSignals(): void {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, code] of Object.entries(codes)) process.on(signal, () => process.exit(code));
  process.on('disconnect', () => process.exit(143));
  process.channel?.unref();
}
