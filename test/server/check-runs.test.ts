import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { CheckResult, TestResult } from '../../model/control.ts';
import { policySchema } from '../../model/policy.ts';
import { policySha256 } from '../../model/policy-hash.ts';
import { catalogueVersion } from '../../query/controls/catalogue.ts';
import type { Backtest } from '../../query/controls/backtest.ts';
import type { StoredRun } from '../../query/controls/period-figures.ts';
import { compareWithStored, comparisonText, digestOf } from '../../query/controls/record-check.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { findCheckItems } from '../../store/queries/find-check-runs.ts';
import { ownStore } from '../support/own-store.ts';
import { oktaEvent, trailRecord } from '../support/intake-samples.ts';
import { tempFolder } from '../support/temp-folder.ts';

// A real folder: log, worker and store. What is checked was imported, so its leaves are the worker's own.
const policy = policySchema.parse({
  tenant: 'acme',
  sources: [{ family: 'aws.cloudtrail', instance: trailRecord.recipientAccountId }],
  environments: { aws_accounts: { [trailRecord.recipientAccountId]: 'production' } },
});
const DAY = trailRecord.eventTime.slice(0, 10);
const NEXT = new Date(Date.parse(`${DAY}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
const PERIOD = `from=${DAY}T00:00:00Z&to=${NEXT}T00:00:00Z`;

let folder: Awaited<ReturnType<typeof tempFolder>>;
let custody: Custody;

async function open(own = policy): Promise<Custody> {
  return openCustody({
    folder: join(folder.path, 'data'),
    policy: own,
    secrets: secretsFrom({}),
    oidc: undefined,
    version: '0.0.0',
    logTo: 'nowhere',
  });
}

async function get<Body>(url: string, method: 'GET' | 'POST' = 'GET'): Promise<Body> {
  const headers = { authorization: `Bearer ${custody.token}` };
  const answer = await custody.app.inject({ method, url, headers });
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${answer.payload}`);
  return JSON.parse(answer.payload) as Body;
}

async function importLines(source: string, records: readonly object[], instance: string): Promise<void> {
  const payload = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const headers = { authorization: `Bearer ${custody.token}`, 'content-type': 'application/octet-stream' };
  const query = `source=${source}&instance=${instance}&received_at=${NEXT}T00:00:00Z`;
  const answer = await custody.app.inject({ method: 'POST', url: `/v1/imports?${query}`, headers, payload });
  expect(answer.payload).toContain(`"accepted":${records.length}`);
}

async function one(test: string, asOf: string): Promise<TestResult> {
  const { tests } = await get<CheckResult>(`/v1/check?framework=all&${PERIOD}&as_of=${asOf}&tests=${test}`);
  const [result] = tests;
  if (!result) throw new Error('no result');
  return result;
}

beforeAll(async () => {
  folder = await tempFolder();
  custody = await open();
  const records = ['a', 'b', 'c'].map((id) => ({ ...trailRecord, eventID: `id-${id}` }));
  await importLines('aws.cloudtrail', records, trailRecord.recipientAccountId);
  await importLines('okta.log', [{ ...oktaEvent, published: `${DAY}T10:00:00.000Z` }], 'acme.okta.example');
  await custody.settled();
}, 120_000);
afterAll(async () => {
  await custody.close();
  await folder.remove();
});

