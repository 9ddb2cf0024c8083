import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TestId } from '../../../model/control.ts';
import { openPackFolder } from '../../../reports/pack/pack-folder.ts';
import { DEFAULT_SAMPLING } from '../../../reports/pack/pack-model.ts';
import type { PackModel, PopulationRow, SamplingPlan } from '../../../reports/pack/pack-model.ts';
import { writeTest } from '../../../reports/pack/write-tests.ts';
import { makePackModel } from '../../support/pack-fixture.ts';
import { tempFolder } from '../../support/temp-folder.ts';

// The worksheet is what a person works from: it must hold the drawn sample and nothing else. Everything is computed here
// a second time, by other code, from what the files of the pack tell alone.
const folder = await tempFolder('custody-worksheets-');
afterAll(folder.remove);
let places = 0;
const model = makePackModel({ tests: ['T-01'], passes: 1 });
const id: TestId = 'T-01';

interface Told {
  readonly sample: { readonly seed: string; readonly seed_origin: string; readonly requested: number; readonly reason?: string; readonly items: readonly { readonly key: string; readonly selection: string; readonly rank: string }[] };
  readonly population: readonly { readonly key: string; readonly item: string; readonly stratum?: string }[];
  /** Number, selection and item of each row of the worksheet, and whether all that a person fills in is empty. */
  readonly worksheet: readonly { readonly number: string; readonly selection: string; readonly item: string; readonly isBlank: boolean }[];
} // prettier-ignore

/** Writes the files of one test of a pack, over so many members of some strata, and reads them again. */
async function write(count: number, plan: Partial<SamplingPlan> = {}, strata: readonly string[] = []): Promise<Told> {
  const rows = Array.from({ length: count }, (_, i): PopulationRow => {
    const name = `token-${String(i).padStart(5, '0')}`;
    // The first stratum holds nearly all; each of the others one.
    const stratum = strata.length === 0 ? undefined : strata[i < strata.length ? i : 0];
    return { key: `key:${name}`, item: name, aliases: [], evidence: [], verdict: 'pass', at: '2026-05-01T00:00:00.000000Z', ...(stratum === undefined ? {} : { stratum }) };
  }); // prettier-ignore
  const sha256 = createHash('sha256').update(rows.map(({ key }) => `${key}\n`).join('')).digest('hex'); // prettier-ignore
  const base = model.report.tests[0] ?? expect.unreachable();
  const result = { ...base, passed: count, exceptions: 0, undetermined: 0, excluded: {}, items: [], population: { ...base.population, count, sha256 } }; // prettier-ignore
  const own: PackModel = { ...model, populations: new Map([[id, { count, rows: () => rows }]]), sampling: { ...DEFAULT_SAMPLING, ...plan } }; // prettier-ignore
  const pack = await openPackFolder(join(folder.path, `pack-${++places}`));
  await writeTest(pack, own, result, { see: () => undefined });
  const text = (name: string): string => readFileSync(join(pack.path, 'tests/T-01', name), 'utf8');
  const lines = text('worksheet.csv').trimEnd().split('\r\n');
  const columns = lines[0]?.split(',') ?? [];
  return {
    sample: JSON.parse(text('sample.json')) as Told['sample'],
    population: text('population.ndjson').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Told['population'][number]),
    worksheet: lines.slice(1).map((line) => {
      const cells = line.split(',');
      const cell = (name: string): string => cells[columns.indexOf(name)] ?? '';
      return { number: cell('number'), selection: cell('selection'), item: cell('item'), isBlank: cells.slice(columns.indexOf('tick_a')).every((value) => value === '') };
    }),
  }; // prettier-ignore
}

/** The draw of controls.md 3.3, from the seed, the number and the population file. */
function drawAgain({ sample: { seed, requested }, population }: Told): readonly string[] {
  const rank = (key: string): string => createHmac('sha256', seed).update(key).digest('hex');
  const ranked = population.map((row) => ({ ...row, rank: rank(row.key) })).toSorted((a, b) => (a.rank < b.rank ? -1 : 1)); // prettier-ignore
  const seen = new Set<string>();
  const first = ranked.filter(({ stratum }) => stratum !== undefined && !seen.has(stratum) && seen.add(stratum) !== undefined); // prettier-ignore
  const rest = ranked.filter((row) => !first.includes(row));
  return [...first, ...rest.slice(0, Math.max(0, requested - first.length))].map(({ item }) => item);
}

