import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TestId } from '../../../model/control.ts';
import { startDraw } from '../../../reports/pack/draw.ts';
import type { DrawnSample } from '../../../reports/pack/draw.ts';
import { DEFAULT_SAMPLING } from '../../../reports/pack/pack-model.ts';
import type { PopulationRow, SamplingPlan } from '../../../reports/pack/pack-model.ts';
import { makePackModel } from '../../support/pack-fixture.ts';

const model = makePackModel();
const report = model.report;
const base = report.tests[0] ?? expect.unreachable();

function rows(count: number, strata: readonly (string | undefined)[] = [undefined]): readonly PopulationRow[] {
  return Array.from({ length: count }, (_, i): PopulationRow => {
    const stratum = strata[i % strata.length];
    return { key: `key-${i}`, item: `item-${i}`, aliases: [], evidence: [], verdict: 'pass', at: '2026-05-01T00:00:00.000000Z', ...(stratum === undefined ? {} : { stratum }) };
  }); // prettier-ignore
}

function draw(
  population: readonly PopulationRow[],
  plan: Partial<SamplingPlan> = {},
  id: TestId = 'T-01',
): DrawnSample {
  const test = { ...base, test: id, population: { ...base.population, count: population.length } };
  const started = startDraw(report, test, { ...DEFAULT_SAMPLING, ...plan });
  for (const row of population) started.see(row);
  return started.done();
}
const keys = (sample: DrawnSample): readonly string[] => sample.items.map(({ row }) => row.key);

describe('a draw', () => {
  test('is by HMAC-SHA-256 under the seed, the smallest first', () => {
    const population = rows(400);
    const sample = draw(population, { phrase: 'engagement 7' });
    const rank = (key: string): string => createHmac('sha256', 'engagement 7').update(key).digest('hex');
    const expected = population
      .map((row) => row.key)
      .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
      .slice(0, 25);
    expect(keys(sample)).toEqual(expected);
    expect(sample).toMatchObject({
      seed: 'engagement 7',
      seed_origin: 'phrase',
      requested: 25,
      upper_limit_90_if_none_deviates: 0.088,
    });
  });

  test('does not depend on the order of the rows, and a larger one begins with the smaller', () => {
    const population = rows(5_000, ['production', 'staging', 'break-glass']);
    const small = draw(population);
    expect(keys(draw(population.toReversed()))).toEqual(keys(small));
    const large = draw(population, { sizes: { 'T-01': 38 } });
    expect(keys(large).slice(0, 25)).toEqual(keys(small));
    expect(large.items).toHaveLength(38);
  });

  test('has one of each stratum at least, even where there are more strata than items asked for', () => {
    const lopsided = [
      ...rows(300, ['production']),
      { ...(rows(1)[0] ?? expect.unreachable()), key: 'rare', stratum: 'emergency' },
    ];
    expect(keys(draw(lopsided))).toContain('rare');
    const many = rows(
      60,
      Array.from({ length: 30 }, (_, i) => `month-${i}`),
    );
    const sample = draw(many);
    expect(sample.requested).toBe(10);
    expect(sample.items).toHaveLength(30);
    expect(new Set(sample.items.map(({ row }) => row.stratum)).size).toBe(30);
  });

  test('the seed that nobody chose follows from engagement, test, version and population', () => {
    const seed = draw(rows(10)).seed;
    expect(seed).toMatch(/^[0-9a-f]{64}$/);
    expect(draw(rows(10), {}, 'T-02').seed).not.toBe(seed);
    const other = startDraw(
      report,
      { ...base, population: { ...base.population, sha256: 'another', count: 10 } },
      DEFAULT_SAMPLING,
    );
    expect(other.done().seed).not.toBe(seed);
  });

  test('an auditor’s picks stand apart, an item that is drawn anyhow is not there twice, and an unknown one is refused', () => {
    const population = rows(300);
    const drawn = keys(draw(population));
    const other = population.find((row) => !drawn.includes(row.key)) ?? expect.unreachable();
    const picks = [other.item, drawn[0] ?? ''].map((item) => ({ test: 'T-01' as const, item }));
    const sample = draw(population, { picks });
    expect(sample.items).toHaveLength(26);
    expect(sample.items.at(-1)).toMatchObject({ number: 26, selection: 'judgemental', row: { key: other.key } });
    expect(() => draw(population, { picks: [{ test: 'T-01', item: 'item-9999' }] })).toThrow(
      /"item-9999".*not in the population/,
    );
    expect(draw(population, { picks: [{ test: 'T-02', item: 'item-9999' }] }).items).toHaveLength(25);
  });

  test('sizes: whole populations, none of an empty one, by attributes', () => {
    expect(draw(rows(0)).items).toEqual([]);
    expect(draw(rows(3), { sizes: { 'T-01': 100 } }).items).toHaveLength(3);
    const plan = { attributes: { confidence: 0.9, tolerable: 0.05, deviations: 0 } };
    expect(draw(rows(1_000), plan).items).toHaveLength(44);
    expect(draw(rows(1_000), plan).basis).toMatch(/confidence 0.9, tolerable rate 0.05/);
  });
});
