import { openEmbeddedLog } from '../../ingest/log/embedded-log.ts';
import type { EventLog } from '../../ingest/log/event-log.ts';
import { openKafkaLog } from '../../ingest/log/kafka-log.ts';
import type { KafkaLogOptions } from '../../ingest/log/kafka-log.ts';
import type { NotedLog } from '../../ingest/log/local-index.ts';
import { openNotes } from '../../ingest/log/noted-log.ts';
import { createPollHarness, pollSource } from './poll-harness.ts';

// Run by tests in a process of its own, to be killed: polls a scripted server into a real log, round after round, with
// the least pages a round. Says "page" at each page that is durable, and "whole" when there was nothing more. The last
// arguments are what the poll has beside its address, and the options of a log on Kafka in place of the one in the folder, as JSON.
const [folder = '', url = '', family = '', more = '{}', kafka] = process.argv.slice(2);
const { log, notes } = kafka === undefined ? embedded() : await onKafka(JSON.parse(kafka) as KafkaLogOptions);

function embedded(): { log: EventLog; notes: NotedLog } {
  const log = openEmbeddedLog({ folder });
  return { log, notes: log.index };
}

async function onKafka(options: KafkaLogOptions): Promise<{ log: EventLog; notes: NotedLog }> {
  const log = await openKafkaLog(options);
  return { log, notes: openNotes(folder, log) };
}

const settled = { accepted: 0, duplicate: 0, conflict: 0, rejected: {} };
const { service } = createPollHarness(
  [pollSource(family, url, { page_size: 20, max_pages: 3, ...(JSON.parse(more) as object) })],
  {
    log,
    notes,
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
