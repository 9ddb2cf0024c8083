import { spawnSync } from 'node:child_process';
import { createReadStream, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { injectApi, pathWith, readJson, readText } from '../../cli/api.ts';
import type { Api } from '../../cli/api.ts';
import type { CommandContext } from '../../cli/command.ts';
import { replay } from '../../cli/commands/deliver.ts';
import type { DeliveryOutcome, DeliverySummary } from '../../ingest/intake/deliver.ts';
import { writeReport } from '../../cli/write-report.ts';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { CheckResult } from '../../model/control.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { policyFromFacts } from './policy-from-facts.ts';
import type { ScenarioFacts } from './policy-from-facts.ts';

// One scenario is delivered whole; then what is kept of it is compared with what is known to be true.
const scenario = resolve(import.meta.dirname, '../../../shared/scenarios/acme-small');
const isHere = existsSync(scenario);
const reason = isHere ? '' : ' (skipped: the scenarios are not here)';

interface Truth {
  readonly event_counts: Readonly<Record<string, number>>;
  readonly distinct_event_counts: Readonly<Record<string, number>>;
  readonly secrets_must_not_appear: readonly { readonly value: string; readonly where: string }[];
  readonly malformed: readonly {
    readonly delivery_id: string;
    readonly kind: string;
    readonly expected: string;
    readonly reason: string;
    readonly http_status_accepted: readonly number[];
  }[];
}

const context: CommandContext = {
  settings: { dataFolder: '', configFile: undefined, url: undefined, token: undefined, logLevel: 'warn', color: false },
  out: () => Promise.resolve(),
  say: () => undefined,
  live: false,
};

describe.skipIf(!isHere)(`what is kept of a delivered scenario${reason}`, () => {
  const truth = isHere ? (JSON.parse(readFileSync(join(scenario, 'truth.json'), 'utf8')) as Truth) : ({} as Truth);
  const facts = isHere
    ? (JSON.parse(readFileSync(join(scenario, 'facts.json'), 'utf8')) as ScenarioFacts)
    : ({} as ScenarioFacts);
  const period = isHere
    ? {
        from: facts.period.start,
        to: facts.period.end,
        as_of: new Date(Date.parse(facts.period.end) + 60_000).toISOString(),
      }
    : { from: '', to: '', as_of: '' };
  const outcomes = new Map<string, DeliveryOutcome>();
  let scratch = '';
  let custody: Custody;
  let api: Api;
  let summary: DeliverySummary;
  let check: CheckResult;

  const deliver = (each: (outcome: DeliveryOutcome) => void): Promise<DeliverySummary> =>
    replay(
      api,
      {
        body: createReadStream(join(scenario, 'deliveries.ndjson.gz')).pipe(createGunzip()),
        type: 'application/x-ndjson',
      },
      context,
      each,
    );
  const runCheck = async (): Promise<CheckResult> =>
    readJson<CheckResult>(await api.send('GET', pathWith('/v1/check', { framework: 'all', ...period })));
  const tables = async (sql: string): Promise<string[][]> => {
    const rows = await custody.store.writer.bytes({ sql: `${sql} FORMAT TSV`, params: {} });
    return rows
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  };

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'custody-stored-'));
    const { policy, secrets } = policyFromFacts(facts);
    custody = await openCustody({
      folder: join(scratch, 'data'),
      policy,
      secrets: secretsFrom(secrets),
      oidc: undefined,
      version: 'test',
      logTo: 'nowhere',
    });
    api = injectApi(custody.app, custody.token, () => Promise.resolve());
    summary = await deliver((outcome) => outcomes.set(outcome.delivery_id ?? '', outcome));
    check = await runCheck();
  }, 300_000);
  afterAll(async () => {
    await custody.close();
    await rm(scratch, { recursive: true, force: true });
  });

  test('each family holds the events that were delivered, each once', async () => {
    const rows = await tables(
      "SELECT family, toString(countIf(disposition = 'accepted')), toString(countIf(disposition != 'conflict')) FROM events GROUP BY family ORDER BY family",
    );
    expect(Object.fromEntries(rows.map(([family, distinct]) => [family, Number(distinct)]))).toEqual(
      truth.distinct_event_counts,
    );
    expect(Object.fromEntries(rows.map(([family, , all]) => [family, Number(all)]))).toEqual(truth.event_counts);
  });

  test('every malformed delivery was answered and ended as truth says', () => {
    const expected: Record<string, number> = {};
    let conflicts = 0;
    for (const bad of truth.malformed) {
      const outcome = outcomes.get(bad.delivery_id);
      expect(bad.http_status_accepted, `${bad.delivery_id} ${bad.kind}`).toContain(outcome?.status);
      if (bad.expected === 'conflict') conflicts += 1;
      else if ((outcome?.status ?? 500) < 400) expected[bad.reason] = (expected[bad.reason] ?? 0) + 1;
      else if (bad.reason !== 'bounds') expect(outcome?.reason, bad.kind).toBe(bad.reason);
    }
    expect(summary.settled.conflict).toBe(conflicts);
    expect(summary.settled.rejected).toEqual(expected);
    const malformed = new Set(truth.malformed.map((bad) => bad.delivery_id));
    expect(
      [...outcomes.values()].filter((outcome) => outcome.status >= 400 && !malformed.has(outcome.delivery_id ?? '')),
    ).toEqual([]);
  });

  test('no secret is anywhere: not in a column, a file, an answer, or a report', async () => {
    const written = await writeReport(api, { framework: 'soc2', ...period }, join(scratch, 'out'), context);
    const answers = [
      JSON.stringify(check),
      await readText(await api.send('GET', '/v1/sources')),
      await readText(
        await api.send(
          'GET',
          pathWith('/v1/events', { from: period.from, to: period.to, format: 'ndjson', limit: 5_000 }),
        ),
      ),
    ];
    const pdf = spawnSync('pdftotext', [written.path, '-'], { encoding: 'utf8', maxBuffer: 1e9 });
    const columns = await Promise.all(
      ['records', 'events', 'event_keys', 'edges'].map((table) => tables(`SELECT * FROM ${table}`)),
    );
    const haystack = [
      ...answers,
      pdf.stdout ?? '',
      ...columns.map((rows) => rows.map((row) => row.join('\t')).join('\n')),
    ].join('\n');
    const files = filesBelow(scratch).map((path) => readFileSync(path));
    expect(truth.secrets_must_not_appear.length).toBeGreaterThan(10);
    for (const { value, where } of truth.secrets_must_not_appear) {
      expect(haystack.includes(value), where).toBe(false);
      expect(
        files.some((bytes) => bytes.includes(value)),
        `${where}, in a file`,
      ).toBe(false);
    }
  }, 120_000);

  test('delivering everything twice more counts nothing twice', async () => {
    const before = await tables(
      "SELECT family, toString(countIf(disposition = 'accepted')) FROM events GROUP BY family ORDER BY family",
    );
    for (let again = 0; again < 2; again += 1) {
      const repeat = await deliver(() => undefined);
      expect(repeat.settled.accepted).toBe(0);
    }
    expect(
      await tables(
        "SELECT family, toString(countIf(disposition = 'accepted')) FROM events GROUP BY family ORDER BY family",
      ),
    ).toEqual(before);
    // Verdicts are the same; only T-32 tells how many records it computed again, and repeats are records too.
    const records = 'records computed again';
    const tripled = check.tests.map((test) =>
      test.analytics?.[records] === undefined
        ? test
        : { ...test, analytics: { ...test.analytics, [records]: String(3 * Number(test.analytics[records])) } },
    );
    expect((await runCheck()).tests).toEqual(tripled);
  }, 300_000);
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}
