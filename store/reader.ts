import { Problem } from '../model/problem.ts';
import type { EngineSettings, Session } from './session.ts';
import type { Query, Reader } from './query.ts';

/** What one query of a reader may use. Seconds, bytes, rows of the answer. */
export interface ReaderLimits {
  readonly executionSeconds: number;
  readonly memoryBytes: number;
  readonly resultRows: number;
}

/** A read-only session of its own. */
export interface OwnReader extends Reader {
  readonly bytes: Session['bytes'];
  close(): Promise<void>;
}

/** What holds where nothing else is asked for. */
export const READER_LIMITS: ReaderLimits = {
  executionSeconds: 60,
  memoryBytes: 4 * 2 ** 30,
  resultRows: 5_000_000,
};

/** Settings of every session, in the process and on a server: answers do not depend on where the engine stands. */
export const COMMON: EngineSettings = {
  session_timezone: 'UTC',
  output_format_json_quote_64bit_integers: 1,
  async_insert: 0,
};

/** The limits as settings of the engine. */
export function limitSettings(limits: ReaderLimits): EngineSettings {
  return {
    max_execution_time: limits.executionSeconds,
    max_memory_usage: limits.memoryBytes,
    max_result_rows: limits.resultRows,
    result_overflow_mode: 'throw',
  };
}

/** A session that was opened with `readonly`, as a reader: SELECT and nothing else. */
export function asReader(session: Session): OwnReader {
  return {
    read: async (query) => session.read(onlySelect(query)),
    bytes: async (query) => session.bytes(onlySelect(query)),
    close: () => session.close(),
  };
}

/**
 * What `readonly` leaves open (tried on 26.7): SELECT ... INTO OUTFILE writes a file, SYSTEM stops merges, and several
 * statements may stand in one text. Queries are written in this folder alone, so this is the second lock, not the first.
 */
function onlySelect<Q extends Pick<Query<unknown>, 'sql'>>(query: Q): Q {
  const text = query.sql.replaceAll(/^\s*--.*$/gm, '').trim();
  if (/^(?:SELECT|WITH)\b/i.test(text) && !text.includes(';') && !/\bINTO\s+OUTFILE\b/i.test(text)) return query;
  throw new Problem('internal', 'A reader runs one SELECT and nothing else.');
}

/** Gives each query to the reader with the fewest queries before it. */
export function shareReaders(readers: readonly Reader[]): Reader {
  const waiting = readers.map(() => 0);
  return {
    async read(query) {
      const index = waiting.indexOf(Math.min(...waiting));
      const reader = readers[index];
      if (!reader) throw new Problem('internal', 'The store has no reader.');
      waiting[index] = (waiting[index] ?? 0) + 1;
      try {
        return await reader.read(query);
      } finally {
        waiting[index] = (waiting[index] ?? 0) - 1;
      }
    },
  };
}
