import { closeSync, fstatSync } from 'node:fs';
import { exitStatus } from './exit-status.js';

/** Runs `work`, whose signal is aborted by the first Ctrl-C or SIGTERM. */
export async function untilStopped<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const ignoreSignals = onSignals(() => stop.abort());
  try {
    return await work(stop.signal);
  } finally {
    ignoreSignals();
  }
}

/** Calls `leave` on the first Ctrl-C or SIGTERM; a second one does not wait. Returns the undoing. */
export function onSignals(leave: () => void): () => void {
  let asked = false;
  const handler = (): void => {
    if (asked) process.exit(exitStatus.interrupted);
    asked = true;
    leave();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, handler);
  process.once('SIGHUP', leaveTerminal);
  return () => {
    for (const signal of signals) process.off(signal, handler);
    process.off('SIGHUP', leaveTerminal);
  };
}

/** The window is closed. Node, which sets a terminal right before it exits, dies of one that is gone. */
function leaveTerminal(): void {
  process.once('exit', () => {
    // `isatty` says no of one that is gone.
    for (const fd of [0, 1, 2]) if (fstatSync(fd).isCharacterDevice()) closeSync(fd);
  });
}
