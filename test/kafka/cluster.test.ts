import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CommandContext } from '../../cli/command.ts';
import { openServerStore } from '../../store/server-store.ts';
import type { Store } from '../../store/clickhouse.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestClusterOfOurs, TestProcess } from '../support/cluster.ts';
import { scalar } from '../support/ingest-harness.ts';
import { tokenEvent } from '../support/intake-samples.ts';
import { describeOnKafka, rawKafka, withAdmin } from '../support/kafka-fixture.ts';
import { missingForKcat, produceWithKcat } from '../support/kcat.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ISSUER = tokenEvent.source;
const SECRET = 'issuer-bearer-token-0001';
// What a server tells of itself is not counted.
const SENT = "source != 'custody.self'";
const INBOUND = 'issuers.of.others';
const noKcat = missingForKcat();
const POLICY = `
tenant: acme
sources:
  - family: ce
    instance: ${ISSUER}
    may_speak_for: [https://broker.acme.example]
    credentials: [{ kind: bearer, secret: issuer }]
`;

const eventOf = (index: number): typeof tokenEvent => ({
  ...tokenEvent,
  id: `event-${index}`,
  subject: `jti:tok-${index}`,
  time: new Date(Date.now() - 60_000).toISOString(),
  data: { ...tokenEvent.data, token: { ...tokenEvent.data.token, jti: `tok-${index}` } },
});

