import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../store/clickhouse.ts';
import { mayStoreChecks, storeCheckRun } from '../../store/check-runs.ts';
import type { CheckRow } from '../../store/check-runs.ts';
import { findCheckItems } from '../../store/queries/find-check-runs.ts';
import { openServerStore, openServerWriter } from '../../store/server-store.ts';
import { startClickHouse } from '../support/clickhouse-fixture.ts';
import type { TestClickHouse } from '../support/clickhouse-fixture.ts';
import { scalar } from '../support/ingest-harness.ts';
import { tempFolder } from '../support/temp-folder.ts';

// The results of checks on their way to a server: in bodies of a bounded size, and only where the user may.
let folder: Awaited<ReturnType<typeof tempFolder>>;
let clickhouse: TestClickHouse;
let store: Store;

beforeAll(async () => {
  folder = await tempFolder();
  clickhouse = await startClickHouse(folder.path);
  await (await openServerStore({ server: clickhouse.server() })).close();
  store = await openServerWriter({ server: clickhouse.server() });
}, 120_000);
beforeEach(async () => clickhouse.fault());
afterAll(async () => {
  await store.close();
  await clickhouse.stop();
  await folder.remove();
});

const item = (index: number, finding: string): CheckRow['items'][number] => ({
  item: `item-${String(index).padStart(5, '0')}`,
  verdict: 'exception',
  attribute: 'a',
  at: '2026-06-01T00:00:00.000Z',
  finding,
  aliases: [],
  evidence: [`evt_${index}`],
});
const rowOf = (items: CheckRow['items']): CheckRow => ({
  run: 'run-1', createdAt: 1_760_000_000_000_000, test: 'T-17', testVersion: 1, framework: 'soc2', from: 0, to: 1, asOf: 2, catalogue: 'c',
  policy: 'p', engine: '0', parameters: {}, population: items.length, populationSha256: 's', passed: 0, exceptions: items.length,
  undetermined: 0, excluded: {}, result: 'exceptions', reason: '', digest: `d-${items.length}`, items,
}); // prettier-ignore

test('thousands of items with long and foreign words arrive whole, none of them in an address', async () => {
  const odd = `'"\\\n\t${'Ünïcode € 中文 😀 '.repeat(40)}`;
  const items = Array.from({ length: 1_200 }, (_, index) => item(index, `${odd}${index}`));
  items.push(item(9_999, 'x'.repeat(300_000)));
  await storeCheckRun(store.writer, store.reader, 'acme', [rowOf(items)]);
  const sent = (await clickhouse.statements()).filter(({ sql }) => sql.startsWith('INSERT INTO check_items'));
  expect(sent.length).toBeGreaterThan(10);
  expect(sent.slice(0, -2).every(({ multipart, bodyBytes }) => multipart && bodyBytes < 128 * 1_024)).toBe(true);
  expect(sent.at(-1)).toMatchObject({ multipart: true });
  const stored = await store.reader.read(findCheckItems('acme', 'run-1', 'T-17'));
  expect(stored.map(({ item: name, finding }) => [name, finding])).toEqual(items.map((one) => [one.item, one.finding]));
}, 120_000);

test.each([497, 164])(
  'a user who may not keep them (error %i of the server) is told apart from a failure',
  async (code) => {
    expect(await mayStoreChecks(store.writer)).toBe(true);
    await clickhouse.fault({ kind: 'refuse', code, match: '^INSERT INTO check_items', times: 1 });
    expect(await mayStoreChecks(store.writer)).toBe(false);
    await clickhouse.fault({ kind: 'status', code: 503, match: '^INSERT INTO check_runs', times: 1 });
    await expect(mayStoreChecks(store.writer)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await scalar(store, 'SELECT count() FROM check_runs')).toBe('1');
  },
  60_000,
);
