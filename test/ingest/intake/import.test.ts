import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Settled } from '../../../ingest/intake/deps.ts';
import { IMPORT_CHUNK } from '../../../ingest/intake/limits.ts';
import { policySchema } from '../../../model/policy.ts';
import { createTestIntake, OPERATOR } from '../../support/intake.ts';
import type { TestIntake } from '../../support/intake.ts';
import {
  jobHook,
  k8sEvent,
  k8sList,
  oktaEvent,
  oktaHook,
  trailRecord,
  vaultLine,
} from '../../support/intake-samples.ts';

const text = JSON.stringify;
const trail = (count: number, from = 0): object[] =>
  Array.from({ length: count }, (_, index) => ({ ...trailRecord, eventID: `id-${from + index}` }));
const lines = (values: readonly object[]): string => `${values.map((value) => text(value)).join('\n')}\n`;

interface Answer {
  readonly status: number;
  readonly result: Settled | undefined;
  readonly problem: { code: string; detail: string; reason?: string } | undefined;
  readonly progress: number;
}

async function run(
  intake: TestIntake,
  query: string,
  payload: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await intake.inject({
    method: 'POST',
    url: `/v1/imports?${query}`,
    headers: { authorization: OPERATOR, 'content-type': 'application/octet-stream', ...headers },
    payload,
  });
  if (answer.statusCode !== 200)
    return { status: answer.statusCode, result: undefined, problem: answer.json(), progress: 0 };
  const steps = answer.payload
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { result?: Settled; problem?: Answer['problem']; progress?: object });
  const last = steps.at(-1);
  return {
    status: 200,
    result: last?.result,
    problem: last?.problem,
    progress: steps.filter((step) => step.progress).length,
  };
}

const ACCEPTED = (accepted: number): Settled => ({ accepted, duplicate: 0, conflict: 0, rejected: {} });

describe('forms of files', () => {
  const two = trail(2);
  const FORMS: readonly [string, string, string | Buffer, number][] = [
    ['NDJSON', 'source=aws.cloudtrail', lines(two), 2],
    [
      'NDJSON without a last line break, with blank lines and CRLF',
      'source=aws.cloudtrail',
      `\r\n${two.map((value) => text(value)).join('\r\n\r\n')}`,
      2,
    ],
    ['one event on one line', 'source=aws.cloudtrail', text(two[0]), 1],
    ['one event over many lines', 'source=aws.cloudtrail', JSON.stringify(two[0], undefined, 2), 1],
    ['a JSON array', 'source=aws.cloudtrail', text(two), 2],
    ['a JSON array over many lines', 'source=aws.cloudtrail', JSON.stringify(two, undefined, 2), 2],
    [
      'an array with one event a line',
      'source=aws.cloudtrail',
      `[\n${two.map((value) => text(value)).join(',\n')}\n]\n`,
      2,
    ],
    ['{"Records": [...]}', 'source=aws.cloudtrail', text({ Records: two }), 2],
    [
      '{"Records": [...]} over many lines, with more beside it',
      'source=aws.cloudtrail',
      JSON.stringify({ version: { Records: 1 }, Records: two, after: [1] }, undefined, 1),
      2,
    ],
    ['{"records": [...]}', 'source=aws.cloudtrail', text({ records: two }), 2],
    ['an envelope a line', 'source=aws.cloudtrail', lines([{ Records: [two[0]] }, { Records: [two[1]] }]), 2],
    [
      '{"items": [...]}',
      'source=kubernetes.audit&instance=prod-a',
      text({ ...k8sList, items: [k8sEvent, { ...k8sEvent, auditID: 'b' }] }),
      2,
    ],
    ['Okta pages, one a line', 'source=okta.log', lines([[oktaEvent], [{ ...oktaEvent, uuid: 'b' }]]), 2],
    ['an Okta hook', 'source=okta.log', text(oktaHook), 1],
    ['a GitLab hook', 'source=gitlab.webhook', text(jobHook), 1],
    ['gzip of NDJSON', 'source=aws.cloudtrail', gzipSync(lines(two)), 2],
    ['gzip of {"Records": [...]}', 'source=aws.cloudtrail', gzipSync(text({ Records: two })), 2],
    [
      'two gzip members',
      'source=aws.cloudtrail',
      Buffer.concat([gzipSync(lines([two[0] ?? {}])), gzipSync(lines([two[1] ?? {}]))]),
      2,
    ],
  ];
  test.each(FORMS)('%s', async (_name, query, payload, count) => {
    const intake = await createTestIntake();
    expect(await run(intake, query, payload)).toMatchObject({ status: 200, result: ACCEPTED(count) });
    expect(intake.log.all().map(({ headers }) => headers['x-custody-delivery'])).toEqual(
      Array.from({ length: count }, () => 'import'),
    );
  });

  test('a large document streams through in chunks, each reported', async () => {
    const intake = await createTestIntake();
    const answer = await run(
      intake,
      'source=aws.cloudtrail',
      gzipSync(text({ Records: trail(IMPORT_CHUNK.records * 2 + 5) })),
    );
    expect(answer.result).toEqual(ACCEPTED(IMPORT_CHUNK.records * 2 + 5));
    expect(answer.progress).toBeGreaterThanOrEqual(2);
  });
});

