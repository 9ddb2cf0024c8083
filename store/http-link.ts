import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ClickHouseError, EXCEPTION_TAG_HEADER_NAME, parseError } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { createDoubts } from './doubts.ts';
import type { Doubts } from './doubts.ts';
import type { EngineSettings, FileInsert, Link } from './session.ts';

export interface HttpLinkOptions {
  readonly client: ClickHouseClient;
  /** Sent with every statement: a server keeps nothing of one for the next. */
  readonly settings: EngineSettings;
  /** Milliseconds that a whole question may take, its answer included; a change may take as long as the server is not silent. */
  readonly askMs: number;
  /** An insert that the server begins later than this, in milliseconds after it was sent, must do nothing. */
  readonly startWithinMs: number;
  /** The cluster on all of whose replicas a statement may be at work; the one server if left out. */
  readonly cluster?: string | undefined;
  /** Begins every query_id, so that an operator sees whose statements they are. */
  readonly name: string;
}

/** What an insert is bound to, so that one that comes late does nothing. */
const IN_TIME = 'now64(3) < fromUnixTimestamp64Milli({start_by:Int64})';

/**
 * The link to a server over HTTP. A statement whose end was not told (a time-out, a connection that broke) is in doubt:
 * it may be done, be at work, or be still on its way. Before anything else is sent, `recover` waits it out
 * (reliability.md 1.4); what is true then is read from the store. Nothing is ever sent again by this link itself.
 */
export function openHttpLink(options: HttpLinkOptions): Link {
  const { client, settings } = options;
  const questions = (): { clickhouse_settings: Record<string, string | number>; abort_signal: AbortSignal } => ({
    clickhouse_settings: { ...settings },
    abort_signal: AbortSignal.timeout(options.askMs),
  });
  const rows: Link['rows'] = async (sql, params) => {
    const asked = { query: sql, query_params: params, format: 'JSONEachRow' as const, use_multipart_params_auto: true };
    const answer = await client.query({ ...asked, ...questions() });
    return whole(await answer.text(), answer.response_headers);
  };
  const doubts = createDoubts({ rows, startWithinMs: options.startWithinMs, cluster: options.cluster });

  return {
    rows,
    async ask(sql, params) {
      const answer = await client.exec({ query: sql, query_params: params, ...questions() });
      const bytes = await collect(answer.stream);
      whole(bytes.subarray(-MAX_TAIL).toString('latin1'), answer.response_headers);
      return bytes;
    },
    async change(sql, params) {
      const startBy = takesCondition(sql) ? await doubts.startBy() : 0;
      const bounded = startBy === 0 ? { query: sql, query_params: params } : inTimeOnly(sql, params, startBy);
      await tracked(options, doubts, startBy, async (query_id) => {
        const asked = { ...bounded, query_id, clickhouse_settings: { ...settings } };
        if (startBy !== 0 && charsOf(params) > URL_CHARS) {
          // A query is what the client sends with its values in the body; an INSERT bears the FORMAT that it puts behind.
          const sent = await client.query({ ...asked, format: 'JSONEachRow', use_multipart_params: true });
          whole(await sent.text(), sent.response_headers);
          return;
        }
        const answer = await client.exec(asked);
        whole((await collect(answer.stream)).toString('latin1'), answer.response_headers);
      });
    },
    async insert(insert) {
      const startBy = await doubts.startBy();
      await tracked(options, doubts, startBy, (query_id) => sendFile(options, insert, startBy, query_id));
    },
    async insertFrom({ into, source, where, params }) {
      const startBy = await doubts.startBy();
      await tracked(options, doubts, startBy, async (query_id) => {
        const query = `${into} FROM ${source} WHERE (${where}) AND ${IN_TIME}`;
        const query_params = { ...params, start_by: startBy };
        const answer = await client.exec({ query, query_params, query_id, clickhouse_settings: { ...settings } });
        whole((await collect(answer.stream)).toString('latin1'), answer.response_headers);
      });
    },
    recover: () => doubts.settle(),
    close: () => client.close(),
  };
}

// A server takes 1 MiB of address, and a character may be nine of it.
const URL_CHARS = 32 * 1_024;

function charsOf(params: Record<string, unknown>): number {
  let chars = 0;
  for (const value of Object.values(params).flat()) chars += typeof value === 'string' ? value.length + 1 : 24;
  return chars;
}

/** Whether a statement makes rows of its own parameters, and has no condition yet that another could not be put behind. */
function takesCondition(sql: string): boolean {
  return /^INSERT INTO\b[^;]*\bSELECT\b/.test(sql) && !/\b(?:WHERE|GROUP BY|HAVING|ORDER BY|LIMIT)\b/.test(sql);
}

/** The same statement; begun too late it ends with an error and adds nothing, for nobody may read back what it made. */
function inTimeOnly(
  sql: string,
  params: Record<string, unknown>,
  startBy: number,
): { query: string; query_params: Record<string, unknown> } {
  const query = `${sql} WHERE throwIf(NOT (${IN_TIME}), 'begun too late') = 0`;
  return { query, query_params: { ...params, start_by: startBy } };
}

/** The rows of the file as the body, through `input()`: the columns and the SELECT are those of the engine in the process. */
async function sendFile(
  { client, settings }: HttpLinkOptions,
  { into, where, structure, file, params }: FileInsert,
  startBy: number,
  query_id: string,
): Promise<void> {
  const condition = where === '' ? `WHERE ${IN_TIME}` : `${where} AND ${IN_TIME}`;
  const query = `${into} FROM input('${structure.replaceAll(/['\\]/g, String.raw`\$&`)}') ${condition} FORMAT RowBinary`;
  const values = createReadStream(file, { highWaterMark: 1 << 18 });
  try {
    const query_params = { ...params, start_by: startBy };
    const answer = await client.exec({ query, query_params, query_id, values, clickhouse_settings: { ...settings } });
    whole((await collect(answer.stream)).toString('latin1'), answer.response_headers);
  } finally {
    values.destroy();
  }
}

/** Runs a change. Unless the server itself says how it ended, it is in doubt. */
async function tracked(
  { name }: HttpLinkOptions,
  doubts: Doubts,
  startBy: number,
  work: (query_id: string) => Promise<void>,
): Promise<void> {
  const id = `${name}-${randomUUID()}`;
  try {
    await work(id);
  } catch (error) {
    if (!(error instanceof ClickHouseError)) doubts.add(id, startBy);
    throw error;
  }
}

// An error that comes behind the first rows of an answer ends with the server's words and the tag of the header.
const MAX_TAIL = 32 * 1_024;

/** Gives the text, or throws the error of the server that it ends with, although the status said that all was well. */
function whole(text: string, headers: Readonly<Record<string, unknown>> | undefined): string {
  const tag = headers?.[EXCEPTION_TAG_HEADER_NAME];
  if (typeof tag !== 'string' || tag === '' || !text.slice(-MAX_TAIL).includes(`__exception__\r\n${tag}`)) return text;
  throw parseError(text.slice(-MAX_TAIL));
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}
