import { defineConfig } from 'vitest/config';

// The tests that need a real broker: `npm run test:kafka`. One file at a time, for each starts brokers of its own.
export default defineConfig({
  test: {
    include: ['test/kafka/**/*.test.ts'],
    pool: 'forks',
    isolate: true,
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
