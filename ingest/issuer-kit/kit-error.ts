/** Something that is wrong with an event: where, what, and what to do. Never the value that was found. */
export interface Fault {
  /** JSON path in the event, such as `data.token.jti`; "" for the event as a whole. */
  readonly path: string;
  readonly code: 'contract' | 'bounds' | 'too_large' | 'token_material_present' | 'invalid_json';
  readonly message: string;
  readonly remedy: string;
}

/**
 * The closed list of what the kit throws. `invalid_event`: nothing was kept, `faults` say why. `spool_full`: Custody was
 * away for longer than the spool holds. `spool_in_use`: another process has the folder. `spool_broken`: the disk failed.
 */
export type KitErrorCode =
  | 'configuration'
  | 'invalid_event'
  | 'spool_full'
  | 'spool_in_use'
  | 'spool_broken'
  | 'closed'
  | 'receipt_invalid'
  | 'receipt_unavailable';

/** What the kit throws: a code to decide by, a sentence for people, and for an event each fault with its remedy. */
export class IssuerKitError extends Error {
  readonly code: KitErrorCode;
  readonly faults: readonly Fault[];

  constructor(code: KitErrorCode, message: string, options: { faults?: readonly Fault[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'IssuerKitError';
    this.code = code;
    this.faults = options.faults ?? [];
  }
}