describe('what a check gives is kept', () => {
  const AS_OF = `${NEXT}T01:00:00.000Z`;

  test('with as-of, catalogue, policy, parameters, digests and items; a second run agrees and changes nothing', async () => {
    const url = `/v1/check?framework=soc2&${PERIOD}&as_of=${AS_OF}`;
    const runsUrl = `/v1/check/runs?${PERIOD}&as_of=${AS_OF}`;
    await get<CheckResult>(url);
    expect(await get(runsUrl)).toEqual({ runs: [] });
    const first = await get<CheckResult>(url, 'POST');
    const { runs } = await get<{ runs: StoredRun[] }>(runsUrl);
    expect(runs.map(({ test: id }) => id).toSorted()).toEqual(first.tests.map(({ test: id }) => id).toSorted());
    const t17 = first.tests.find(({ test: id }) => id === 'T-17');
    if (!t17) throw new Error('no T-17');
    expect(runs.find(({ test: id }) => id === 'T-17')).toMatchObject({
      population: t17.population.sha256,
      digest: digestOf(t17),
      catalogue: catalogueVersion(),
      policy: policySha256(policy),
    });
    const items = await custody.store.reader.read(findCheckItems('acme', runs[0]?.run ?? '', 'T-17'));
    expect(items.map(({ item, verdict, finding }) => ({ item, verdict, finding }))).toEqual(
      t17.items.map(({ item, verdict, finding }) => ({ item, verdict, finding })),
    );
    const again = await get<CheckResult>(url, 'POST');
    expect(again).toEqual(first);
    const comparison = compareWithStored(again, runs);
    expect(comparison.agreement).toBe('agrees');
    expect(comparisonText(comparison)).toContain(`all ${first.tests.length} tests agree`);
    const { runs: both } = await get<{ runs: StoredRun[] }>(runsUrl);
    expect(both.length).toBe(2 * runs.length);
    // Equal results share their items: the second run holds none of its own, and shows the same.
    const second = both.find(({ run }) => run !== runs[0]?.run)?.run ?? '';
    expect(await custody.store.reader.read(findCheckItems('acme', second, 'T-17'))).toEqual(items);
  });

  test('a result that differs is told, and one of another policy cannot be compared', async () => {
    const result = await get<CheckResult>(`/v1/check?framework=all&${PERIOD}&as_of=${AS_OF}&tests=T-12`);
    const { runs } = await get<{ runs: StoredRun[] }>(`/v1/check/runs?${PERIOD}&as_of=${AS_OF}`);
    const own = runs.filter(({ test: id }) => id === 'T-12');
    const forged = own.map((run) => ({ ...run, digest: 'x' }));
    expect(compareWithStored(result, forged)).toMatchObject({ agreement: 'differs', tests: [{ population_agrees: true }] });
    expect(comparisonText(compareWithStored(result, forged))).toMatch(/^T-12 differs from run .*other verdicts/);
    const foreign = own.map((run) => ({ ...run, policy: 'x', digest: 'x' }));
    expect(compareWithStored(result, foreign).agreement).toBe('other_catalogue_or_policy');
    expect(compareWithStored(result, []).agreement).toBe('not_stored');
  }); // prettier-ignore

  test('items with every hostile character come back as they were', async () => {
    const { storeCheckRun } = await import('../../store/check-runs.ts');
    const finding = 'a\\b\'c"d\te\nf\u0000\u{1F600}{x:String}';
    const row = {
      run: 'hostile', createdAt: 1, test: 'T-99', testVersion: 1, framework: 'all', from: 0, to: 1, asOf: 2, catalogue: 'c', policy: 'p', engine: 'e',
      parameters: {}, population: 1, populationSha256: 's', passed: 0, exceptions: 1, undetermined: 0, excluded: {}, result: 'exceptions_noted', reason: '', digest: 'd',
      items: Array.from({ length: 1_201 }, (_, index) => ({ item: `i${String(index).padStart(4, '0')}`, aliases: ["x'"], verdict: 'exception' as const, at: '2026-01-01T00:00:00.000000Z', finding, evidence: [] })),
    }; // prettier-ignore
    await storeCheckRun(ownStore(custody).writer, custody.store.reader, 'acme', [row]);
    const items = await custody.store.reader.read(findCheckItems('acme', 'hostile', 'T-99'));
    expect(items.length).toBe(1_201);
    expect(new Set(items.map((item) => item.finding))).toEqual(new Set([finding]));
  });

  test('a back-test looks at the windows before, by what is known now', async () => {
    const backtest = await get<Backtest>(
      `/v1/backtest?framework=all&${PERIOD}&as_of=${AS_OF}&tests=T-12,T-34&windows=2`,
    );
    expect(backtest.windows.length).toBe(3);
    expect(backtest.windows.at(-1)?.from).toBe(`${DAY}T00:00:00.000000Z`);
    expect(backtest.tests.map(({ windows }) => windows.map(({ population }) => population > 0))).toEqual([
      [false, false, true],
      [false, false, true],
    ]);
    expect(backtest.tests[0]?.drift).toMatchObject({ verdict: 'no_basis', result_changed: true });
    await expect(get(`/v1/backtest?framework=all&${PERIOD}&windows=99`)).rejects.toThrow(/1 to 24/);
  });
});

