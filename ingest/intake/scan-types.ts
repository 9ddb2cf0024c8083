import type { Reason } from '../../model/reason.ts';
import type { Source } from '../../model/source.ts';
import type { RedactionRule } from '../sources/adapter.ts';

/** Bounds that are checked on the bytes, before anything is parsed (reliability.md 3.2 row 12). */
export interface ScanLimits {
  /** Deepest nesting of the whole text; the outermost value has depth 1. */
  readonly maxDepth: number;
  /** Most object keys within one element. */
  readonly maxKeys: number;
  /** Longest string token, in bytes as sent, quotes not counted. */
  readonly maxStringBytes: number;
  /** Longest number token, in bytes. */
  readonly maxNumberBytes: number;
  /** Most elements of one delivery. */
  readonly maxElements: number;
}

/** What holds for a source without bounds of its own. */
export const DEFAULT_LIMITS: ScanLimits = {
  maxDepth: 32,
  maxKeys: 10_000,
  maxStringBytes: 64 * 1024,
  maxNumberBytes: 400,
  maxElements: 100_000,
};

const MEBIBYTE = 1024 * 1024;

// Kubernetes quotes whole objects (a definition of a resource nests schemas; the longest measured line has 1.8 MB,
// sources.md 1.9.1); CloudTrail and hoop quote documents and scripts; GitLab quotes commit messages and descriptions.
const LIMITS_OF: Partial<Record<Source, Partial<ScanLimits>>> = {
  'kubernetes.audit': { maxDepth: 96, maxStringBytes: 4 * MEBIBYTE },
  'aws.cloudtrail': { maxDepth: 64, maxStringBytes: MEBIBYTE },
  'hoop.event': { maxStringBytes: 4 * MEBIBYTE },
  'vault.audit': { maxStringBytes: MEBIBYTE },
  'gitlab.webhook': { maxStringBytes: 2 * MEBIBYTE },
  'gitlab.audit-stream': { maxStringBytes: MEBIBYTE },
  'gitlab.audit-rest': { maxStringBytes: MEBIBYTE },
  'keycloak.event': { maxStringBytes: MEBIBYTE },
  'teleport.event': { maxStringBytes: MEBIBYTE },
};

/** The bounds of a source. */
export function limitsOf(source: Source): ScanLimits {
  return { ...DEFAULT_LIMITS, ...LIMITS_OF[source] };
}

export interface ScanOptions {
  /** Where a delivery holds many events (SourceAdapter.containers). The first that is there, as an array, is used. */
  readonly containers: readonly (readonly string[])[];
  /** Path rules, relative to the element (the native event), never to the delivery around it. */
  readonly redact: readonly RedactionRule[];
  readonly limits: ScanLimits;
  /** Names added to the `keep` of every rule that has one: the pipeline variables that the policy file keeps. */
  readonly keep?: readonly string[];
  /** `redact` replaces secrets; `refuse` ends with `token_material_present` at the first (issuers: sources.md 3.6). */
  readonly secrets: 'redact' | 'refuse';
  /** `json`: one JSON text. `lines`: one a line. `detect`: one text, or lines if a line break follows the first value. */
  readonly format: 'json' | 'lines' | 'detect';
  /**
   * What becomes of a single bad element in a well-formed text. `refuse` (default): of the whole delivery. `withhold`:
   * it becomes an unreadable marker and the others stay, for what is fetched and cannot be asked to be mended.
   * Lines are always withheld one by one.
   */
  readonly faults?: 'refuse' | 'withhold';
}

/** A value that was replaced: where, as `a.b[0].c` relative to the element, and by which rule. */
export type Redaction = readonly [path: string, rule: string];

/** One native event: the bytes to be stored. All bytes but those of replaced tokens are as they arrived. */
export interface ScannedElement {
  readonly value: Buffer;
  readonly redactions: readonly Redaction[];
  /** Some object has the same key twice: parsers differ on its meaning, so it must not be taken at its word. */
  readonly duplicateKeys: boolean;
  /** Set where the value was withheld, because it could not be read, hence not redacted: `value` is a marker. */
  readonly unreadable?: ScanFault;
}

export interface ScanFault {
  readonly reason: Reason;
  /** Names the place and the limit, never the content. */
  readonly detail: string;
  /** Byte offset in the delivery (in the line, for lines). */
  readonly position: number;
}

/**
 * `cut`: the elements are those of a container or the lines; false where the whole text is one element. No elements at
 * all means an empty top-level array: well-formed, and nothing happened.
 */
export type ScanResult =
  | { readonly ok: true; readonly cut: boolean; readonly elements: readonly ScannedElement[] }
  | ({ readonly ok: false } & ScanFault);

/**
 * Checks a delivery before anything parses it, cuts it into its elements and redacts each: one pass over the bytes,
 * without recursion. Never throws; a fault names its place. `scanDelivery` of json-scan.ts is the one.
 */
export type ScanDelivery = (bytes: Buffer, options: ScanOptions) => ScanResult;
