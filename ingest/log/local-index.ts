import type { Family } from '../../model/source.ts';
import type { AppendedRange, EventLog, LogRecord } from './event-log.ts';

/** A named position in something that is imported: records and position are written together or not at all. */
export interface CursorMove {
  /** Names source, instance and content of what is imported, so that the same file continues and another starts anew. */
  readonly name: string;
  /** Where the cursor must be now; 0 for one that was never moved. */
  readonly from: number;
  readonly to: number;
}

/** Which sender's id a record claims, and a hash of what it says under that id. */
export interface Identity {
  readonly name: string;
  readonly hash: string;
}

/** `new`: never seen. `repeat`: seen with the same hash. `conflict`: seen with another. */
export type Verdict = 'new' | 'repeat' | 'conflict';

export interface IdentifiedAppend {
  /** One for each record. Within one call the first of two equal names counts as the earlier. */
  readonly verdicts: readonly Verdict[];
  /** Absent where a conflict kept the whole call out of the log. */
  readonly appended?: AppendedRange;
}

/** Notes beside a log, such as how far a poll has come. */
export interface NotedLog {
  /** A text that is kept under a name; undefined if none was written. */
  note(name: string): string | undefined;
  /** Writes a note over what it said before; resolves when it is durable. */
  remember(note: Note): Promise<void>;
  /** Appends the records, then writes the note: a note never stands without its records. Resolves when both are durable. */
  appendNoted(topic: Family, partitionKey: string, records: readonly LogRecord[], note: Note): Promise<AppendedRange>;
}

/**
 * What a log can do that lives in the same transactions as a small index beside it: records and note of `appendNoted` are
 * there both or neither. Kafka cannot, so this is no part of EventLog: whoever uses it must say what holds where it is
 * absent (the worker's duplicate and conflict rules do).
 */
export interface LocalIndex extends NotedLog {
  /** Where a cursor stands; 0 if it was never moved. */
  cursor(name: string): number;
  /**
   * Appends the records and moves the cursor in one transaction. A Problem of code `conflict` if the cursor is not at
   * `from`: then nothing was written, and `cursor` tells where to go on.
   */
  appendAt(
    topic: Family,
    partitionKey: string,
    records: readonly LogRecord[],
    cursor: CursorMove,
  ): Promise<AppendedRange>;
  /**
   * Appends records that carry a sender's id, and remembers the hash of each new one, in one transaction. `conflicts`:
   * `refuse` keeps the whole call out of the log if one conflicts; `keep` appends it all the same, as evidence, and
   * still remembers only the first hash.
   */
  appendIdentified(
    topic: Family,
    partitionKey: string,
    records: readonly (LogRecord & { readonly identity: Identity })[],
    conflicts: 'refuse' | 'keep',
  ): Promise<IdentifiedAppend>;
}

/** Something small to be known after a restart, such as how far a poll has come. */
export interface Note {
  readonly name: string;
  readonly text: string;
}

/** The log in the data folder. `committed` gives the offset that a group recorded last; 0 if none. */
export interface EmbeddedLog extends EventLog {
  readonly index: LocalIndex;
  committed(group: string, partition: { readonly topic: Family; readonly partition: number }): number;
}
