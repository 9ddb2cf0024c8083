import { Problem } from '../model/problem.ts';
import { engineProblem } from './engine-error.ts';
import type { Query } from './query.ts';

/** A settings table of the engine; names come from this repository only. */
export type EngineSettings = Readonly<Record<string, string | number>>;

type Params = Query<unknown>['params'];

/** One conversation with the engine. Statements run one after another, in the order in which they were asked. */
export interface Session {
  /** Rows of a query, checked by its schema. */
  read<Row>(query: Query<Row>): Promise<Row[]>;
  /** The answer to a query in a format of the engine that the text names by `FORMAT ...`. */
  bytes(query: Omit<Query<unknown>, 'row'>): Promise<Buffer>;
  /** Runs a statement without an answer. */
  run(sql: string, params?: Params): Promise<void>;
  /** Resolves when nothing of this session is in flight any more: after that a read shows what really happened. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What lies between a session and its engine: the library in this process, or HTTP. Parameters are bound by the engine.
 */
export interface Link {
  /** Gives the rows of a query as lines of JSON. */
  rows(sql: string, params: Record<string, unknown>): Promise<string>;
  /** Sends a query whose text names its format, and gives the whole answer. */
  ask(sql: string, params: Record<string, unknown>): Promise<Buffer>;
  /** Sends a statement that changes something. */
  change(sql: string, params: Record<string, unknown>): Promise<void>;
  /** Sends lines of a file through `INSERT ... SELECT`. */
  insert(insert: FileInsert): Promise<void>;
  /** Makes rows of those of another table. */
  insertFrom(insert: TableInsert): Promise<void>;
  /**
   * Called after a failure, before the next statement: resolves when nothing of what failed is at work any more, and
   * rejects with `unavailable` while that cannot be known.
   */
  recover(): Promise<void>;
  close(): Promise<void>;
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
  readonly params: Params;
}

/** Rows that the engine makes from another table of its own. */
export interface TableInsert {
  /** `INSERT INTO t (...) SELECT ...`, without a FROM. */
  readonly into: string;
  readonly source: string;
  /** The condition, without its WHERE; never empty. */
  readonly where: string;
  readonly params: Params;
}

/** The session that writes. Only the ingest worker, migrations and rebuild hold it. */
export interface Writer extends Session {
  insertFile(insert: FileInsert): Promise<void>;
  insertFrom(insert: TableInsert): Promise<void>;
}

/**
 * A session over a link. `serial` queues its statements; otherwise they run at once, which only readers may: after a
 * failure the next statement of a serial session waits until the link has recovered, so it never meets what is in doubt.
 */
export function createSession(link: Link, serial: boolean): Writer {
  let tail: Promise<unknown> = Promise.resolve();
  let dirty = false;

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      if (dirty) await link.recover();
      dirty = false;
      return await work();
    } catch (error) {
      dirty = true;
      throw engineProblem(error);
    }
  }

  function queued<T>(work: () => Promise<T>): Promise<T> {
    if (!serial) return attempt(work);
    const result = tail.then(() => attempt(work));
    tail = result.catch(() => undefined);
    return result;
  }

  return {
    async read(query) {
      const text = await queued(() => link.rows(query.sql, bind(query.sql, query.params)));
      return parseRows(text, query.row);
    },
    bytes: (query) => queued(() => link.ask(query.sql, bind(query.sql, query.params))),
    run: (sql, params = {}) => queued(() => link.change(withoutToken(sql), bind(sql, params))),
    insertFile: (insert) => queued(() => link.insert({ ...insert, into: withoutToken(insert.into) })),
    insertFrom: (insert) => queued(() => link.insertFrom({ ...insert, into: withoutToken(insert.into) })),
    settle: async () => void (await tail),
    async close() {
      await tail;
      await link.close();
    },
  };
}

/**
 * No statement may name a deduplication token or turn the engine's own deduplication on: it drops rows that it has
 * acknowledged when a token comes again with other rows (reliability.md 1.4). Rows are held once by the read-back alone.
 */
function withoutToken(sql: string): string {
  if (!/insert_deduplication_token|\binsert_deduplicate\s*=|deduplication_window\s*=\s*[1-9]/i.test(sql)) return sql;
  throw new Problem('internal', 'A statement may not lean on the deduplication of the engine: it can lose rows.');
}

// Numbers in an array must not be quoted, and a UInt64 does not fit a number: text for such a parameter becomes a bigint.
function bind(sql: string, params: Params): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (!Array.isArray(value)) return [name, value];
      const numeric = new RegExp(`\\{\\s*${name}\\s*:\\s*Array\\(U?Int\\d+\\)`).test(sql);
      return [name, numeric ? value.map((item: string) => BigInt(item)) : value];
    }),
  );
}

function parseRows<Row>(text: string, schema: Query<Row>['row']): Row[] {
  const lines = text.split('\n');
  const rows: Row[] = [];
  for (const line of lines) {
    if (line === '') continue;
    const row = schema.safeParse(JSON.parse(line));
    if (!row.success)
      throw new Problem('internal', 'The store answered with rows of another shape than was asked for.', {}, row.error);
    rows.push(row.data);
  }
  return rows;
}
