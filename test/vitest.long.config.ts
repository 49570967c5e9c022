import { defineConfig } from 'vitest/config';

/** Campaigns, and what needs the network: `npm run test:long`, a quarter of an hour. */
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: 2,
  },
});
