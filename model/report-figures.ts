/** Figures of a check that only its charts show: what is counted while the tests run, and decides nothing. */

/** The accepted events of an installation on each day of the period that has been seen, UTC. */
export interface SourceCoverage {
  readonly family: string;
  readonly instance: string;
  /** One number a day, beginning with `ReportFigures.first_day`. */
  readonly events: readonly number[];
}

/**
 * The upper ends of the classes of credential life, seconds; a life of exactly an end belongs to the class that ends there. After
 * the last there are two more: longer than it, and no stated end.
 */
export const LIFETIME_ENDS_S = [300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 604_800] as const;

/** How long the credentials of an environment were issued for. */
export interface Lifetimes {
  /** As the policy names it; absent: those that no environment is known of. */
  readonly environment?: string;
  /** The longest life that the policy allows, seconds; absent where no limit applies for certain. */
  readonly limit_s?: number;
  /** How many of each class: `LIFETIME_ENDS_S.length + 2` numbers. */
  readonly counts: readonly number[];
  /** How many were issued for longer than the limit. */
  readonly over: number;
}

export interface ReportFigures {
  /** The day on which the period begins, "2026-04-01". Days end where the period does, or as-of where that is before. */
  readonly first_day: string;
  readonly days: number;
  /** One a source of the check, in its order. */
  readonly coverage: readonly SourceCoverage[];
  /** By environment, in the order of their names, what is unclassified last; empty where T-08 is not part of the check. */
  readonly lifetimes: readonly Lifetimes[];
}
