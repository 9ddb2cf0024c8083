/**
 * What an issuer should mend. `error`: Custody refuses the event, or the keys cannot be trusted. `warning`: it is taken,
 * and the evidence is weaker for it. Places and fields are named, never values.
 */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Stable name of the rule. */
  readonly rule: string;
  /** Line of the file, or number of the event in a document, from 1; absent for the whole. */
  readonly line?: number;
  /** JSON path in the event or document. */
  readonly path?: string;
  readonly message: string;
  readonly remedy: string;
}

/** What was judged, and how. */
export interface CheckResult {
  /** What it was taken for. */
  readonly kind: 'events' | 'keys' | 'metadata';
  readonly judged: number;
  readonly findings: readonly Finding[];
}

export const MAX_FINDINGS = 1_000;
