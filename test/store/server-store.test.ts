import { describe } from 'vitest';
import { openServerStore } from '../../store/server-store.ts';
import { storeContract } from '../contracts/store.ts';
import { startClickHouse } from '../support/clickhouse-fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';

// With compression both ways; the tests of faults go without.
describe('a server over HTTP', () => {
  storeContract(async () => {
    const folder = await tempFolder();
    const clickhouse = await startClickHouse(folder.path);
    const store = await openServerStore({ server: clickhouse.server({ compression: 'gzip' }) });
    const close = async (): Promise<void> => {
      await store.close();
      await clickhouse.stop();
      await folder.remove();
    };
    return { store, close };
  });
});
