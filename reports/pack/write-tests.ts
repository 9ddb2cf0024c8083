import { canonicalJson } from '../../model/canonical-json.ts';
import type { TestResult } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { describeTest, findTest } from '../../query/controls/catalogue.ts';
import { csvLine } from './csv.ts';
import { pretty } from './json.ts';
import { EXCEPTION_LAYOUT, saidOf } from './exceptions.ts';
import type { SaidOf } from './exceptions.ts';
import { startDraw } from './draw.ts';
import type { DrawnSample } from './draw.ts';
import { startIpe } from './ipe.ts';
import type { PackFolder } from './pack-folder.ts';
import type { PackModel, Population, PopulationRow, TestExtras } from './pack-model.ts';
import { POPULATION_LAYOUT, SAMPLE_LAYOUT, WORKSHEET_LAYOUT, sampleRecord } from './rows.ts';
import type { Layout } from './rows.ts';

/** What else wants to see each row of a population as it passes by. */
export interface RowSink {
  see(row: PopulationRow): Promise<void> | void;
  /** What was said of an exception; looked up in the report where it is left out. */
  readonly said?: SaidOf;
}

/**
 * Writes the folder `tests/T-nn` of a test: population, exceptions and sample as NDJSON and CSV, the worksheet, what was
 * asked and what came of it. The population is read once, row by row, so its size costs no memory. Throws `internal` if
 * the rows do not add up to the result: a pack whose files disagree must not exist.
 */
export async function writeTest(
  folder: PackFolder,
  model: PackModel,
  test: TestResult,
  sink: RowSink,
): Promise<TestExtras> {
  const { report, sampling, origin } = model;
  const population = model.populations.get(test.test);
  if (!population) throw new Problem('internal', `the population of ${test.test} is not at hand`);
  const place = `tests/${test.test}`;
  const draw = startDraw(report, test, sampling);
  const ipe = startIpe(report, test, origin);
  const said = sink.said ?? saidOf(report);
  await writePopulation(folder, place, { test, population, said }, async (row) => {
    draw.see(row);
    ipe.see(row);
    await sink.see(row);
  });
  const extras: TestExtras = { ipe: ipe.done(), sample: draw.done() };
  const { items: _items, ...result } = test;
  const definition = findTest(test.test);
  await folder.write(`${place}/result.json`, 'result', pretty(result));
  await folder.write(
    `${place}/definition.json`,
    'definition',
    pretty({ ...(definition && describeTest(definition)), ...definitionOf(test) }),
  );
  await folder.write(`${place}/parameters.json`, 'parameters', pretty(test.parameters));
  await folder.write(`${place}/ipe.json`, 'ipe', pretty(extras.ipe));
  await writeSample(folder, place, extras.sample);
  return extras;
}

function definitionOf(test: TestResult): object {
  const { control, title, version, nature, attributes, proves, does_not_prove: doesNotProve } = test;
  return { test: test.test, title, version, control, nature, attributes, proves, does_not_prove: doesNotProve };
}

async function writePopulation(
  folder: PackFolder,
  place: string,
  { test, population, said }: { test: TestResult; population: Population; said: SaidOf },
  see: (row: PopulationRow) => Promise<void>,
): Promise<void> {
  const whole = await openPair(folder, `${place}/population`, 'population', POPULATION_LAYOUT);
  const exceptions = await openPair(folder, `${place}/exceptions`, 'exceptions', EXCEPTION_LAYOUT);
  const counts = { pass: 0, exception: 0, undetermined: 0, excluded: 0 };
  for await (const row of population.rows()) {
    counts[row.verdict] += 1;
    await whole.row(row, row);
    if (row.verdict === 'exception') {
      const exception = { ...row, ...said(test.test, row) };
      await exceptions.row(exception, exception);
    }
    await see(row);
  }
  await whole.close();
  await exceptions.close();
  const excluded = Object.values(test.excluded).reduce((sum, count) => sum + count, 0);
  const told = { pass: test.passed, exception: test.exceptions, undetermined: test.undetermined, excluded };
  const sum = counts.pass + counts.exception + counts.undetermined + counts.excluded;
  if (canonicalJson(counts) !== canonicalJson(told) || sum !== test.population.count)
    throw new Problem(
      'internal',
      `${test.test}: the population's rows (${canonicalJson(counts)}) are not those of its result (${canonicalJson(told)})`,
    );
}

async function writeSample(folder: PackFolder, place: string, sample: DrawnSample): Promise<void> {
  const { items, ...facts } = sample;
  await folder.write(`${place}/sample.json`, 'sample', pretty({ ...facts, items: items.map(sampleRecord) }));
  for (const [name, layout] of [
    ['sample', SAMPLE_LAYOUT],
    ['worksheet', WORKSHEET_LAYOUT],
  ] as const) {
    const file = await folder.open(`${place}/${name}.csv`, name);
    await file.write(csvLine(layout.columns));
    for (const item of items) await file.row(csvLine(layout.cells(item)));
    await file.close();
  }
}

/** The same rows as NDJSON and as CSV, side by side. */
async function openPair<Row>(
  folder: PackFolder,
  name: string,
  role: string,
  layout: Layout<Row>,
): Promise<{ row(row: Row, json: object): Promise<void>; close(): Promise<void> }> {
  const ndjson = await folder.open(`${name}.ndjson`, role);
  const csv = await folder.open(`${name}.csv`, role);
  await csv.write(csvLine(layout.columns));
  return {
    async row(row, json) {
      await ndjson.row(`${canonicalJson(json)}\n`);
      await csv.row(csvLine(layout.cells(row)));
    },
    async close() {
      await ndjson.close();
      await csv.close();
    },
  };
}
