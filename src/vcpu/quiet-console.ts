/**
 * Keeps v86 from writing to the process's output, which belongs to the operator; what it says last
 * (a panic of its Rust code, for one) becomes part of a crash's reason.
 */
export function quietConsole(): () => string {
  let lastWords = '';
  const note = (...words: unknown[]): void => {
    lastWords = words.map(String).join(' ').slice(0, 200);
  };
  Object.assign(console, { log: note, warn: note, error: note, assert: () => undefined });
  return () => lastWords;
}
