import type { Chain } from './chain.ts';
import type { ExceptionDispositions } from './disposition.ts';
import type { GapStanding } from './gap-explanation.ts';
import type { ReportFigures } from './report-figures.ts';

/** Results of control tests as they are printed, exported and reported (controls.md 2.3). Times are text in UTC. */

export const ITEM_VERDICTS = ['pass', 'exception', 'undetermined', 'excluded'] as const;
export type ItemVerdict = (typeof ITEM_VERDICTS)[number];

export const TEST_RESULTS = [
  'no_exceptions_noted',
  'exceptions_noted',
  'did_not_operate',
  'unable_to_conclude',
  'not_in_scope',
] as const;
export type TestResultName = (typeof TEST_RESULTS)[number];

export type TestId = `T-${string}`;
/** Id of a framework: `soc2`, `iso27001`, or of one whose file was added (query/frameworks). */
export type FrameworkId = string;

export interface Mapping {
  readonly framework: FrameworkId;
  readonly requirement: string;
  /** P: the test bears on the requirement directly; s: it supports it. */
  readonly role: 'P' | 's';
}

/** One member of a population that did not simply pass. */
export interface TestItem {
  readonly item: string;
  /** Other keys by which the same item is known: the credential's sessions and leases, its chain's job. */
  readonly aliases: readonly string[];
  readonly verdict: ItemVerdict;
  /** Code of the attribute that failed or could not be decided, or of the exclusion. */
  readonly attribute?: string;
  readonly at: string;
  /** What was found, in one sentence, facts only. */
  readonly finding: string;
  readonly evidence: readonly string[];
  readonly stratum?: string;
}

export interface TestResult {
  readonly test: TestId;
  readonly version: number;
  readonly title: string;
  readonly control: string;
  readonly key: boolean;
  readonly nature: 'preventive' | 'detective' | 'corrective';
  readonly mappings: readonly Mapping[];
  readonly population: {
    readonly count: number;
    /** SHA-256 over the sorted canonical keys, one a line; taken before evaluation. */
    readonly sha256: string;
    readonly definition: string;
    readonly source: 'independent' | 'own_records';
  };
  readonly passed: number;
  readonly exceptions: number;
  readonly undetermined: number;
  readonly excluded: Readonly<Record<string, number>>;
  readonly strata: Readonly<Record<string, number>>;
  readonly attributes: readonly { readonly code: string; readonly text: string }[];
  readonly parameters: Readonly<Record<string, string>>;
  readonly minimum_link: string;
  /** Figures that are told beside the result and decide nothing. */
  readonly analytics?: Readonly<Record<string, string>>;
  readonly result: TestResultName;
  readonly reason: string;
  /** Stream gaps that overlap the inputs of this test and are unexplained: they keep it from a conclusion. */
  readonly gaps: readonly string[];
  /** Such gaps that two people explained, with their words and names; absent where there is none. */
  readonly explained_gaps?: readonly string[];
  readonly proves: string;
  readonly does_not_prove: string;
  /** Items that did not pass, sorted by item; passes are counted, not listed. */
  readonly items: readonly TestItem[];
}

/** What is known of a source at the time of the check: from this, completeness is judged. */
export interface SourceState {
  readonly family: string;
  readonly instance: string;
  readonly registered: boolean;
  readonly records: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly first_occurred_at?: string;
  readonly last_occurred_at?: string;
  readonly last_received_at?: string;
  readonly integrity: string;
  readonly gaps: readonly SourceGap[];
  /** Expected against received, by each means that the source gives; absent where it gives none. */
  readonly continuity?: Continuity;
}

/** A stretch of which something is missing. It blocks conclusions about what overlaps it. */
export interface SourceGap {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /**
   * By what it shows: a counter that goes on, a pace that was not kept, offsets that the log skipped, a digest that names
   * what never came, a second pull that holds more than the stream.
   */
  readonly kind?: 'sequence' | 'silence' | 'log' | 'digest' | 'reconciliation';
  /** By which people speak of it (model/gap-explanation.ts); absent where words cannot stand for what is missing. */
  readonly id?: string;
  /** What was said of it by as-of; absent where nothing was. Only what a second person confirmed changes anything. */
  readonly standing?: GapStanding;
}

