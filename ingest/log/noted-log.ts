import { join } from 'node:path';
import { open } from 'lmdb';
import type { EventLog } from './event-log.ts';
import type { NotedLog } from './local-index.ts';
import { FACT } from './log-store.ts';

/** Notes in a folder of their own, beside a log that has none. */
export interface NotesFolder extends NotedLog {
  close(): Promise<void>;
}

/**
 * Opens the notes of a log that knows no transactions with others (Kafka), in `<folder>/notes`. One process at a time may
 * write (folder.ts sees to that). A note is written when the log has the records: a kill between the two lets the same
 * records come again, and the worker counts an event that comes again as a duplicate. A note is synced when it resolves.
 */
export function openNotes(folder: string, log: Pick<EventLog, 'append'>): NotesFolder {
  const notes = open<string, string>({ path: join(folder, 'notes'), noSubdir: false, overlappingSync: false, encoding: 'string' }); // prettier-ignore
  const remember: NotedLog['remember'] = async ({ name, text }) => void (await notes.put(FACT.note(name), text));
  return {
    note: (name) => notes.get(FACT.note(name)),
    remember,
    async appendNoted(topic, partitionKey, records, note) {
      const range = await log.append(topic, partitionKey, records);
      await remember(note);
      return range;
    },
    close: () => notes.close(),
  };
}
