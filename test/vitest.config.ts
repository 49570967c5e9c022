import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Real guests use a core each; more files at once only makes them wait for each other.
    maxWorkers: 2,
  },
});
