import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { z } from 'zod';
import { Problem } from '../model/problem.ts';
import type { Store } from './clickhouse.ts';
import { engineProblem, isRefusedAccess } from './engine-error.ts';
import { openHttpLink } from './http-link.ts';
import { checkMigrated, migrate } from './migrate.ts';
import { COMMON, READER_LIMITS, asReader, limitSettings } from './reader.ts';
import type { ReaderLimits } from './reader.ts';
import { createSession } from './session.ts';
import type { EngineSettings, Link } from './session.ts';
import type { StoreServer } from './settings.ts';

export interface ServerStoreOptions {
  readonly server: StoreServer;
  readonly limits?: Partial<ReaderLimits>;
  /** How late an insert may begin, milliseconds; 5,000 if left out. */
  readonly startWithinMs?: number;
}

/** What may read and no more. */
type ReadStore = Pick<Store, 'reader' | 'openReader' | 'close'>;

const START_WITHIN_MS = 5_000;
// A reader's answer may be on its way for so long after the engine has ended it.
const TRANSFER_MS = 30_000;

/**
 * Opens the store on a ClickHouse server (26.x; `store/README.md` says what was tried) and brings its tables up to date.
 * Problems: `configuration` where the server refuses the user, the database is missing, or the tables are not those of
 * this version; `unavailable` where it does not answer: then the same call may be made again.
 */
export async function openServerStore(options: ServerStoreOptions): Promise<Store> {
  return opening(options.server, async (client) => {
    const settings = await writerSettings(options.server, client);
    const writer = createSession(linkOf(options, client, settings, READER_LIMITS.executionSeconds), true);
    await migrate(writer, undefined, options.server.cluster);
    return { ...(await readStore(options, client)), writer };
  });
}

/**
 * The same for a process that makes no table: it reads, and adds at most rows of its own, as the signer does and a server
 * that keeps the results of checks. `unavailable` until another one has made the tables of this version. What its user may
 * not do shows at the statement (`store/engine-error.ts`, `denied`).
 */
export async function openServerWriter(options: ServerStoreOptions): Promise<Store> {
  return opening(options.server, async (client) => {
    const store = await readStore(options, client);
    await checkMigrated(store.reader);
    const settings = await writerSettings(options.server, client);
    return { ...store, writer: createSession(linkOf(options, client, settings, READER_LIMITS.executionSeconds), true) };
  });
}

async function opening<S>(server: StoreServer, open: (client: ClickHouseClient) => Promise<S>): Promise<S> {
  const client = openClient(server);
  try {
    return await open(client);
  } catch (error) {
    await client.close();
    throw explain(error, server);
  }
}

async function readStore(options: ServerStoreOptions, client: ClickHouseClient): Promise<ReadStore> {
  const { server } = options;
  const readonly = await readonlySetting(client, server.user);
  const openReader: Store['openReader'] = (own = {}) => {
    const limits = { ...READER_LIMITS, ...options.limits, ...own };
    const settings = { ...limitSettings(limits), ...sequential(server), ...readonly };
    return Promise.resolve(asReader(createSession(linkOf(options, client, settings, limits.executionSeconds), false)));
  };
  return { reader: await openReader(), openReader, close: () => client.close() };
}

function linkOf(
  { server, startWithinMs = START_WITHIN_MS }: ServerStoreOptions,
  client: ClickHouseClient,
  settings: EngineSettings,
  seconds: number,
): Link {
  const link = openHttpLink({
    client,
    settings: { ...COMMON, wait_end_of_query: 1, ...settings },
    askMs: seconds * 1_000 + TRANSFER_MS,
    startWithinMs,
    cluster: server.cluster,
    name: 'custody',
  });
  // Sessions share a client, which closes with the store.
  return { ...link, close: () => Promise.resolve() };
}

function openClient(server: StoreServer): ClickHouseClient {
  const gzip = server.compression === 'gzip';
  return createClient({
    url: server.url,
    username: server.user,
    password: server.password,
    database: server.database,
    request_timeout: server.silenceMs,
    max_open_connections: server.connections,
    compression: { request: gzip, response: gzip },
    application: 'custody',
    // Its lines would carry statements and values; what matters comes to us as an error.
    log: { level: ClickHouseLogLevel.OFF },
    ...(server.ca === undefined ? {} : { tls: { ca_cert: server.ca } }),
  });
}

/**
 * On a cluster an insert is answered when a majority of the replicas has it, a read-back sees every insert that was
 * answered, and the server's own deduplication is off, for it drops rows that it acknowledged (reliability.md 0.2).
 */
async function writerSettings(server: StoreServer, client: ClickHouseClient): Promise<EngineSettings> {
  if (server.cluster === undefined) return {};
  const known = await oneRow(client, "SELECT count() AS found FROM system.settings WHERE name = 'deduplicate_insert'");
  return {
    insert_quorum: 'auto',
    insert_quorum_parallel: 0,
    insert_deduplicate: 0,
    ...(known['found'] === 0 ? {} : { deduplicate_insert: 'disable' }),
    ...sequential(server),
  };
}

function sequential(server: StoreServer): EngineSettings {
  return server.cluster === undefined ? {} : { select_sequential_consistency: 1 };
}

/**
 * How the reader is kept from writing. A user whose profile says `readonly = 2` needs nothing from us; others are bound
 * by the setting that we send. With `readonly = 1` the server refuses the limits that every query carries.
 */
async function readonlySetting(client: ClickHouseClient, user: string): Promise<EngineSettings> {
  const { readonly } = await oneRow(client, "SELECT toInt64(getSetting('readonly')) AS readonly");
  if (readonly === 0) return { readonly: 1 };
  if (readonly === 2) return {};
  throw new Problem(
    'configuration',
    `The profile of the user ${user} has readonly = 1, so the limits of a query cannot be set. Give it readonly = 2 and rights to SELECT alone (deploy/clickhouse).`,
  );
}

async function oneRow(client: ClickHouseClient, query: string): Promise<Record<string, number>> {
  const answer = await client.query({ query, format: 'JSONEachRow' });
  const [row] = await answer.json();
  return z.record(z.string(), z.coerce.number()).parse(row);
}

/** Names the server, and tells what refuses us from what is away. Neither the password nor the server's words are in it. */
function explain(error: unknown, { url, user, database }: StoreServer): Problem {
  if (isRefusedAccess(error)) {
    return new Problem(
      'configuration',
      `ClickHouse at ${url} refuses the user ${user}, or the database ${database}: check the CUSTODY_CLICKHOUSE_ settings and the rights (deploy/clickhouse).`,
      {},
      error,
    );
  }
  if (error instanceof Problem && !(error.cause instanceof Error)) return error;
  const problem = engineProblem(error);
  if (problem.code !== 'unavailable') return problem;
  return new Problem('unavailable', `ClickHouse at ${url} does not answer.`, problem.facts, error);
}
