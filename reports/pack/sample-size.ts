import { Problem } from '../../model/problem.ts';
import type { SamplingPlan } from './pack-model.ts';

/** How many items of a population are drawn, and by which rule. */
export interface SampleSize {
  readonly size: number;
  /** The class of the table, such as "weekly". */
  readonly basis: string;
  /** What one deviation in the sample means by the table. */
  readonly ifOneDeviates: string;
}

/**
 * The default size for a population (controls.md 3.3, "Default table to ship"): by how often the circumstance occurred.
 * No standard fixes sizes; a number that the auditor gives wins over this table.
 */
export function defaultSize(count: number, risk: SamplingPlan['risk']): SampleSize {
  if (count === 0) return { size: 0, basis: 'the population is empty', ifOneDeviates: 'nothing can deviate' };
  if (count === 1) return { size: 1, basis: 'annual: 1 occurrence', ifOneDeviates: 'fails' };
  if (count <= 4) return { size: 2, basis: 'quarterly: 2 to 4 occurrences', ifOneDeviates: 'fails' };
  if (count <= 12) return { size: 3, basis: 'monthly: 5 to 12 occurrences', ifOneDeviates: 'fails' };
  if (count <= 52) return { size: 5, basis: 'weekly: 13 to 52 occurrences', ifOneDeviates: 'extend or fail' };
  if (count <= 250) {
    const size = Math.min(25, Math.max(10, Math.ceil(count / 10)));
    return {
      size,
      basis: 'daily: 53 to 250 occurrences, 10 %, at least 10 and at most 25',
      ifOneDeviates: 'extend to 38-42',
    };
  }
  const size = { low: 25, mid: 40, high: 60 }[risk];
  return {
    size,
    basis: `many a day: more than 250 occurrences, ${risk} risk`,
    ifOneDeviates: 'extend; report all',
  };
}

/** Confidence and tolerable rate as shares between 0 and 1; `deviations` that may be found; a finite population or none. */
export interface AttributePlan {
  readonly confidence: number;
  readonly tolerable: number;
  readonly deviations: number;
  readonly population?: number;
}

const LARGEST = 100_000;

/**
 * The smallest sample whose result of at most `deviations` leaves a risk of at most 1 - confidence that the true rate is
 * the tolerable one or worse: exact, by the binomial distribution, or by the hypergeometric where the population is
 * given (controls.md 3.3 holds the values). Throws `invalid_request` for shares outside (0, 1).
 */
export function attributeSize(plan: AttributePlan): number {
  const { confidence, tolerable, deviations, population } = plan;
  if (!(confidence > 0 && confidence < 1 && tolerable > 0 && tolerable < 1 && deviations >= 0))
    throw new Problem('invalid_request', 'confidence and tolerable rate must be shares between 0 and 1');
  const most = population ?? LARGEST;
  const bad = population === undefined ? 0 : Math.ceil(population * tolerable - 1e-9);
  for (let size = deviations + 1; size <= most; size += 1) {
    const risk =
      population === undefined
        ? binomialAtMost(size, tolerable, deviations)
        : hypergeometricAtMost(population, bad, size, deviations);
    if (risk <= 1 - confidence + 1e-12) return size;
  }
  return most;
}

/** The upper limit of the true rate (one-sided Clopper-Pearson) after `found` deviations in `size` items; a share. */
export function upperLimit(size: number, found: number, confidence: number): number {
  let low = found / size;
  let high = 1;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (binomialAtMost(size, middle, found) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

function binomialAtMost(size: number, rate: number, most: number): number {
  let sum = 0;
  for (let k = 0; k <= Math.min(most, size); k += 1)
    sum += Math.exp(logChoose(size, k) + k * Math.log(rate) + (size - k) * Math.log1p(-rate));
  return sum;
}

function hypergeometricAtMost(population: number, bad: number, size: number, most: number): number {
  let sum = 0;
  const whole = logChoose(population, size);
  for (let k = 0; k <= Math.min(most, size, bad); k += 1) {
    if (size - k > population - bad) continue;
    sum += Math.exp(logChoose(bad, k) + logChoose(population - bad, size - k) - whole);
  }
  return sum;
}

const logFactorials: number[] = [0];

function logChoose(n: number, k: number): number {
  for (let i = logFactorials.length; i <= n; i += 1) logFactorials.push((logFactorials[i - 1] ?? 0) + Math.log(i));
  const of = (i: number): number => logFactorials[i] ?? 0;
  return of(n) - of(k) - of(n - k);
}