describe('again', () => {
  test('a file that was imported appends nothing, and all its events are duplicates', async () => {
    const intake = await createTestIntake();
    const file = gzipSync(lines(trail(IMPORT_CHUNK.records + 10)));
    await run(intake, 'source=aws.cloudtrail', file);
    const held = intake.log.all().length;
    for (let round = 0; round < 2; round += 1) {
      const again = await run(intake, 'source=aws.cloudtrail&received_at=2026-07-01T00:00:00Z', file);
      expect(again.result).toEqual({ accepted: 0, duplicate: IMPORT_CHUNK.records + 10, conflict: 0, rejected: {} });
    }
    expect(intake.log.all()).toHaveLength(held);
  });

  test('a file that has grown continues: only what is new is appended, whatever its packing', async () => {
    const intake = await createTestIntake();
    const all = trail(IMPORT_CHUNK.records * 2);
    await run(intake, 'source=aws.cloudtrail', lines(all.slice(0, IMPORT_CHUNK.records)));
    const grown = await run(intake, 'source=aws.cloudtrail', gzipSync(text(all)));
    expect(grown.result).toEqual({
      accepted: IMPORT_CHUNK.records,
      duplicate: IMPORT_CHUNK.records,
      conflict: 0,
      rejected: {},
    });
    expect(intake.log.all()).toHaveLength(IMPORT_CHUNK.records * 2);
  });

  test('an import that ends in the middle is continued by the same import: the same records, none twice', async () => {
    const intake = await createTestIntake();
    const file = lines(trail(IMPORT_CHUNK.records * 3 + 1));
    let appends = 0;
    const failing = {
      ...intake.log.index,
      appendAt: async (...args: Parameters<typeof intake.log.index.appendAt>) => {
        appends += 1;
        if (appends === 3) throw new Error('killed');
        return intake.log.index.appendAt(...args);
      },
    };
    const broken = await createTestIntake({ log: intake.log, index: failing, settle: intake.log.settle });
    expect(await run(broken, 'source=aws.cloudtrail', file)).toMatchObject({ problem: { code: 'unavailable' } });
    const again = await run(intake, 'source=aws.cloudtrail', file);
    expect(again.result).toEqual({
      accepted: IMPORT_CHUNK.records + 1,
      duplicate: IMPORT_CHUNK.records * 2,
      conflict: 0,
      rejected: {},
    });
    const whole = await createTestIntake();
    await run(whole, 'source=aws.cloudtrail', file);
    const values = (made: TestIntake): string[] =>
      made.log.all().map(({ value, offset }) => `${offset} ${value.toString()}`);
    expect(values(intake)).toEqual(values(whole));
  });

  test('the same content for another installation is another import', async () => {
    const intake = await createTestIntake();
    await run(intake, 'source=vault.audit&instance=vault-a', lines([vaultLine]));
    await run(intake, 'source=vault.audit&instance=vault-b', lines([vaultLine]));
    expect(intake.log.all().map(({ headers }) => headers['x-custody-instance'])).toEqual(['vault-a', 'vault-b']);
  });
});

