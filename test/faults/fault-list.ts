/** Where the numbered tests stand: those written for the list alone, and those that other suites run too. */
export const FAULT_TESTS: readonly string[] = [
  'test/faults/**/*.test.ts',
  'test/long/**/*.test.ts',
  'test/e2e/kills.test.ts',
  'test/e2e/stop.test.ts',
  'test/ingest/worker/faults.test.ts',
  'test/ingest/worker/worker.test.ts',
  'test/ingest/trees/tree-keeper.test.ts',
  'test/ingest/trees/leases.test.ts',
  'test/ingest/log/kafka-records.test.ts',
  'test/kafka/faults.test.ts',
  'test/kafka/worker.test.ts',
];
