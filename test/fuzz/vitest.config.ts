import { defineConfig } from 'vitest/config';

/** A campaign takes as long as its cases: the watchdog ends one that hangs. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/fuzz/fuzz.test.ts'],
    testTimeout: 24 * 3_600_000,
    disableConsoleIntercept: true,
  },
});
