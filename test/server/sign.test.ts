import { chmod, copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { openTreeKeeper } from '../../ingest/trees/tree-keeper.ts';
import type { TreeKeeper } from '../../ingest/trees/tree-keeper.ts';
import type { LogKeys } from '../../ledger/evidence.ts';
import { verifyEvidence } from '../../ledger/verify-evidence.ts';
import { proveRecord } from '../../query/log/prove.ts';
import { readFolderKeys } from '../../server/log-keys.ts';
import { openSign } from '../../server/open-sign.ts';
import type { SignProcess } from '../../server/open-sign.ts';
import type { Store } from '../../store/clickhouse.ts';
import { openServerStore } from '../../store/server-store.ts';
import { readCheckpoint } from '../../store/trees/heads.ts';
import { startClickHouse } from '../support/clickhouse-fixture.ts';
import type { TestClickHouse } from '../support/clickhouse-fixture.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { scalar, testWorker } from '../support/ingest-harness.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { tempFolder } from '../support/temp-folder.ts';

// The signer of a cluster against the HTTP interface of the real engine: what others stored, it signs.
const TOPIC = 'aws.cloudtrail';
const PLACE = { topic: TOPIC, sourceEpoch: 1, partition: 0 };
const NEVER = 3_600_000;
const log = createMemoryLog();
let folder: Awaited<ReturnType<typeof tempFolder>>;
let clickhouse: TestClickHouse;
let store: Store;
let keeper: TreeKeeper;
let worker: ReturnType<typeof testWorker>;
let events = 0;
const open = new Set<SignProcess>();

beforeAll(async () => {
  folder = await tempFolder();
  clickhouse = await startClickHouse(folder.path);
  store = await openServerStore({ server: clickhouse.server() });
  keeper = await openTreeKeeper({ store });
  worker = testWorker(store, log, folder.path, {
    onCovered: (place, end, epoch) => keeper.covered(place, end, epoch),
  });
  await worker.start();
}, 300_000);
afterEach(async () => {
  for (const signer of open) await signer.close();
  open.clear();
});
afterAll(async () => {
  await worker.stop();
  await keeper.close();
  await store.close();
  await clickhouse.stop();
  await folder.remove();
});

async function ingest(count: number): Promise<void> {
  const records = Array.from({ length: count }, () => cloudtrailRecord(cloudtrailEvent((events += 1))));
  await log.append(TOPIC, 'a', records);
  await worker.idle();
  await keeper.sealed();
}

/** A signer that signs when it is told to, and what it wrote into its log. */
async function signer(name = 'signer'): Promise<SignProcess & { said: () => string }> {
  const lines: string[] = [];
  const logger = pino({}, { write: (line) => void lines.push(line) });
  const started = await openSign({
    folder: join(folder.path, name),
    tenant: 'default',
    clickhouse: clickhouse.server(),
    management: { host: '127.0.0.1', port: 0 },
    logger,
    signal: new AbortController().signal,
    signMs: NEVER,
  });
  open.add(started);
  return { ...started, said: () => lines.join('') };
}
const close = async (one: SignProcess): Promise<void> => {
  open.delete([...open].find(({ url }) => url === one.url) ?? one);
  await one.close();
};
const keys = (name = 'signer'): Promise<LogKeys> => readFolderKeys(join(folder.path, name), 'default');
const signedSize = (): Promise<string> => scalar(store, 'SELECT max(size) FROM checkpoints');
const readiness = async ({ url }: SignProcess): Promise<string> => {
  const answer = await fetch(`${url}/readyz`);
  return `${answer.status} ${((await answer.json()) as { reasons: string[] }).reasons.join()}`;
};

test('what others stored is signed, and proved by the keys that were published before', async () => {
  const published = await keys();
  await ingest(30);
  const one = await signer();
  expect(await keys()).toEqual(published);
  await one.sign();
  const [{ leaf, offset } = { leaf: '', offset: 0 }] = JSON.parse(
    `[${await scalar(store, "SELECT formatRow('JSONEachRow', lower(hex(leaf)) AS leaf, toUInt32(offset) AS offset) FROM records WHERE offset = 17")}]`,
  ) as { leaf: string; offset: number }[];
  const proved = await proveRecord(store.reader, PLACE, { offset, leaf: Buffer.from(leaf, 'hex') }, await readCheckpoint(store.reader)); // prettier-ignore
  if (proved.state !== 'included') throw new Error(proved.state);
  const { state: _state, ...evidence } = proved;
  const trusted = { origin: 'custody.default', verifiers: published.verifiers };
  expect(verifyEvidence(JSON.parse(JSON.stringify(evidence)) as unknown, trusted)).toEqual([]);
  expect(verifyEvidence(evidence, { ...trusted, verifiers: (await keys('another')).verifiers })).not.toEqual([]);
  expect(await readiness(one)).toBe('200 ');
  expect(await (await fetch(`${one.url}/metrics`)).text()).toMatch(/^custody_checkpoint_size 1$/m);
  // Nothing has changed: nothing is signed.
  await one.sign();
  expect(await scalar(store, 'SELECT count() FROM checkpoints')).toBe('1');
}, 300_000);

test('a second signer is refused, says what is wrong and what to do, and changes nothing', async () => {
  await ingest(5);
  const second = await signer('second');
  await expect(second.sign()).rejects.toThrow(/another key signed.*one signer.*stop this one/s);
  expect(await readiness(second)).toBe('503 signing_stopped');
  expect(second.said()).toContain('"alarm":"signing_stopped"');
  expect(await signedSize()).toBe('1');
  expect(await scalar(store, 'SELECT count() FROM tree_heads')).toBe('1');
  const one = await signer();
  await one.sign();
  expect(await signedSize()).toBe('2');
  expect(await scalar(store, "SELECT uniqExact(splitByString(' ', note)[-1]) FROM checkpoints")).toBe('2');
}, 300_000);

test('the same key with an older memory is refused, and signs on when its memory is put back', async () => {
  const [from, to] = [join(folder.path, 'signer', 'keys'), join(folder.path, 'older', 'keys')];
  const older = await signer('older');
  await close(older);
  for (const name of ['log-signing.pem', 'signed.json']) await copyFile(join(from, name), join(to, name));
  const one = await signer();
  await ingest(5);
  await one.sign();
  const late = await signer('older');
  await expect(late.sign()).rejects.toThrow(/not noted here as signed.*put that back/s);
  await close(late);
  await close(one);
  await copyFile(join(from, 'signed.json'), join(to, 'signed.json'));
  const back = await signer('older');
  await ingest(5);
  await back.sign();
  expect(await signedSize()).toBe('4');
  await copyFile(join(to, 'signed.json'), join(from, 'signed.json'));
}, 300_000);

test('answers that are lost and inserts that come late give no place twice', async () => {
  const one = await signer();
  for (const [kind, table] of [
    ['drop_after', 'tree_heads'],
    ['drop_after', 'checkpoints'],
    ['drop_before', 'tree_heads'],
    ['transit', 'checkpoints'],
  ] as const) {
    await ingest(3);
    await clickhouse.fault({ kind, match: `^INSERT INTO ${table} `, times: 1, ms: 1_500 });
    if (kind === 'transit') await one.sign();
    else await expect(one.sign()).rejects.toThrow('did not answer');
    await one.sign();
  }
  const places =
    'SELECT count() = uniqExact(place), max(place) + 1 = (SELECT max(size) FROM checkpoints) FROM tree_heads';
  expect(await scalar(store, places)).toBe('1\t1');
  expect(await signedSize()).toBe('8');
}, 300_000);

test('rights that are missing are told, and a store that is away is waited for', async () => {
  const one = await signer();
  await ingest(3);
  await clickhouse.fault({ kind: 'refuse', code: 497, match: '^INSERT INTO tree_heads ', times: 1 });
  await expect(one.sign()).rejects.toThrow('deploy/clickhouse/users.sql');
  await clickhouse.kill();
  await expect(one.sign()).rejects.toThrow();
  expect(await readiness(one)).toBe('503 store_unavailable');
  expect(one.said()).not.toContain('alarm');
  await clickhouse.start();
  await vi.waitUntil(() => one.sign().then(() => true, () => false), { timeout: 60_000, interval: 500 }); // prettier-ignore
  expect(await readiness(one)).toBe('200 ');
}, 300_000);

test('a folder in use, and keys that others may read, are refused', async () => {
  const one = await signer();
  await expect(signer()).rejects.toMatchObject({ code: 'folder_in_use' });
  await close(one);
  const state = join(folder.path, 'signer', 'keys', 'signed.json');
  await mkdir(join(folder.path, 'kept'));
  await copyFile(state, join(folder.path, 'kept', 'signed.json'));
  expect(JSON.parse(await readFile(state, 'utf8'))).toMatchObject({ size: 9 });
  await rm(state);
  const forgot = await signer();
  await expect(forgot.sign()).rejects.toThrow('signed.json');
  await close(forgot);
  await chmod(join(folder.path, 'signer', 'keys', 'log-signing.pem'), 0o644);
  await expect(signer()).rejects.toMatchObject({ code: 'configuration' });
}, 300_000);
