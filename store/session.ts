import { randomUUID } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import { Problem } from '../model/problem.ts';
import { engineProblem } from './engine-error.ts';
import type { Query } from './query.ts';

/** A settings table of the engine; names come from this repository only. */
export type EngineSettings = Readonly<Record<string, string | number>>;

/** One conversation with the engine. Statements run one after another, in the order in which they were asked. */
export interface Session {
  /** Rows of a query, checked by its schema. */
  read<Row>(query: Query<Row>): Promise<Row[]>;
  /** The answer to a query in a format of the engine that the text names by `FORMAT ...`. */
  bytes(query: Omit<Query<unknown>, 'row'>): Promise<Buffer>;
  /** Runs a statement without an answer. */
  run(sql: string, params?: Query<unknown>['params']): Promise<void>;
  /** Resolves when nothing of this session is in flight any more: after that a read shows what really happened. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A session over one client. The engine in the process keeps one buffer a connection for what it prints, and a
 * statement that fails half-way leaves its rows there, in front of the next answer (seen on chdb 3.4.0). So statements
 * are queued, and after a failure the session is flushed until it answers a random word with that word alone.
 */
export async function openSession(client: ClickHouseClient, settings: EngineSettings): Promise<Session> {
  let tail: Promise<unknown> = Promise.resolve();
  let dirty = false;

  async function flush(): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const word = randomUUID();
      const answer = await collect(client, `SELECT '${word}' FORMAT TSVRaw`, {}).catch(() => undefined);
      if (answer?.toString('utf8').trim() === word) {
        dirty = false;
        return;
      }
    }
    throw new Problem('unavailable', 'The store does not answer cleanly after a failure.');
  }

  function queued<T>(work: () => Promise<T>): Promise<T> {
    const result = tail.then(async () => {
      if (dirty) await flush();
      try {
        return await work();
      } catch (error) {
        dirty = true;
        throw engineProblem(error);
      }
    });
    tail = result.catch(() => undefined);
    return result;
  }

  const session: Session = {
    async read(query) {
      const text = await queued(() =>
        collect(client, `${query.sql}\nFORMAT JSONEachRow`, bind(query.sql, query.params)),
      );
      return parseRows(text, query.row);
    },
    bytes: (query) => queued(() => collect(client, query.sql, bind(query.sql, query.params))),
    run: (sql, params = {}) =>
      queued(async () => void (await client.command({ query: sql, ...bound(bind(sql, params)) }))),
    settle: async () => void (await tail),
    async close() {
      await tail;
      await client.close();
    },
  };
  await session.run(
    `SET ${Object.entries(settings)
      .map(([name, value]) => `${name} = ${literal(value)}`)
      .join(', ')}`,
  );
  return session;
}

async function collect(client: ClickHouseClient, sql: string, params: Record<string, unknown>): Promise<Buffer> {
  const answer = await client.exec({ query: sql, ...bound(params) });
  const chunks: Buffer[] = [];
  for await (const chunk of answer.stream) chunks.push(chunk as Buffer);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

/** The client binds an empty set of parameters by another route than none at all; none is the plain one. */
function bound(params: Record<string, unknown>): { query_params?: Record<string, unknown> } {
  return Object.keys(params).length === 0 ? {} : { query_params: params };
}

// Numbers in an array must not be quoted, and a UInt64 does not fit a number: text for such a parameter becomes a bigint.
function bind(sql: string, params: Query<unknown>['params']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (!Array.isArray(value)) return [name, value];
      const numeric = new RegExp(`\\{\\s*${name}\\s*:\\s*Array\\(U?Int\\d+\\)`).test(sql);
      return [name, numeric ? value.map((item: string) => BigInt(item)) : value];
    }),
  );
}

function parseRows<Row>(text: Buffer, schema: Query<Row>['row']): Row[] {
  const lines = text.toString('utf8').split('\n');
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

function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}