const itemsOf = ({ worksheet }: Told): readonly string[] => worksheet.map(({ item }) => item);
const EXACT = (confidence: number, tolerable: number): Partial<SamplingPlan> => ({ attributes: { confidence, tolerable, deviations: 0 } }); // prettier-ignore

describe('a worksheet', () => {
  test.each<[string, number, Partial<SamplingPlan>, readonly string[], number]>([
    ['by the table, none', 0, {}, [], 0],
    ['by the table, annual', 1, {}, [], 1],
    ['by the table, quarterly', 4, {}, [], 2],
    ['by the table, monthly', 12, {}, [], 3],
    ['by the table, weekly', 52, {}, [], 5],
    ['by the table, daily', 53, {}, [], 10],
    ['by the table, daily', 101, {}, [], 11],
    ['by the table, daily', 250, {}, [], 25],
    ['by the table, many a day', 251, {}, [], 25],
    ['by the table, high risk', 251, { risk: 'high' }, [], 60],
    // Exact hypergeometric sizes as controls.md 3.3 prints them.
    ['90 % and 10 %', 100, EXACT(0.9, 0.1), [], 20],
    ['90 % and 5 %', 250, EXACT(0.9, 0.05), [], 40],
    ['95 % and 5 %', 500, EXACT(0.95, 0.05), [], 56],
    ['the auditor’s number', 300, { sizes: { [id]: 7 } }, [], 7],
    ['strata', 300, { phrase: 'engagement 7' }, ['production', 'staging', 'break-glass'], 25],
    ['more strata than items', 40, {}, ['a', 'b', 'c', 'd', 'e', 'f', 'g'], 7],
  ])('%s: of %i items it holds the drawn sample, which anybody draws again', async (_rule, count, plan, strata, size) => {
    const told = await write(count, plan, strata);
    expect(told.worksheet).toHaveLength(size);
    expect(itemsOf(told)).toEqual(drawAgain(told));
    expect(told.worksheet.map(({ number }) => number)).toEqual(told.worksheet.map((_, i) => String(i + 1)));
    expect(told.sample.items.map(({ key }) => key.slice(4))).toEqual(itemsOf(told));
    expect(told.worksheet.every(({ isBlank, selection }) => isBlank && selection === 'drawn')).toBe(true);
    const drawn = told.population.filter(({ item }) => itemsOf(told).includes(item));
    expect(new Set(drawn.map(({ stratum }) => stratum)).size).toBe(Math.max(count === 0 ? 0 : 1, strata.length));
  }); // prettier-ignore

  test('the seed that nobody chose is computed from the engagement, the test and the population alone', async () => {
    const told = await write(300);
    const { tenant, framework, from, to, tests } = model.report;
    const digest = createHash('sha256').update(told.population.map(({ key }) => `${key}\n`).join('')).digest('hex'); // prettier-ignore
    const text = `custody-sample/v1\n${tenant}/${framework}/${from}/${to}\n${id}\n${tests[0]?.version}\n${digest}\n`;
    expect(told.sample).toMatchObject({
      seed: createHash('sha256').update(text).digest('hex'),
      seed_origin: 'derived',
    });
  });

  test('an extension keeps every row that was there, in its place; another seed gives another sample, with its reason', async () => {
    const strata = ['production', 'staging', 'break-glass'];
    const first = await write(300, { phrase: 'engagement 7' }, strata);
    const extended = await write(300, { phrase: 'engagement 7', sizes: { [id]: 38 }, reason: 'one deviation' }, strata);
    expect(itemsOf(extended).slice(0, 25)).toEqual(itemsOf(first));
    expect(itemsOf(extended)).toEqual(drawAgain(extended));
    expect(extended.sample).toMatchObject({ requested: 38, reason: 'one deviation' });
    const anew = await write(300, { phrase: 'another' }, strata);
    expect(itemsOf(anew)).not.toEqual(itemsOf(first));
    expect(itemsOf(anew)).toEqual(drawAgain(anew));
  });

  test('what the auditor adds by hand stands behind what was drawn, and changes nothing of it', async () => {
    const plain = await write(300);
    const other = plain.population.find(({ item }) => !itemsOf(plain).includes(item))?.item ?? expect.unreachable();
    const picked = await write(300, { picks: [{ test: id, item: other }] });
    expect(itemsOf(picked)).toEqual([...itemsOf(plain), other]);
    expect(picked.worksheet.at(-1)).toMatchObject({ selection: 'judgemental', number: '26' });
  });
});
