import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { createChdbConnection } from 'chdb/connection';
import { Problem } from '../model/problem.ts';
import { engineProblem } from './engine-error.ts';
import { migrate } from './migrate.ts';
import type { Query, Reader } from './query.ts';
import { openSession } from './session.ts';
import type { EngineSettings, Session } from './session.ts';

/** What one query of a reader may use. Seconds, bytes, rows of the answer. */
export interface ReaderLimits {
  readonly executionSeconds: number;
  readonly memoryBytes: number;
  readonly resultRows: number;
}

export interface StoreOptions {
  /** The data folder; the engine keeps its files in `store/` below it. */
  readonly folder: string;
  readonly limits?: Partial<ReaderLimits>;
}

/**
 * Where rows of a file come from in an INSERT: the engine in the process reads the file itself, which costs half of
 * passing the bytes (performance.md A1); a server is sent the file as the body.
 */
export interface FileInsert {
  /** `INSERT INTO t (...) SELECT ... FROM` and what follows the source, such as a WHERE. */
  readonly into: string;
  readonly where: string;
  readonly structure: string;
  readonly file: string;
  readonly params: Query<unknown>['params'];
}

/** The session that writes. Only the ingest worker, migrations and rebuild hold it. */
export interface Writer extends Session {
  insertFile(insert: FileInsert): Promise<void>;
}

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;

export interface Store {
  /** Cannot write, by the engine's own rule and not by good manners. For the API, chains, tests and reports. */
  readonly reader: Reader;
  readonly writer: Writer;
  /** One more read-only session with limits of its own, so that a long read does not stand in another's way. */
  readonly openReader: (
    limits?: Partial<ReaderLimits>,
  ) => Promise<Reader & { close(): Promise<void>; bytes: Session['bytes'] }>;
  close(): Promise<void>;
}

const LIMITS: ReaderLimits = { executionSeconds: 60, memoryBytes: 4 * 2 ** 30, resultRows: 5_000_000 };
// One connection of the engine is serial (performance.md A3); two readers let a short query pass a long one.
const READERS = 2;

const COMMON: EngineSettings = { session_timezone: 'UTC', output_format_json_quote_64bit_integers: 1, async_insert: 0 };

/**
 * Opens the store of a data folder, in this process, and brings its tables up to date. One process holds a folder:
 * a second one gets `folder_in_use`. One folder a process: the engine refuses another one while this is open.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const path = join(options.folder, 'store');
  await mkdir(path, { recursive: true, mode: 0o700 });
  const sessions: Session[] = [];
  const connect = async (settings: EngineSettings): Promise<Session> => {
    const session = await openSession(openClient(path), { ...COMMON, ...settings });
    sessions.push(session);
    return session;
  };
  const close = async (): Promise<void> => {
    for (const session of sessions.splice(0).reverse()) await session.close();
  };
  try {
    const session = await connect({});
    const writer: Writer = { ...session, insertFile: (insert) => insertFromFile(session, insert) };
    await migrate(writer);
    const limits = { ...LIMITS, ...options.limits };
    const openReader: Store['openReader'] = async (own = {}) =>
      asReader(await connect(readerSettings({ ...limits, ...own })));
    const readers = await Promise.all(Array.from({ length: READERS }, () => openReader()));
    return { reader: shareReaders(readers), writer, openReader, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function openClient(path: string): ReturnType<typeof createClient> {
  try {
    // The two packages differ only in whether an optional property may be written as undefined.
    const connection = createChdbConnection({ path }) as unknown as NonNullable<ClientOptions['connection']>;
    return createClient({ connection });
  } catch (error) {
    throw engineProblem(error);
  }
}

function insertFromFile(session: Session, insert: FileInsert): Promise<void> {
  const sql = `${insert.into} FROM file({source_file:String}, 'RowBinary', {source_structure:String}) ${insert.where}`;
  return session.run(sql, { ...insert.params, source_file: insert.file, source_structure: insert.structure });
}

// `readonly` stands last: from then on the session can change no setting, this one included.
function readerSettings(limits: ReaderLimits): EngineSettings {
  return {
    max_execution_time: limits.executionSeconds,
    max_memory_usage: limits.memoryBytes,
    max_result_rows: limits.resultRows,
    result_overflow_mode: 'throw',
    readonly: 1,
  };
}

function asReader(session: Session): Reader & { close(): Promise<void>; bytes: Session['bytes'] } {
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
function shareReaders(readers: readonly Reader[]): Reader {
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
