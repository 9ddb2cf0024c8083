import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';

// Run by tests that kill it: appends ten known records at a time and tells its parent how many are durable.
const log = openEmbeddedLog({ folder: process.argv[2] ?? '' });
for (let from = log.index.cursor('import'); ; from += 10) {
  const records = Array.from({ length: 10 }, (_, at) => ({
    timestampMs: from + at,
    key: 'k',
    value: Buffer.from(`${from + at}:`.padEnd(700, '.')),
    headers: {},
  }));
  await log.index.appendAt('okta.log', 'a', records, { name: 'import', from, to: from + 10 });
  process.send?.(from + 10);
}
