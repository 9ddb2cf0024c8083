import { defineConfig } from 'vitest/config';
import { FAULT_TESTS } from './test/faults/fault-list.ts';

// The fault list of reliability.md 1.7, row by row (test/faults/README.md): `npm run test:faults`, on a calm machine.
export default defineConfig({
  test: {
    include: [...FAULT_TESTS],
    // Files that other suites run too are played by their numbered tests alone.
    testNamePattern: /fault \d\d|the null control|over HTTP/,
    pool: 'forks',
    isolate: true,
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
