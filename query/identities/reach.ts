import type { Micros } from '../../model/time.ts';
import type { Vouched } from './bonds.ts';

/** A key that is the same party as another, and over what it was reached. */
export interface Reached {
  readonly key: string;
  readonly grade: 'exact' | 'asserted';
  /** The event that says so; absent for the key itself. */
  readonly event?: string;
  /** The key before it on the way, and the bond between them; absent for the key itself. */
  readonly via?: string;
  readonly bond?: Vouched;
}

export interface Reach {
  /** Keys that are the same party as `key` at a moment: itself, then over exact bonds, then over asserted ones, nearest first. */
  reach(key: string, at?: Micros): readonly Reached[];
  /** The events that say that two keys are different persons at a moment. */
  apart(key: string, other: string, at?: Micros): Vouched | undefined;
}

/** More accounts than a person has; beyond it something joins what does not belong together. */
const MAX_KEYS = 64;

/**
 * Answers who is one party with whom. Answers are remembered for each stretch of time in which no bond begins or ends, so
 * that a question about one more event of a person costs nothing.
 */
export function createReach(vouched: readonly Vouched[]): Reach {
  const bonds = new Map<string, { readonly other: string; readonly bond: Vouched }[]>();
  const apart = new Map<string, Vouched[]>();
  const edges = new Set<Micros>();
  for (const bond of vouched) {
    for (const end of [bond.from, bond.to]) if (end !== undefined) edges.add(end);
    if (bond.apart === true) push(apart, pairOf(bond.key, bond.other), bond);
    else {
      push(bonds, bond.key, { other: bond.other, bond });
      push(bonds, bond.other, { other: bond.key, bond });
    }
  }
  const ends = [...edges].toSorted((a, b) => a - b);
  const memo = new Map<string, readonly Reached[]>();
  const isApart = (key: string, other: string, at?: Micros): Vouched | undefined =>
    apart.get(pairOf(key, other))?.find((bond) => holds(bond, at));
  return {
    apart: isApart,
    reach(key, at) {
      if (!bonds.has(key)) return [{ key, grade: 'exact' }];
      const id = `${stretchOf(ends, at)} ${key}`;
      const known = memo.get(id) ?? walk(key, at);
      memo.set(id, known);
      return known;
    },
  };

  function walk(key: string, at: Micros | undefined): readonly Reached[] {
    const found = new Map<string, Reached>([[key, { key, grade: 'exact' }]]);
    for (const grade of ['exact', 'asserted'] as const) {
      const queue = [...found.values()];
      for (const step of queue) {
        // What else bears an e-mail address is somebody's claim: only the provider's own identity is taken through it.
        const throughEmail = step.key.startsWith('email:') && step.key !== key;
        for (const { other, bond } of bonds.get(step.key) ?? []) {
          if (bond.grade !== grade || found.has(other) || found.size > MAX_KEYS || !holds(bond, at)) continue;
          if (throughEmail && !other.startsWith('idp:user:')) continue;
          if (apart.size > 0 && [...found.keys()].some((held) => isApart(held, other, at) !== undefined)) continue;
          const known = step.grade === 'exact' ? grade : 'asserted';
          const reached: Reached = { key: other, grade: known, event: bond.event, via: step.key, bond };
          found.set(other, reached);
          queue.push(reached);
        }
      }
    }
    return [...found.values()];
  }
}

/** Whether something with a validity holds at a moment; without a moment, whether it still does. */
export function holds(span: { readonly from?: Micros; readonly to?: Micros }, at: Micros | undefined): boolean {
  if (at === undefined) return span.to === undefined;
  return (span.from === undefined || span.from <= at) && (span.to === undefined || at < span.to);
}

function stretchOf(ends: readonly Micros[], at: Micros | undefined): number {
  if (at === undefined) return -1;
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function pairOf(key: string, other: string): string {
  return key < other ? `${key}\u0000${other}` : `${other}\u0000${key}`;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