describe('figures of the store', () => {
  const AS_OF = `${NEXT}T02:00:00Z`;

  test('accounts and arrivals are counted there', async () => {
    const actors = await one('T-17', AS_OF);
    expect(actors.population.count).toBeGreaterThanOrEqual(2);
    // Imported at midnight: hours after it happened.
    const late = await one('T-34', AS_OF);
    expect(late).toMatchObject({ exceptions: 2, analytics: { events: '4', 'came late': '4' } });
    expect((await one('T-33', AS_OF)).items).toMatchObject([{ attribute: 'transport_unknown' }, { attribute: 'transport_unknown' }]);
  }); // prettier-ignore

  test('leaves are computed again; one changed byte shows, and nothing else', async () => {
    const before = await one('T-32', AS_OF);
    expect(before).toMatchObject({ exceptions: 0, undetermined: 2, analytics: { 'records computed again': '4' } });
    await ownStore(custody).writer.run(
      `ALTER TABLE records UPDATE value = replaceOne(value, 'id-b', 'id-x') WHERE topic = 'aws.cloudtrail' SETTINGS mutations_sync = 1`,
    );
    const after = await one('T-32', AS_OF);
    expect(after).toMatchObject({ exceptions: 1, items: [{ attribute: 'altered' }, { verdict: 'undetermined' }] });
    expect(after.items[0]?.finding).toMatch(/^1 of 3 records are not what was stored: aws\.cloudtrail\/0\/1$/);
  });
});

describe('the policy that a server starts with', () => {
  async function toldBy(): Promise<readonly { type: string }[]> {
    await custody.settled();
    const answer = await get<{ events: { type: string }[] }>('/v1/events?where=action%3Dconfig.change');
    return answer.events.filter(({ type }) => type === 'configuration.loaded');
  }
  async function start(own: typeof policy): Promise<number> {
    await custody.close();
    custody = await open(own);
    await custody.settled();
    await custody.listen('127.0.0.1', 0);
    // It is told once all else is stored; a start that tells nothing is waited for a moment.
    let told = await toldBy();
    for (let round = 0; round < 10; round += 1) {
      await sleep(500);
      const before = told.length;
      told = await toldBy();
      if (round > 1 && told.length === before) break;
    }
    return told.length;
  }

  test('is told when its hash is new, with what changed, and not again', { timeout: 120_000 }, async () => {
    expect(await start(policy)).toBe(2);
    expect(await start(policy)).toBe(2);
    const changed = policySchema.parse({ ...JSON.parse(JSON.stringify({ tenant: 'acme' })), parameters: { approval_validity_s: 60 } });
    expect(await start(changed)).toBe(3);
    const versions = await get<CheckResult>(`/v1/check?framework=all&from=2020-01-01T00:00:00Z&to=2190-01-01T00:00:00Z&tests=T-40`);
    expect(versions.tests[0]?.population.count).toBeGreaterThanOrEqual(3);
    expect(versions.tests[0]?.result).toBe('exceptions_noted');
  }); // prettier-ignore

  test('no door takes events in its name', async () => {
    const headers = { authorization: `Bearer ${custody.token}` };
    for (const url of ['/v1/ingest/custody.self', '/v1/imports?source=custody.self']) {
      const answer = await custody.app.inject({ method: 'POST', url, headers, payload: '{}' });
      expect([400, 404]).toContain(answer.statusCode);
    }
  });
});
