import { LIFETIME_ENDS_S } from '../../model/report-figures.ts';
import type { Lifetimes, ReportFigures, SourceCoverage } from '../../model/report-figures.ts';
import { dayOf } from '../../model/time.ts';
import type { Candidate, ControlContext } from '../../query/controls/control-test.ts';
import { daysBetween } from '../../query/controls/stream-days.ts';
import { lifetimeOf } from '../../query/controls/tests/t-08.ts';
import type { Issued } from '../../query/controls/tests/t-08.ts';

/** Environments that get lives of their own; what goes beyond is counted together. */
const MOST_ENVIRONMENTS = 8;

/**
 * Counts what the charts show, from what the tests were given: the days come of the same count as T-31 and T-35, the lives
 * of the same candidates as T-08. Memory grows with sources and days, not with events or credentials.
 */
export function reportFigures(
  context: ControlContext,
  issued: readonly Candidate<Issued>[] | undefined,
): ReportFigures {
  const seen = daysBetween(context.from, Math.min(context.to, context.asOf));
  return {
    first_day: dayOf(context.from),
    days: seen.length,
    coverage: coverageOf(context, new Map(seen.map(({ day }, i) => [day, i]))),
    lifetimes: issued === undefined ? [] : lifetimesOf(context, issued),
  };
}

function coverageOf({ sources, days }: ControlContext, places: ReadonlyMap<string, number>): readonly SourceCoverage[] {
  const rows = new Map(
    sources.map(({ family, instance }) => [
      JSON.stringify([family, instance]),
      { family, instance, events: Array.from({ length: places.size }, () => 0) },
    ]),
  );
  for (const { family, instance, day, events } of days) {
    const row = rows.get(JSON.stringify([family, instance]));
    const place = places.get(day);
    if (row && place !== undefined) row.events[place] = (row.events[place] ?? 0) + events;
  }
  return [...rows.values()];
}

interface Counted {
  readonly limit: number | undefined;
  readonly counts: number[];
  over: number;
}

function lifetimesOf({ policy }: ControlContext, issued: readonly Candidate<Issued>[]): readonly Lifetimes[] {
  const found = new Map<string | undefined, Counted>();
  for (const { subject } of issued) {
    const { life, limit } = lifetimeOf(subject, policy);
    const counted = found.get(subject.environment) ?? { limit, counts: LIFETIME_CLASSES.map(() => 0), over: 0 };
    const place = classOf(life);
    counted.counts[place] = (counted.counts[place] ?? 0) + 1;
    if (life !== undefined && limit !== undefined && life > limit * 1_000_000) counted.over += 1;
    found.set(subject.environment, counted);
  }
  const names = [...found.keys()].filter((name) => name !== undefined).toSorted();
  const all = names.slice(0, MOST_ENVIRONMENTS).map((environment) => told(environment, found.get(environment)));
  const rest = [...names.slice(MOST_ENVIRONMENTS), undefined].flatMap((name) => found.get(name) ?? []);
  return rest.length === 0 ? all : [...all, told(undefined, together(rest))];
}

const LIFETIME_CLASSES = [...LIFETIME_ENDS_S, 'longer', 'no end'] as const;

function classOf(life: number | undefined): number {
  if (life === undefined) return LIFETIME_ENDS_S.length + 1;
  const place = LIFETIME_ENDS_S.findIndex((end) => life <= end * 1_000_000);
  return place === -1 ? LIFETIME_ENDS_S.length : place;
}

function together(rest: readonly Counted[]): Counted {
  return {
    limit: undefined,
    counts: LIFETIME_CLASSES.map((_, i) => rest.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0)),
    over: rest.reduce((sum, { over }) => sum + over, 0),
  };
}

function told(environment: string | undefined, counted: Counted | undefined): Lifetimes {
  const { limit, counts, over } = counted ?? { limit: undefined, counts: [], over: 0 };
  return {
    ...(environment === undefined ? {} : { environment }),
    ...(limit === undefined ? {} : { limit_s: limit }),
    counts,
    over,
  };
}