/** What shows whether a source left nothing out. Durations are seconds. */
export interface Continuity {
  /** A dense counter (sources.md 3.3): numbers as text, for they may have twenty digits. */
  readonly sequence?: {
    readonly first: string;
    readonly last: string;
    readonly received: number;
    readonly missing: number;
    /** Numbers that stand on more than one event, as ranges such as "17" and "20..24". */
    readonly repeated: readonly string[];
    /** How often the counter began anew. */
    readonly resets: number;
  };
  /** How steadily it speaks. `basis`: the interval that the policy expects, or the source's own rhythm. */
  readonly pace?: {
    readonly basis: 'policy' | 'rhythm';
    readonly interval_s: number;
    readonly longest_silence_s: number;
    readonly longest_silence_from?: string;
    /** From its last event to the moment of the question. */
    readonly silent_s?: number;
    /** Silences that its own rhythm does not explain. They are no gaps: a quiet night looks the same. */
    readonly unusual: number;
  };
  /** From happening to arrival, of accepted events; percentiles to 1 %. Files count from when they were imported. */
  readonly lateness?: {
    readonly events: number;
    readonly p50_s: number;
    readonly p95_s: number;
    readonly p99_s: number;
    readonly max_s: number;
  };
  /** CloudTrail's digest files (sources.md 1.8). Signatures lie outside the files and are not looked at. */
  readonly digests?: {
    readonly held: number;
    readonly from: string;
    readonly to: string;
    readonly files: number;
    readonly files_missing: number;
    /** Digests whose predecessor is held and has the hash that they name; whose predecessor is not held; or another. */
    readonly chained: number;
    readonly predecessors_missing: number;
    readonly predecessors_other: number;
  };
  /** A second pull of what the source saved, compared with what it streamed (sources.md 1.2). */
  readonly reconciliation?: {
    readonly saved: number;
    readonly confirmed: number;
    readonly missing: number;
    /** Saved so short ago that the stream may still bring it. */
    readonly pending: number;
    /** The last saved event: until then it was compared. */
    readonly until?: string;
  };
}

export interface CheckResult {
  readonly tenant: string;
  readonly frameworks: readonly FrameworkId[];
  readonly from: string;
  readonly to: string;
  readonly as_of: string;
  readonly catalogue_version: string;
  readonly policy_sha256: string;
  readonly sources: readonly SourceState[];
  readonly tests: readonly TestResult[];
}

/** By what an issued report is known, why another follows it, and which tests say something else since. */
export interface SupplementTo {
  readonly version: string;
  readonly as_of: string;
  readonly manifest_sha256: string;
  readonly reason: string;
  /** "T-01: exceptions 2 -> 3, population 40 -> 41", one a test that changed. */
  readonly changes: readonly string[];
}

/** Everything a report shows: the check and the chain behind each exception (by item). */
export interface ReportModel extends CheckResult {
  readonly framework: FrameworkId;
  readonly organisation: string;
  /** Printed on the cover; a report is a draft until management issues it. */
  readonly status?: 'draft' | 'issued';
  /** Version of the report, in management's counting. */
  readonly version?: string;
  /** The issued report of the same period that this one adds to; it never replaces that one. */
  readonly supplement_to?: SupplementTo;
  readonly chains: readonly { readonly item: string; readonly test: TestId; readonly chain: Chain }[];
  /** What had been said of its exceptions by the as-of, sorted by exception; absent where nothing was. It changes no result. */
  readonly dispositions?: readonly ExceptionDispositions[];
  /** What the charts show beside the results; absent where nobody counted it. */
  readonly figures?: ReportFigures;
}
