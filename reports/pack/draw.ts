import { createHash, createHmac } from 'node:crypto';
import type { ReportModel, TestResult } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import type { PopulationRow, SamplingPlan } from './pack-model.ts';
import { attributeSize, defaultSize, upperLimit } from './sample-size.ts';
import type { SampleSize } from './sample-size.ts';

/** An item of a sample: a row of the population, how it came into the sample, and its rank. */
export interface SampledItem {
  readonly number: number;
  readonly selection: 'drawn' | 'judgemental';
  /** HMAC-SHA-256 of the canonical key under the seed, hex. */
  readonly rank: string;
  readonly row: PopulationRow;
}

/** A sample with all that is needed to draw it again. */
export interface DrawnSample {
  readonly method: typeof SAMPLE_METHOD;
  readonly seed: string;
  readonly seed_origin: 'phrase' | 'derived';
  readonly population_sha256: string;
  readonly population_count: number;
  /** How many were asked for; more are drawn only where there are more strata than that. */
  readonly requested: number;
  readonly basis: string;
  readonly if_one_deviates: string;
  /** The true rate that 90 % confidence cannot rule out if none of the sample deviates; a share, by itself alone. */
  readonly upper_limit_90_if_none_deviates?: number;
  readonly strata: readonly string[];
  readonly reason?: string;
  readonly items: readonly SampledItem[];
}

export const SAMPLE_METHOD = 'custody-sample/v1: HMAC-SHA-256(seed, key), smallest first, one of each stratum first';

/**
 * The seed of a test's sample: the auditor's phrase, or the hash of engagement, test, version and population digest. The
 * second cannot be chosen after the data were seen, the first only by the auditor.
 */
export function seedOf(report: ReportModel, test: TestResult, plan: SamplingPlan): string {
  if (plan.phrase !== undefined) return plan.phrase;
  const engagement = `${report.tenant}/${report.framework}/${report.from}/${report.to}`;
  return createHash('sha256')
    .update(`custody-sample/v1\n${engagement}\n${test.test}\n${test.version}\n${test.population.sha256}\n`)
    .digest('hex');
}

/** The rank of a key: `printf %s KEY | openssl dgst -sha256 -hmac SEED` gives the same. */
export function rankOf(seed: string, key: string): string {
  return createHmac('sha256', seed).update(key).digest('hex');
}

export interface Draw {
  /** Looks at one row; rows may come in any order. */
  see(row: PopulationRow): void;
  done(): DrawnSample;
}

/** What a draw needs of a row. */
export type Drawable = Pick<PopulationRow, 'key' | 'stratum'>;

export interface Ranked<Row extends Drawable> {
  readonly rank: string;
  readonly row: Row;
}

/**
 * Draws while the population passes by, keeping only what may still be drawn. The smallest of each stratum comes first,
 * then the smallest of the rest: so the draw depends on no order, and a larger one begins with the smaller one. Throws
 * `invalid_request` if an item that the auditor chose is not in the population.
 */
export function startDraw(report: ReportModel, test: TestResult, plan: SamplingPlan): Draw {
  const seed = seedOf(report, test, plan);
  const { count } = test.population;
  const wish = sizeOf(test, plan);
  const requested = Math.min(wish.size, count);
  const draw = drawRows<PopulationRow>(seed, requested);
  const wanted = new Set(plan.picks.filter((pick) => pick.test === test.test).map((pick) => pick.item));
  const found = new Set<string>();
  const picked = new Map<string, PopulationRow>();
  return {
    see(row) {
      draw.see(row);
      for (const name of [row.key, row.item]) {
        if (!wanted.has(name)) continue;
        found.add(name);
        picked.set(row.key, row);
      }
    },
    done() {
      const lost = [...wanted].find((name) => !found.has(name));
      if (lost !== undefined)
        throw new Problem(
          'invalid_request',
          `${test.test}: the item "${lost.slice(0, 200)}" to be added to the sample is not in the population`,
        );
      const { drawn, strata } = draw.done();
      const items = [
        ...drawn.map((ranked) => ({ selection: 'drawn' as const, ...ranked })),
        ...picksOf(seed, picked, drawn),
      ];
      return {
        method: SAMPLE_METHOD,
        seed,
        seed_origin: plan.phrase === undefined ? 'derived' : 'phrase',
        population_sha256: test.population.sha256,
        population_count: count,
        requested,
        basis: wish.basis,
        if_one_deviates: wish.ifOneDeviates,
        ...(drawn.length === 0 || drawn.length === count
          ? {}
          : { upper_limit_90_if_none_deviates: Math.round(upperLimit(drawn.length, 0, 0.9) * 10_000) / 10_000 }),
        strata,
        ...(plan.reason === undefined ? {} : { reason: plan.reason }),
        items: items.map((item, i) => ({ number: i + 1, ...item })),
      };
    },
  };
}

