import { randomUUID } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import { Problem } from '../model/problem.ts';
import type { EngineSettings, Link } from './session.ts';

/**
 * The link to the engine in this process. It keeps one buffer a connection for what it prints, and a statement that
 * fails half-way leaves its rows there, in front of the next answer (seen on chdb 3.4.0). So after a failure the
 * connection is flushed until it answers a random word with that word alone. A call ends only when the engine has ended
 * it, so nothing is ever in doubt here for longer than the flush takes.
 */
export async function openEngineLink(client: ClickHouseClient, settings: EngineSettings): Promise<Link> {
  const names = Object.entries(settings).map(([name, value]) => `${name} = ${literal(value)}`);
  await client.command({ query: `SET ${names.join(', ')}` });
  return {
    rows: async (sql, params) => (await collect(client, `${sql}\nFORMAT JSONEachRow`, params)).toString('utf8'),
    ask: (sql, params) => collect(client, sql, params),
    change: async (sql, params) => void (await client.command({ query: sql, ...bound(params) })),
    async insert({ into, where, structure, file, params }) {
      const sql = `${into} FROM file({source_file:String}, 'RowBinary', {source_structure:String}) ${where}`;
      await client.command({
        query: sql,
        query_params: { ...params, source_file: file, source_structure: structure },
      });
    },
    insertFrom: async ({ into, source, where, params }) =>
      void (await client.command({ query: `${into} FROM ${source} WHERE ${where}`, ...bound({ ...params }) })),
    async recover() {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const word = randomUUID();
        const answer = await collect(client, `SELECT '${word}' FORMAT TSVRaw`, {}).catch(() => undefined);
        if (answer?.toString('utf8').trim() === word) return;
      }
      throw new Problem('unavailable', 'The store does not answer cleanly after a failure.');
    },
    close: () => client.close(),
  };
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

function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}
