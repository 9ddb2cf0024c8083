import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@clickhouse/client';
import { createChdbConnection } from 'chdb/connection';
import { engineProblem } from './engine-error.ts';
import { openEngineLink } from './engine-link.ts';
import { migrate } from './migrate.ts';
import type { Reader } from './query.ts';
import { COMMON, READER_LIMITS, asReader, limitSettings, shareReaders } from './reader.ts';
import type { OwnReader, ReaderLimits } from './reader.ts';
import { createSession } from './session.ts';
import type { EngineSettings, Session, Writer } from './session.ts';

export type { FileInsert, Writer } from './session.ts';

export interface StoreOptions {
  /** The data folder; the engine keeps its files in `store/` below it. */
  readonly folder: string;
  readonly limits?: Partial<ReaderLimits>;
}

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>;

export interface Store {
  /** Cannot write, by the engine's own rule and not by good manners. For the API, chains, tests and reports. */
  readonly reader: Reader;
  readonly writer: Writer;
  /** One more read-only session with limits of its own, so that a long read does not stand in another's way. */
  readonly openReader: (limits?: Partial<ReaderLimits>) => Promise<OwnReader>;
  close(): Promise<void>;
}

// One connection of the engine is serial (performance.md A3); two readers let a short query pass a long one.
const READERS = 2;

/**
 * Opens the store of a data folder, in this process, and brings its tables up to date. One process holds a folder:
 * a second one gets `folder_in_use`. One folder a process: the engine refuses another one while this is open.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const path = join(options.folder, 'store');
  await mkdir(path, { recursive: true, mode: 0o700 });
  const sessions: Session[] = [];
  const connect = async (settings: EngineSettings): Promise<Writer> => {
    const session = await openSession(path, { ...COMMON, ...settings });
    sessions.push(session);
    return session;
  };
  const close = async (): Promise<void> => {
    for (const session of sessions.splice(0).reverse()) await session.close();
  };
  try {
    const writer = await connect({});
    await migrate(writer);
    const limits = { ...READER_LIMITS, ...options.limits };
    // `readonly` stands last: from then on the session can change no setting, this one included.
    const openReader: Store['openReader'] = async (own = {}) =>
      asReader(await connect({ ...limitSettings({ ...limits, ...own }), readonly: 1 }));
    const readers = await Promise.all(Array.from({ length: READERS }, () => openReader()));
    return { reader: shareReaders(readers), writer, openReader, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openSession(path: string, settings: EngineSettings): Promise<Writer> {
  try {
    // The two packages differ only in whether an optional property may be written as undefined.
    const connection = createChdbConnection({ path }) as unknown as NonNullable<ClientOptions['connection']>;
    return createSession(await openEngineLink(createClient({ connection }), settings), true);
  } catch (error) {
    throw engineProblem(error);
  }
}
