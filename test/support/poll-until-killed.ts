import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import { createPollHarness, pollSource } from './poll-harness.ts';

// Run by tests in a process of its own, to be killed: polls a scripted server into a real log, round after round, with
// the least pages a round. Says "page" at each page that is durable, and "whole" when there was nothing more. The last
// argument is what the poll has beside its address, as JSON.
const [folder = '', url = '', family = '', more = '{}'] = process.argv.slice(2);
const log = openEmbeddedLog({ folder });
const settled = { accepted: 0, duplicate: 0, conflict: 0, rejected: {} };
const { service } = createPollHarness(
  [pollSource(family, url, { page_size: 20, max_pages: 3, ...(JSON.parse(more) as object) })],
  {
    log,
    index: log.index,
    settle: () => Promise.resolve(settled),
  },
);
for (;;) {
  try {
    await service.once(service.ids[0] ?? '', (step) => void ('page' in step && process.send?.('page')));
    process.send?.('whole');
  } catch {
    // The server was away for as long as a round waits; the next one goes on.
  }
}