describe('bad files', () => {
  test('a bad line is withheld and counted by reason, the others stay', async () => {
    const intake = await createTestIntake();
    const [one, two] = trail(2);
    const file = `${text(one)}\n{"broken": "glpat-AbCdEfGhIjKlMnOpQrSt\n42\n${text(two)}\n{"eventID":"x"}\n`;
    const answer = await run(intake, 'source=aws.cloudtrail', file);
    expect(answer.result).toEqual({
      accepted: 2,
      duplicate: 0,
      conflict: 0,
      rejected: { invalid_json: 1, missing_required_fields: 1, not_an_object: 1 },
    });
    expect(
      intake.log
        .all()
        .map(({ value }) => value.toString())
        .join(),
    ).not.toContain('glpat-');
    expect((await run(intake, 'source=aws.cloudtrail', file)).result).toMatchObject({
      accepted: 0,
      rejected: { invalid_json: 1, not_an_object: 1 },
    });
    expect(intake.log.all()).toHaveLength(5);
  });

  test('a document that is cut off gives what was whole, and says so', async () => {
    const intake = await createTestIntake();
    const file = JSON.stringify({ Records: trail(3) }, undefined, 1);
    const answer = await run(intake, 'source=aws.cloudtrail', file.slice(0, -200));
    expect(answer.result).toEqual({ accepted: 2, duplicate: 0, conflict: 0, rejected: { invalid_json: 1 } });
  });

  test('secrets are replaced before anything is stored', async () => {
    const intake = await createTestIntake();
    await run(intake, 'source=aws.cloudtrail', lines([{ ...trailRecord, userAgent: 'x glpat-AbCdEfGhIjKlMnOpQrSt' }]));
    expect(intake.log.all()[0]?.value.toString()).toMatch(/\[REDACTED:/);
    expect(intake.log.all()[0]?.headers['x-custody-redacted']).toContain('userAgent');
  });

  test.each([
    ['damaged gzip', gzipSync(lines(trail(5))).fill(7, 20, 40), 'invalid_encoding'],
    ['gzip that is cut off', gzipSync(lines(trail(50))).subarray(0, 200), 'invalid_encoding'],
  ])('%s', async (_name, payload, reason) => {
    const intake = await createTestIntake();
    expect((await run(intake, 'source=aws.cloudtrail', payload)).problem).toMatchObject({ reason });
  });

  test('a bomb of one long line ends as one record that is withheld, not in memory', async () => {
    const intake = await createTestIntake();
    const bomb = gzipSync(Buffer.alloc(120 * 1_048_576, 0x61));
    const before = process.memoryUsage().rss;
    const answer = await run(intake, 'source=aws.cloudtrail', bomb);
    expect(answer.result).toMatchObject({ accepted: 0, rejected: { too_large: 1 } });
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1_048_576);
  });

  test('nothing at all is a fault of usage', async () => {
    const intake = await createTestIntake();
    expect(await run(intake, 'source=aws.cloudtrail', '')).toMatchObject({ status: 400 });
    expect(await run(intake, 'source=aws.cloudtrail', gzipSync(''))).toMatchObject({
      status: 400,
      problem: { code: 'usage' },
    });
  });
});

describe('which installation', () => {
  test('cloudtrail says its account in each record', async () => {
    const intake = await createTestIntake();
    await run(
      intake,
      'source=aws.cloudtrail',
      lines([trailRecord, { ...trailRecord, eventID: 'b', recipientAccountId: '999900001111' }]),
    );
    expect(intake.log.all().map(({ headers }) => headers['x-custody-instance'])).toEqual([
      '111122223333',
      '999900001111',
    ]);
  });

  test('the only registered installation stands in; of several, one must be named', async () => {
    const intake = await createTestIntake();
    await run(intake, 'source=vault.audit', lines([vaultLine]));
    expect(intake.log.all()[0]?.headers['x-custody-instance']).toBe('vault-a');
    const unnamed = await run(intake, 'source=kubernetes.audit', lines([k8sEvent]));
    expect(unnamed).toMatchObject({ status: 400, problem: { code: 'usage' } });
    expect(unnamed.problem?.detail).toContain('prod-a, stg-a');
  });

  test('a GitLab hook names its host where no policy does', async () => {
    const intake = await createTestIntake({ policy: policySchema.parse({}) });
    await run(intake, 'source=gitlab.webhook', lines([jobHook]));
    expect(intake.log.all()[0]?.headers['x-custody-instance']).toBe('gitlab.acme.example');
    expect(await run(intake, 'source=vault.audit', lines([vaultLine]))).toMatchObject({
      status: 400,
      problem: { code: 'usage' },
    });
  });
});

describe('who may import', () => {
  test('only an operator, and the query is checked', async () => {
    const intake = await createTestIntake();
    expect(
      (await run(intake, 'source=aws.cloudtrail', lines(trail(1)), { authorization: 'Bearer other' })).status,
    ).toBe(401);
    expect((await run(intake, 'source=no.such', lines(trail(1)))).status).toBe(400);
    expect((await run(intake, 'source=aws.cloudtrail&received_at=yesterday', lines(trail(1)))).status).toBe(400);
    expect(intake.log.all()).toEqual([]);
  });

  test('the clock of an import is when the file was collected', async () => {
    const intake = await createTestIntake();
    await run(intake, 'source=aws.cloudtrail&received_at=2026-06-15T00:00:00Z', lines(trail(1)));
    expect(intake.log.all()[0]?.timestampMs).toBe(Date.parse('2026-06-15T00:00:00Z'));
  });
});
