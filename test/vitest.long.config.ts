import { defineConfig } from 'vitest/config';

/** Campaigns, and what needs the network: `npm run test:long`, six minutes on four idle cores. */
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: 2,
  },
});
