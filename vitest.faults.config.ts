import { defineConfig } from 'vitest/config';

// Faults that take their time (connections that hang, servers that answer late): `npm run test:faults`, on a calm machine.
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    pool: 'forks',
    isolate: true,
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
