import { exitStatus } from './exit-status.js';

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
  return () => {
    for (const signal of signals) process.off(signal, handler);
  };
}