function picksOf(
  seed: string,
  picked: ReadonlyMap<string, PopulationRow>,
  drawn: readonly Ranked<PopulationRow>[],
): readonly (Ranked<PopulationRow> & { selection: 'judgemental' })[] {
  const keys = new Set(drawn.map(({ row }) => row.key));
  return [...picked.values()]
    .filter((row) => !keys.has(row.key))
    .map((row) => ({ selection: 'judgemental' as const, rank: rankOf(seed, row.key), row }))
    .toSorted(byRank);
}

/** Draws `requested` rows under a seed, or one of each stratum where there are more strata than that. */
export function drawRows<Row extends Drawable>(
  seed: string,
  requested: number,
): { see(row: Row): void; done(): { drawn: readonly Ranked<Row>[]; strata: readonly string[] } } {
  const smallest = keepSmallest<Row>(requested);
  const strata = new Map<string, Ranked<Row>>();
  return {
    see(row) {
      const ranked = { rank: rankOf(seed, row.key), row };
      smallest.see(ranked);
      if (row.stratum === undefined) return;
      const first = strata.get(row.stratum);
      if (first === undefined || byRank(ranked, first) < 0) strata.set(row.stratum, ranked);
    },
    done: () => ({
      drawn: requested === 0 ? [] : orderDrawn([...strata.values()], smallest.all(), requested),
      strata: [...strata.keys()].toSorted(),
    }),
  };
}

function sizeOf(test: TestResult, plan: SamplingPlan): SampleSize {
  const { count } = test.population;
  const own = plan.sizes[test.test];
  const ifOneDeviates = 'as the auditor’s plan says';
  if (own !== undefined) return { size: own, basis: 'the number that the auditor gave', ifOneDeviates };
  if (plan.attributes === undefined || count === 0) return defaultSize(count, plan.risk);
  const { confidence, tolerable, deviations } = plan.attributes;
  const basis = `attribute sampling: confidence ${confidence}, tolerable rate ${tolerable}, ${deviations} deviations allowed, exact for a population of ${count}`;
  return { size: attributeSize({ ...plan.attributes, population: count }), basis, ifOneDeviates };
}

function orderDrawn<Row extends Drawable>(
  strata: readonly Ranked<Row>[],
  smallest: readonly Ranked<Row>[],
  size: number,
): readonly Ranked<Row>[] {
  const first = strata.toSorted(byRank);
  const keys = new Set(first.map(({ row }) => row.key));
  const rest = smallest.filter(({ row }) => !keys.has(row.key)).toSorted(byRank);
  return [...first, ...rest.slice(0, Math.max(0, size - first.length))];
}

/** The `size` smallest of all that pass by; what cannot be among them is forgotten in batches. */
function keepSmallest<Row extends Drawable>(
  size: number,
): { see(ranked: Ranked<Row>): void; all(): readonly Ranked<Row>[] } {
  let kept: Ranked<Row>[] = [];
  let limit: Ranked<Row> | undefined;
  const trim = (): void => {
    kept = kept.toSorted(byRank).slice(0, size);
  };
  return {
    see(ranked) {
      if (size === 0 || (limit !== undefined && byRank(ranked, limit) >= 0)) return;
      kept.push(ranked);
      if (kept.length < 2 * size + 64) return;
      trim();
      limit = kept.at(-1);
    },
    all() {
      trim();
      return kept;
    },
  };
}

function byRank(a: Ranked<Drawable>, b: Ranked<Drawable>): number {
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return a.row.key < b.row.key ? -1 : a.row.key > b.row.key ? 1 : 0;
}