describeOnKafka('the processes of a cluster', { brokers: 1, own: true }, (kafka) => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let cluster: TestClusterOfOurs;
  let store: Store;
  let producer: Producer;
  let sent = 0;
  let published = 0;

  beforeAll(async () => {
    folder = await tempFolder();
    const configFile = join(folder.path, 'custody.yaml');
    await writeFile(configFile, POLICY);
    await writeFile(join(folder.path, 'custody.secrets.yaml'), `issuer: ${SECRET}\n`, { mode: 0o600 });
    const settings = { dataFolder: join(folder.path, 'cluster'), configFile, url: undefined, token: undefined };
    const context: CommandContext = {
      settings: { ...settings, logLevel: 'warn', color: false },
      out: () => Promise.resolve(),
      say: () => undefined,
      live: false,
    };
    cluster = await startCluster(
      context,
      () => undefined,
      0,
      { CUSTODY_INBOUND_ISSUER_TOPIC: INBOUND },
      kafka.cluster(),
    );
    store = await openServerStore({ server: cluster.clickhouse.server() });
    const brokers = kafka.addresses();
    await withAdmin(brokers, (admin) => admin.createTopics({ topics: [{ topic: INBOUND, numPartitions: 2 }] }));
    producer = rawKafka(brokers).producer();
    await producer.connect();
  }, 400_000);
  afterAll(async () => {
    await producer.disconnect();
    await store.close();
    await cluster.stop();
    await folder.remove();
  }, 60_000);

  async function push(count: number): Promise<number[]> {
    const statuses: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const answer = await fetch(`${cluster.serve.url}/v1/ingest/cloudevents`, {
        method: 'POST',
        headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(eventOf((sent += 1))),
      });
      statuses.push(answer.status);
      await answer.text();
    }
    return statuses;
  }
  const counts = (): Promise<string> =>
    scalar(
      store,
      `SELECT (SELECT count() FROM records WHERE ${SENT}), (SELECT uniqExact(topic, partition, offset) FROM records WHERE ${SENT}),
        (SELECT countIf(disposition = 'accepted') FROM events WHERE ${SENT}), (SELECT uniqExact(event_id) FROM events WHERE ${SENT})`,
    );
  const untilEvents = async (events: number): Promise<void> => {
    for (const end = Date.now() + 150_000; Date.now() < end; await sleep(300))
      if ((await counts().catch(() => '')).split('\t')[3] === String(events)) return;
    throw new Error(`the store holds ${await counts()}, not ${events} events. The workers said: ${cluster.said()}`);
  };
  const readiness = async (url: string): Promise<string> => {
    const answer = await fetch(`${url}/readyz`);
    return `${answer.status} ${((await answer.json()) as { reasons: string[] }).reasons.join()}`;
  };
  const twice = async (): Promise<number> => {
    const [records = 0, places = 0, accepted = 0, events = 0] = (await counts()).split('\t').map(Number);
    return records - places + (accepted - events);
  };

  describe('one worker after another', () => {
    let first: TestProcess & { readonly url: string };
    let second: TestProcess & { readonly url: string };

    test('202 means that Kafka has it; a worker that comes later stores it', async () => {
      expect(await push(5)).toEqual([202, 202, 202, 202, 202]);
      first = await cluster.ingest();
      await untilEvents(5);
      expect(await twice()).toBe(0);
      await vi.waitUntil(async () => (await readiness(first.url)) === '200 ', { timeout: 30_000 });
      // A batch is counted when all of it is stored and noted, a moment after its events can be read.
      const counted = 'custody_ingest_records_total{topic="ce",end="accepted"} 5';
      const page = async (): Promise<string> => (await fetch(`${first.url}/metrics`)).text();
      await vi.waitUntil(async () => (await page()).includes(counted), { timeout: 30_000, interval: 200 });
    }, 300_000);

    test('what issuers produce themselves passes the checks of the door', async () => {
      const headers = {
        'content-type': 'application/cloudevents+json',
        'x-custody-instance': 'https://forged.example',
      };
      await producer.send({
        topic: INBOUND,
        messages: [
          { key: 'a', value: JSON.stringify(eventOf((sent += 1))), headers },
          { key: 'a', value: JSON.stringify({ ...eventOf(999), source: 'https://forged.example' }), headers },
          { key: 'a', value: 'not JSON', headers },
        ],
      });
      const { data, ...attributes } = eventOf((sent += 1));
      const binary = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]));
      await producer.send({
        topic: INBOUND,
        messages: [
          { key: 'b', value: JSON.stringify(data), headers: { ...binary, 'content-type': 'application/json' } },
        ],
      });
      await untilEvents(7);
      const rejected = "SELECT arraySort(groupArray((instance, reason))) FROM records WHERE status = 'rejected'";
      await vi.waitUntil(async () => (await scalar(store, rejected)).includes('invalid_json'), { timeout: 60_000 });
      expect(await scalar(store, rejected)).toBe("[('','invalid_json'),('','source_not_registered')]");
    }, 300_000);

    test('a worker that is killed is followed by another; repeats that it had stored are found', async () => {
      second = await cluster.ingest();
      await first.stop('SIGKILL');
      expect(new Set(await push(20))).toEqual(new Set([202]));
      const repeated = JSON.stringify(eventOf(1));
      const answer = await fetch(`${cluster.serve.url}/v1/ingest/cloudevents`, {
        method: 'POST',
        headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/cloudevents+json' },
        body: repeated,
      });
      expect(answer.status).toBe(202);
      await untilEvents(27);
      expect(await twice()).toBe(0);
    }, 300_000);

    test('what two workers stored one after the other is sealed, and verdicts are given', async () => {
      const unsealed = `SELECT count() FROM (SELECT topic, partition, max(offset) AS stored FROM records GROUP BY topic, partition) AS r
        LEFT JOIN (SELECT topic, partition, max(last_offset) + 1 AS end FROM seals WHERE state = 'sealed' GROUP BY topic, partition) AS s
        ON r.topic = s.topic AND r.partition = s.partition WHERE s.end <= r.stored`;
      await vi.waitUntil(async () => (await scalar(store, unsealed)) === '0', { timeout: 60_000, interval: 500 });
      expect(await scalar(store, "SELECT countIf(state = 'broken'), sum(records) > 0 FROM seals")).toBe('0\t1');
      expect(await scalar(store, 'SELECT uniqExact(holder) FROM leases')).toBe('2');
      const question = 'framework=soc2&from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z';
      const { url, token } = cluster.serve;
      const answer = await fetch(`${url}/v1/check?${question}`, { headers: { authorization: `Bearer ${token}` } });
      expect([answer.status, (await answer.text()).includes('"tests"')]).toEqual([200, true]);
    }, 120_000);

    test('a store that goes away is waited for: not ready, nothing dropped, and ready again', async () => {
      await cluster.clickhouse.kill();
      expect(new Set(await push(10))).toEqual(new Set([202]));
      await vi.waitUntil(async () => (await readiness(second.url)).startsWith('503 store_unavailable'), {
        timeout: 60_000,
      });
      expect(await readiness(cluster.serve.url)).toBe('503 store_unavailable');
      expect((await fetch(`${second.url}/healthz`)).status).toBe(200);
      await cluster.clickhouse.start();
      await untilEvents(37);
      expect(await twice()).toBe(0);
      await vi.waitUntil(async () => (await readiness(second.url)) === '200 ', { timeout: 60_000 });
    }, 300_000);

    test.skipIf(noKcat !== undefined)(
      `kcat as publisher: structured and binary CloudEvents are accepted${noKcat === undefined ? '' : ` (skipped: ${noKcat})`}`,
      async () => {
        const [structured, binary] = [eventOf((sent += 1)), eventOf((sent += 1))];
        const file = join(folder.path, 'kcat.json');
        const produce = (headers: Record<string, string>, value: string): Promise<void> =>
          produceWithKcat(kafka.addresses(), INBOUND, file, { key: 'kcat', headers, value });
        await produce({ 'content-type': 'application/cloudevents+json' }, JSON.stringify(structured));
        const { data, ...attributes } = binary;
        const named = Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]);
        await produce({ ...Object.fromEntries(named), 'content-type': 'application/json' }, JSON.stringify(data));
        published = 2;
        await untilEvents(39);
        const ends = `SELECT groupArray(disposition) FROM (SELECT toString(disposition) AS disposition FROM events WHERE endsWith(native_id, '${structured.id}') OR endsWith(native_id, '${binary.id}'))`;
        expect(await scalar(store, ends)).toBe("['accepted','accepted']");
        expect(await twice()).toBe(0);
      },
      300_000,
    );

    test('a broker that goes away: the door says so, and all goes on when it is back', async () => {
      const [broker] = kafka.cluster().brokers;
      await broker?.stop('SIGKILL');
      await vi.waitUntil(async () => (await readiness(second.url)).includes('log_unavailable'), { timeout: 90_000 });
      broker?.start();
      await kafka.cluster().ready();
      for (let taken = 0; taken < 5; await sleep(200)) taken += (await push(1))[0] === 202 ? 1 : 0;
      await vi.waitUntil(async () => Number((await counts()).split('\t')[3]) >= 42 + published, {
        timeout: 150_000,
        interval: 300,
      });
      expect(await twice()).toBe(0);
      expect(await second.stop()).toBe(0);
    }, 400_000);
  });
});
