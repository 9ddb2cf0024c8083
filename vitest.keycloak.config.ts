import { defineConfig } from 'vitest/config';

// The tests that need a real Keycloak: `npm run test:keycloak`. It starts once for the file.
export default defineConfig({
  test: {
    include: ['test/keycloak/**/*.test.ts'],
    pool: 'forks',
    isolate: true,
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 1_800_000,
  },
});
