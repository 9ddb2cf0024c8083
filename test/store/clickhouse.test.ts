import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openStore } from '../../store/clickhouse.ts';
import { openEngineLink } from '../../store/engine-link.ts';
import { createSession } from '../../store/session.ts';
import { problemOf, storeContract } from '../contracts/store.ts';
import { tempFolder } from '../support/temp-folder.ts';

describe('the engine in the process', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;

  storeContract(async () => {
    folder = await tempFolder();
    const store = await openStore({ folder: folder.path });
    const close = async (): Promise<void> => {
      await store.close();
      await folder.remove();
    };
    return { store, close };
  });

  test('a session that cannot be flushed answers nothing', async () => {
    const broken = {
      command: () => Promise.resolve({}),
      exec: () => Promise.reject(new Error('gone')),
      close: () => Promise.resolve(),
    };
    const session = createSession(await openEngineLink(broken as never, { async_insert: 0 }), true);
    await problemOf(session.bytes({ sql: 'SELECT 1', params: {} }));
    expect((await problemOf(session.bytes({ sql: 'SELECT 1', params: {} }))).message).toContain('cleanly');
  });

  test('keeps its files under the folder that was named', () => {
    expect(existsSync(join(folder.path, 'store', 'store'))).toBe(true);
  });

  test('refuses a second data folder while one is open', async () => {
    const other = await tempFolder();
    expect((await problemOf(openStore({ folder: other.path }))).code).toBe('folder_in_use');
    await other.remove();
  });
});
