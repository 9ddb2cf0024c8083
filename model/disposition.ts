import { z } from 'zod';

/**
 * What people say of an exception (controls.md 3.5): a response of management, a classification that a second person
 * confirms or rejects, a re-test. The exception itself is a fact that none of them changes or takes away.
 */

/** How management answers an exception. */
export const AGREEMENTS = ['agree', 'partly', 'disagree'] as const;
/** What an exception turns out to be. Only a true deviation says something of the control. */
export const EXCEPTION_CLASSES = ['true_deviation', 'data_defect', 'mapping_defect', 'accepted_risk'] as const;
export const ROOT_CAUSES = ['design', 'operation', 'data', 'tool'] as const;
/** Management's own judgement; Custody makes none. */
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export const DISPOSITION_KINDS = ['response', 'classification', 'confirmation', 'retest'] as const;
export type DispositionKind = (typeof DISPOSITION_KINDS)[number];

/** The id of a disposition, as the log knows it. */
const dispositionId = z.uuid();

const words = z.string().trim().min(1).max(4_000);
const short = z.string().trim().min(1).max(512);
const day = z.iso.date();

const response = z.strictObject({
  kind: z.literal('response'),
  agreement: z.enum(AGREEMENTS),
  text: words,
  severity: z.enum(SEVERITIES).optional(),
  /** Who sees to the correction, and by when it is due (a day, UTC). */
  owner: short.optional(),
  correction_due: day.optional(),
  compensating_control: words.optional(),
  /** Where the evidence of the compensating control is: an address or a name. It is shown as text, never as a link. */
  compensating_evidence: short.optional(),
});

const classification = z.strictObject({
  kind: z.literal('classification'),
  class: z.enum(EXCEPTION_CLASSES),
  text: words,
  root_cause: z.enum(ROOT_CAUSES).optional(),
});

/** A second person judges what somebody said: the classification of an exception, the explanation of a gap. */
export const confirmation = z.strictObject({
  kind: z.literal('confirmation'),
  /** What is judged, by its id. */
  of: dispositionId,
  decision: z.enum(['confirmed', 'rejected']),
  text: words.optional(),
});

const retestAsked = z.strictObject({
  kind: z.literal('retest'),
  /** The kept check that tested again (`GET /v1/check/runs`). What it found is read from there, never sent. */
  run: short,
  text: words.optional(),
});

/** What a caller sends. */
export const dispositionBody = z.discriminatedUnion('kind', [response, classification, confirmation, retestAsked]);
export type DispositionBody = z.output<typeof dispositionBody>;

const instant = z.string().max(40);
const count = z.number().int().min(0);

/** What is kept: a re-test with what the run had found. Times are text in UTC. */
export const dispositionFact = z.discriminatedUnion('kind', [
  response,
  classification,
  confirmation,
  retestAsked.extend({
    from: instant,
    to: instant,
    as_of: instant,
    population: count,
    exceptions: count,
    undetermined: count,
    result: short,
    /** Whether the same item is an exception of that run again; it need not be in its population. */
    recurred: z.boolean(),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
  }),
]);
export type DispositionFact = z.output<typeof dispositionFact>;

/** Who disposed: the account that the credential proves, and the person behind it where one is known. */
export interface DisposedBy {
  readonly key: string;
  readonly display?: string;
  readonly person?: string;
}

/** One act, as it is shown. `void`: it was kept, and has no effect for the reason that is given. */
export interface ShownDisposition {
  readonly id: string;
  readonly at: string;
  readonly by: DisposedBy;
  readonly disposition: DispositionFact;
  readonly effect: 'stands' | 'void';
  readonly why?: string;
}

/** Where the classification of an exception stands. */
export interface ClassificationState {
  readonly state: 'none' | 'proposed' | 'confirmed';
  readonly class?: (typeof EXCEPTION_CLASSES)[number];
  readonly root_cause?: (typeof ROOT_CAUSES)[number];
  readonly text?: string;
  readonly id?: string;
  readonly proposed_by?: DisposedBy;
  readonly proposed_at?: string;
  readonly confirmed_by?: DisposedBy;
  readonly confirmed_at?: string;
}

/** What was said of one exception by a moment. The history is in the order of the log, and holds everything. */
export interface ExceptionDispositions {
  readonly exception: string;
  readonly state: ExceptionStateName;
  /** The last response of management. */
  readonly response?: ShownDisposition;
  readonly classification: ClassificationState;
  /** A classification that waits for its second person while an earlier one still stands. */
  readonly pending?: ClassificationState;
  readonly retest?: ShownDisposition;
  readonly history: readonly ShownDisposition[];
}

/** open: nobody answered; answered: management did; classified: a second person confirmed what it is. */
export const EXCEPTION_STATES = ['open', 'answered', 'classified'] as const;
export type ExceptionStateName = (typeof EXCEPTION_STATES)[number];

/** An exception as kept checks found it. Times are text in UTC. */
export interface FoundException {
  readonly id: string;
  readonly test: string;
  readonly attribute: string;
  readonly item: string;
  readonly at: string;
  readonly finding: string;
  readonly evidence: readonly string[];
}
