import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { createChdbConnection } from 'chdb/connection';
import { engineSettings } from './clickhouse-request.ts';
import type { ServerRequest } from './clickhouse-request.ts';

type Connection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>;

const MAX_PARAMETER_BYTES = 256 * 2 ** 20;

/** The engine behind the test server: each statement in a session with its own settings and parameters, several at once. */
export interface ServerEngine {
  /** The answer; rejects with the engine's own error. `listed`: the ids of the statements that are at work. */
  run(request: ServerRequest, listed: readonly string[]): Promise<Buffer>;
  close(): Promise<void>;
}

/** The engine over a folder. One a process. */
export function openServerEngine(folder: string): ServerEngine {
  const files = mkdtempSync(join(tmpdir(), 'custody-bodies-'));
  const idle = new Map<string, ClickHouseClient[]>();
  let count = 0;
  const open = (): ClickHouseClient =>
    createClient({ connection: createChdbConnection({ path: folder }) as unknown as Connection });

  async function session(
    settings: Readonly<Record<string, string>>,
  ): Promise<{ client: ClickHouseClient; key: string }> {
    const key = JSON.stringify(settings);
    const found = idle.get(key)?.pop();
    if (found) return { client: found, key };
    const client = open();
    // A server takes parameters beside the statement; here each is a statement, and a long list of ids is a long one.
    await collect(client, `SET max_query_size = ${MAX_PARAMETER_BYTES}`);
    // `readonly` goes last: it closes the session to all other settings.
    const names = Object.keys(settings).toSorted((a, b) => Number(a === 'readonly') - Number(b === 'readonly'));
    for (const name of names) await collect(client, `SET ${name} = ${quote(settings[name] ?? '')}`);
    return { client, key };
  }

  return {
    async run(request, listed) {
      const { client, key } = await session(engineSettings(request.settings));
      const file = join(files, String((count += 1)));
      try {
        for (const [name, value] of Object.entries(request.params))
          await collect(client, `SET param_${name} = ${quote(value)}`);
        if (request.data.length > 0) writeFileSync(file, request.data);
        const answer = await collect(client, translate(request, file, listed));
        idle.set(key, [...(idle.get(key) ?? []), client]);
        return answer;
      } catch (error) {
        // A session that failed may hold what it had printed: it is not used again.
        await client.close().catch(() => undefined);
        throw error;
      } finally {
        rmSync(file, { force: true });
      }
    },
    async close() {
      await Promise.all([...idle.values()].flat().map((client) => client.close()));
      rmSync(files, { recursive: true, force: true });
    },
  };
}

/**
 * What chdb does not have in its process: rows behind an INSERT with `input()` are read from a file instead, and the
 * list of statements is the server's.
 */
function translate({ sql, data }: ServerRequest, file: string, listed: readonly string[]): string {
  const list = listed.map((id) => quote(id)).join(', ');
  const processes = `(SELECT arrayJoin(CAST([${list}], 'Array(String)')) AS query_id)`;
  const text = sql.replaceAll('system.processes', () => processes);
  if (!/\bFROM input\(/.test(text)) {
    if (data.length > 0)
      throw new Error('Code: 27. DB::Exception: rows without a place for them. (CANNOT_PARSE_INPUT)');
    return text;
  }
  // An empty body is no file: the engine then has nothing to read.
  if (data.length === 0) writeFileSync(file, '');
  const [tail = '', format = 'TSV'] = /\s+FORMAT (TSV|RowBinary)\s*$/.exec(text) ?? [];
  return text
    .slice(0, text.length - tail.length)
    .replace(
      /\bFROM input\('((?:[^'\\]|\\.)*)'\)/,
      (_all, structure: string) => `FROM file(${quote(file)}, '${format}', '${structure}')`,
    );
}

async function collect(client: ClickHouseClient, query: string): Promise<Buffer> {
  const { stream } = await client.exec({ query });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
