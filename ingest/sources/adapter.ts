import type { AuditEvent } from '../../model/event.ts';
import type { PolicySource } from '../../model/policy.ts';
import type { Reason } from '../../model/reason.ts';
import type { Family, Source } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import type { TextPart } from './redact-part.ts';

/** What an adapter is given: the parsed JSON of one record and where it came from. */
export interface ParseInput {
  /** The parsed value of the record; any JSON value, hostile. */
  readonly json: unknown;
  /** The installation that the credential, or the operator, says it is from. "" where the body alone can tell. */
  readonly instance: string;
  readonly receivedAt: Micros;
  /** HTTP headers that carry meaning (CloudEvents binary mode, svix-timestamp), lower case, without any credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the policy file says of this installation, if it is registered. */
  readonly settings?: PolicySource;
  /** Names of pipeline variables whose values are kept, and where a request id in them belongs. */
  readonly variables: {
    readonly accessRequest: string;
    readonly change: string;
    readonly requestSystem: string;
    readonly requestScope?: string;
  };
}

export type ParseResult =
  | { readonly ok: true; readonly events: readonly AuditEvent[] }
  | { readonly ok: false; readonly reason: Reason; readonly detail: string };

/** Refuses a record; `detail` names the field and what was found, never its value. */
export function refuse(reason: Reason, detail: string): ParseResult {
  return { ok: false, reason, detail };
}

/**
 * A value in the record that must not be stored. `path` is a pattern over JSON path segments, from the top of the
 * native event: `*` one segment (array indexes too), `**` any number. The value becomes "[REDACTED:<rule>]": string,
 * number, object or array as a whole; where the path ends with `**`, only each string and number under it. Kept as they
 * are: null, true, false, "", masks (`****`, `[REDACTED...]`) and `hmac-sha256:<64 hex digits>`, which tell no secret.
 */
export interface RedactionRule {
  readonly path: readonly string[];
  readonly rule: string;
  /** Only a part of a string is replaced, by `redactPart` of redact-part.ts. Absent: all of it. */
  readonly part?: TextPart;
  /**
   * For lists of name and value: the value stays where the object that holds it has a member `key` or `name` with one
   * of these texts. Present, even empty, it also admits the variables that the policy file keeps.
   */
  readonly keep?: readonly string[];
  /** Names of members that stay, where the path ends with `*` or `**`. */
  readonly except?: readonly string[];
  /** Only where the string at this exact path of the native event is one of these. Absent: always. */
  readonly when?: { readonly path: readonly string[]; readonly in: readonly string[] };
}

/** One source: how its deliveries are cut into events, what must be redacted, what its records mean. */
export interface SourceAdapter {
  readonly source: Source;
  readonly family: Family;
  /** Where a delivery holds many events: JSON paths to arrays, [] for a top-level array. First that fits is used. */
  readonly containers: readonly (readonly string[])[];
  /** Where the source also writes lines of text: the member under which such a line of a file becomes a record. */
  readonly textLines?: string;
  /** Fields whose value is always replaced, on top of the scanner of secrets (sources.md 3.6 and 1.x "Redact"). */
  readonly redact: readonly RedactionRule[];
  /** Pure: no clock, no I/O, never throws for any JSON value. */
  parse(input: ParseInput): ParseResult;
}
