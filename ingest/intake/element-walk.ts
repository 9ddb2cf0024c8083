import type { NameClass } from '../../model/secret-names.ts';
import type { RedactionRule } from '../sources/adapter.ts';
import { KIND } from './json-scalar.ts';
import { keyInfoAt } from './key-info.ts';
import type { PathState } from './path-rules.ts';
import type { Redaction, ScanFault, ScanLimits } from './scan-types.ts';
import { afterValue, kindOf, readText } from './tape-walk.ts';
import type { ReadText } from './tape-walk.ts';

/** What holds for all elements of a delivery. */
export interface RedactionPlan {
  readonly rules: PathState;
  readonly keep: ReadonlySet<string>;
  readonly limits: ScanLimits;
  readonly secrets: 'redact' | 'refuse';
  /** Text that holds JSON of the same source, redacted by the same rules. */
  readonly redactJson: (text: string, rule: string) => string;
}

/** An object or array that the walk is in. */
export interface Frame {
  readonly token: number;
  readonly state: PathState;
  /** What the name of the field says, handed down to the items of an array. */
  readonly name: NameClass;
  /** It is the value of a key "constructor". */
  readonly ofConstructor: boolean;
  key: number;
  index: number;
  valueState: PathState;
  valueName: NameClass;
  /** The key is "value", and "constructor". */
  isPairValue: boolean;
  isConstructor: boolean;
  /** Member `key` or `name`, for lists of name and value; null: looked for and absent. */
  pairName: string | null | undefined;
  hasAwsId: boolean | undefined;
}

/** One element on its way through the walk. */
export interface Walk {
  readonly read: ReadText;
  readonly root: number;
  readonly plan: RedactionPlan;
  readonly frames: Frame[];
  readonly edits: { readonly start: number; readonly end: number; readonly text: string }[];
  readonly redactions: Redaction[];
  keys: number;
  duplicateKeys: boolean;
  fault: ScanFault | undefined;
  /** Whether the condition of a rule holds for this element. */
  readonly meant: Map<RedactionRule, boolean>;
}

// So many are listed by path; a record with more says so in its last entry.
const MOST_LISTED = 100;
const LONGEST_SEGMENT = 64;

/** Replaces a whole token by a text. */
export function replaceToken(walk: Walk, token: number, text: string, rule: string): void {
  noteRedaction(walk, token, rule);
  const { starts, ends } = walk.read.tape;
  walk.edits.push({ start: starts[token] ?? 0, end: ends[token] ?? 0, text: JSON.stringify(text) });
}

/** Notes what was found and where; for an issuer's event it is a fault that ends the walk. */
export function noteRedaction(walk: Walk, token: number, rule: string): void {
  const path = pathOf(walk);
  if (walk.redactions.length < MOST_LISTED) walk.redactions.push([path, rule]);
  else if (walk.redactions.length === MOST_LISTED) walk.redactions.push(['*', 'more']);
  if (walk.plan.secrets === 'redact') return;
  const position = walk.read.tape.starts[token] ?? 0;
  walk.fault = {
    reason: 'token_material_present',
    detail: `${path || 'the event'} holds a secret (${rule})`,
    position,
  };
}

/** The element with all edits made: a view of the delivery where there is none. */
export function applyEdits(walk: Walk): Buffer {
  const { bytes, tape } = walk.read;
  let from = tape.starts[walk.root] ?? 0;
  const end = tape.ends[walk.root] ?? afterValue(tape, walk.root);
  if (walk.edits.length === 0) return bytes.subarray(from, end);
  const parts: Buffer[] = [];
  for (const edit of walk.edits) {
    parts.push(bytes.subarray(from, edit.start), Buffer.from(edit.text));
    from = edit.end;
  }
  return Buffer.concat([...parts, bytes.subarray(from, end)]);
}

/** Where the walk is, as `a.b[0]["odd key"]`. A key that is a secret itself is not told. */
function pathOf(walk: Walk): string {
  let path = '';
  for (const frame of walk.frames) {
    if (kindOf(walk.read.tape, frame.token) === KIND.array) {
      path += `[${frame.index}]`;
      continue;
    }
    const key = readText(walk.read, frame.key);
    if (keyInfoAt(walk.read, frame.key).secret !== undefined) path += '[REDACTED]';
    else if (/^[A-Za-z_][\w-]{0,63}$/.test(key)) path += path === '' ? key : `.${key}`;
    else path += `[${JSON.stringify(key.slice(0, LONGEST_SEGMENT))}]`;
  }
  return path;
}
