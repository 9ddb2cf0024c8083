import type { SourceState, TestId } from '../../model/control.ts';
import type { Confidence } from '../../model/event.ts';
import type { Policy } from '../../model/policy.ts';
import type { Family } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import type { Truth } from '../../model/truth.ts';
import type { Identities } from '../identity.ts';
import type { Graph } from '../chains/graph.ts';
import type { Rules } from '../chains/rules.ts';
import type { Credentials } from './credentials.ts';
import type { Flows } from './flows.ts';
import type { ArrivalHour, Figure, IntegrityDay, LedgerEvidence, SeenActor, StoredRun } from './period-figures.ts';
import type { StreamDay } from './stream-days.ts';
import type { Uses } from './uses.ts';

/** What every control test is given. All of it is fixed before the first item is looked at, so a test is a pure function. */
export interface ControlContext {
  readonly tenant: string;
  /** `[from, to)`, microseconds UTC. */
  readonly from: Micros;
  readonly to: Micros;
  readonly asOf: Micros;
  readonly policy: Policy;
  readonly rules: Rules;
  readonly identities: Identities;
  /** Everything received by `asOf` that the populations and their chains need. */
  readonly graph: Graph;
  /** The issue, life and environment of each credential; uses of resources; the flow behind a credential. */
  readonly credentials: Credentials;
  readonly uses: Uses;
  readonly flows: Flows;
  /** What is known of each source, with its gaps; and how many events of it happened on each day of the period. */
  readonly sources: readonly SourceState[];
  readonly days: readonly StreamDay[];
  /** Who acted where; how events arrived, by hour; whether records are as they were stored. Only for tests that need them. */
  readonly actors: readonly SeenActor[];
  readonly arrivals: readonly ArrivalHour[];
  /** Undefined where nothing was recomputed. */
  readonly integrity?: readonly IntegrityDay[];
  readonly ledger?: LedgerEvidence;
  /** Checks that were stored before as-of. */
  readonly runs: readonly StoredRun[];
}

/** One member of a population, before it is judged. */
export interface Candidate<Subject> {
  /** What orders the population, is hashed, and must be unique in it; mostly the same as `item`. */
  readonly canonical: string;
  /** The key by which the item is named. */
  readonly item: string;
  readonly aliases: readonly string[];
  readonly at: Micros;
  readonly evidence: readonly string[];
  readonly subject: Subject;
}

/** What an attribute says of one item. `code` stands in the result in place of the attribute's own code. */
export interface Answer {
  readonly truth: Truth;
  readonly code?: string;
  /** Facts only, one sentence without a full stop; needed unless the answer is true. */
  readonly finding?: string;
  readonly evidence?: readonly string[];
}

export interface Attribute<Subject> {
  readonly code: string;
  readonly text: string;
  check(candidate: Candidate<Subject>, context: ControlContext): Answer;
}

export interface Exclusion<Subject> {
  readonly code: string;
  readonly text: string;
  /** The finding if the item is excluded, else undefined. Excluded items are counted and listed, never dropped. */
  applies(candidate: Candidate<Subject>, context: ControlContext): string | undefined;
}

/**
 * A control test (controls.md 2.5). The other tests of the catalogue are added as files of this shape; nothing else has
 * to change but the list in catalogue.ts. Every function here is pure: no clock, no I/O.
 */
export interface ControlTest<Subject> {
  readonly id: TestId;
  /** Raised when the meaning of a result changes: population, attributes, exclusions or order rules. */
  readonly version: number;
  readonly title: string;
  /** The control activity in our own words, one sentence. */
  readonly control: string;
  /** A key control carries the report: it tolerates no undetermined item. */
  readonly key: boolean;
  readonly nature: 'preventive' | 'detective' | 'corrective';
  readonly frequency: 'per_event' | 'daily' | 'weekly' | 'monthly' | 'quarterly' | 'annual';
  readonly population: {
    readonly definition: string;
    /** Whether the population comes from another system than the one that enforces the control (controls.md 3.2). */
    readonly source: 'independent' | 'own_records';
    select(context: ControlContext): readonly Candidate<Subject>[];
  };
  /** The stratum of an item, for the counts; absent where the population has none. */
  stratumOf?(candidate: Candidate<Subject>, context: ControlContext): string;
  readonly exclusions: readonly Exclusion<Subject>[];
  /** All must hold. They are asked in order; the first that is false names the exception. */
  readonly attributes: readonly Attribute<Subject>[];
  /** The weakest link that the test accepts; "policy" takes `parameters.minimum_link`. */
  readonly minLink: Confidence | 'policy';
  /** What of the policy decides, as it is printed in the report. */
  parameters(policy: Policy): Readonly<Record<string, string>>;
  /** Gaps in streams of these families block a conclusion. */
  readonly inputs: readonly Family[];
  /** Figures that must be read from the store for this test alone. */
  readonly needs?: readonly Figure[];
  /** Figures that are told beside the result and decide nothing. */
  analytics?(context: ControlContext): Readonly<Record<string, string>>;
  /** How many undetermined items do not prevent a conclusion; absent: none for a key control, else what the policy says. */
  readonly undeterminedTolerance?: number;
  readonly proves: string;
  readonly doesNotProve: string;
}

/** A test as the catalogue holds it: its candidates are only ever given back to itself. */
export type AnyControlTest = ControlTest<unknown>;

/** An answer that the attribute holds. */
export const HOLDS: Answer = { truth: true };

/** The attribute does not hold: an exception with this code. */
export function fails(code: string, finding: string, evidence: readonly string[] = []): Answer {
  return { truth: false, code, finding, evidence };
}

/** The evidence does not decide. */
export function undecided(code: string, finding: string, evidence: readonly string[] = []): Answer {
  return { truth: 'unknown', code, finding, evidence };
}

/** A candidate that is named and ordered by one text; `more` gives what differs. */
export function candidate<Subject>(
  item: string,
  at: Micros,
  subject: Subject,
  more: Partial<Pick<Candidate<Subject>, 'canonical' | 'aliases' | 'evidence'>> = {},
): Candidate<Subject> {
  return { canonical: item, item, aliases: [], at, evidence: [], subject, ...more };
}
