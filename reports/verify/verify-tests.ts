import { createHash } from 'node:crypto';
import { z } from 'zod';
import { drawRows } from '../pack/draw.ts';
import type { Find } from './finding.ts';
import { readJsonFile, readJsonLines } from './open-pack.ts';
import type { PackReader } from './open-pack.ts';

const count = z.number().int().min(0);
const resultSchema = z.object({
  population: z.object({ count, sha256: z.string() }),
  passed: count,
  exceptions: count,
  undetermined: count,
  excluded: z.record(z.string(), count),
});
const rowSchema = z.object({
  key: z.string(),
  verdict: z.enum(['pass', 'exception', 'undetermined', 'excluded']),
  stratum: z.string().optional(),
});
const sampleSchema = z.object({
  seed: z.string(),
  requested: count,
  population_sha256: z.string(),
  items: z.array(z.object({ key: z.string(), selection: z.enum(['drawn', 'judgemental']) })),
});

/**
 * Whether a test's population, exceptions and sample are those of its result: rows counted and hashed again, the sample
 * drawn again. Rows are read one by one.
 */
export async function verifyTest(pack: PackReader, place: string, find: Find): Promise<void> {
  const result = resultSchema.safeParse(await readJsonFile(pack, `${place}/result.json`));
  const sample = sampleSchema.safeParse(await readJsonFile(pack, `${place}/sample.json`));
  const isThere = ['population', 'exceptions'].every((name) => pack.paths.has(`${place}/${name}.ndjson`));
  if (!result.success || !sample.success || !isThere)
    return find('test_unreadable', place, 'A file of this test cannot be read.');
  const { population, passed, exceptions, undetermined, excluded } = result.data;
  const seen = await readPopulation(pack, place, sample.data);
  const told = { pass: passed, exception: exceptions, undetermined, excluded: sum(Object.values(excluded)) };
  const names = ['pass', 'exception', 'undetermined', 'excluded'] as const;
  const isSame =
    names.every((name) => seen.counts[name] === told[name]) && sum(Object.values(seen.counts)) === population.count;
  if (!isSame || seen.digest !== population.sha256)
    find(
      'population_differs',
      `${place}/population.ndjson`,
      `Its rows give ${JSON.stringify(seen.counts)}, the result says ${JSON.stringify(told)}; digest ${seen.digest}.`,
    );
  const listed = createHash('sha256');
  for await (const line of readJsonLines(pack, `${place}/exceptions.ndjson`))
    listed.update(`${rowSchema.parse(line).key}\n`);
  if (listed.digest('hex') !== seen.exceptions)
    find('exceptions_differ', `${place}/exceptions.ndjson`, 'These are not the exceptions of the population.');
  if (sample.data.population_sha256 !== population.sha256 || !seen.sampleFits)
    find('sample_differs', `${place}/sample.json`, 'Drawing again with its seed gives another sample.');
}

async function readPopulation(
  pack: PackReader,
  place: string,
  sample: z.output<typeof sampleSchema>,
): Promise<{
  counts: Record<z.output<typeof rowSchema>['verdict'], number>;
  digest: string;
  exceptions: string;
  sampleFits: boolean;
}> {
  const counts = { pass: 0, exception: 0, undetermined: 0, excluded: 0 };
  const digest = createHash('sha256');
  const exceptions = createHash('sha256');
  const draw = drawRows<{ key: string; stratum?: string }>(sample.seed, sample.requested);
  const sampled = new Set(sample.items.map((item) => item.key));
  for await (const line of readJsonLines(pack, `${place}/population.ndjson`)) {
    const { key, verdict, stratum } = rowSchema.parse(line);
    counts[verdict] += 1;
    digest.update(`${key}\n`);
    if (verdict === 'exception') exceptions.update(`${key}\n`);
    draw.see({ key, ...(stratum === undefined ? {} : { stratum }) });
    sampled.delete(key);
  }
  const told = sample.items.filter((item) => item.selection === 'drawn').map((item) => item.key);
  const drawn = draw.done().drawn.map(({ row }) => row.key);
  return {
    counts,
    digest: digest.digest('hex'),
    exceptions: exceptions.digest('hex'),
    sampleFits: JSON.stringify(told) === JSON.stringify(drawn) && sampled.size === 0,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
