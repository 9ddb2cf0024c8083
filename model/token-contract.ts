import {
  REVIEW_EVENT_TYPE,
  TOKEN_BOUNDS,
  cloudEventSchema,
  isTokenEventType,
  reviewDataSchema,
  tokenEventDataSchema,
} from './token-event.ts';
import type { TokenEventType } from './token-event.ts';
import { identityDataSchema, isIdentityEventType } from './identity-event.ts';

/** What each type must have in `data`, beyond the schema (sources.md 3.2). An inner list means: one of these. */
const OBLIGATORY: Readonly<Record<TokenEventType, readonly (string | readonly string[])[]>> = {
  'io.accessaudit.token.requested.v1': ['request_id', 'requester'],
  'io.accessaudit.token.approved.v1': ['request_id', 'approval'],
  'io.accessaudit.token.denied.v1': ['request_id', 'approval'],
  'io.accessaudit.token.issued.v1': ['token', 'subject'],
  'io.accessaudit.token.exchanged.v1': ['token', 'parent_tokens', 'subject'],
  'io.accessaudit.token.used.v1': ['token', 'target'],
  'io.accessaudit.token.revoked.v1': [['token', 'scope']],
  'io.accessaudit.token.expired.v1': ['token'],
};

/** What a type must have in `data`, beyond the schema. An inner list means: one of these. */
export function obligatoryFor(type: TokenEventType): readonly (string | readonly string[])[] {
  return OBLIGATORY[type];
}

/** A breach of the contract: where in the event (JSON path) and what is wrong with it, never the value found. */
export interface Breach {
  readonly path: string;
  readonly message: string;
}

/**
 * How one CloudEvent in its structured form breaks the contract; empty where it keeps it. A type that is not ours is
 * judged by its envelope alone.
 */
export function breachesOf(json: unknown): readonly Breach[] {
  const envelope = cloudEventSchema.safeParse(json);
  if (!envelope.success) return envelope.error.issues.map((issue) => toBreach(issue, ''));
  const { type, data, time } = envelope.data;
  const isReview = type === REVIEW_EVENT_TYPE;
  const isIdentity = isIdentityEventType(type);
  if (!isReview && !isIdentity && !isTokenEventType(type)) return [];
  const breaches: Breach[] = time ? [] : [{ path: 'time', message: 'is needed to place the event' }];
  const schema = isReview ? reviewDataSchema : isIdentity ? identityDataSchema : tokenEventDataSchema;
  const read = schema.safeParse(data);
  if (!read.success) return [...breaches, ...read.error.issues.map((issue) => toBreach(issue, 'data'))];
  return isReview || isIdentity ? breaches : [...breaches, ...missingOf(type, read.data)];
}

/** The first bound of sources.md 3.4 that a CloudEvent passes, with its path and the limit; undefined if none. */
export function boundFaultOf(json: unknown): (Breach & { readonly limit: number }) | undefined {
  const data = json !== null && typeof json === 'object' && 'data' in json ? json.data : undefined;
  if (data !== null && typeof data === 'object') {
    const { actors, parent_tokens: parents } = data as { actors?: unknown; parent_tokens?: unknown };
    if (Array.isArray(actors) && actors.length > TOKEN_BOUNDS.actors)
      return fault('data.actors', 'has too many entries', TOKEN_BOUNDS.actors);
    if (Array.isArray(parents) && parents.length > TOKEN_BOUNDS.parentTokens)
      return fault('data.parent_tokens', 'has too many entries', TOKEN_BOUNDS.parentTokens);
  }
  return longString(json, '');
}

// Recursion is safe here: the depth of the JSON was limited before it was parsed.
function longString(value: unknown, path: string): ReturnType<typeof boundFaultOf> {
  const limit = path === 'dssematerial' ? TOKEN_BOUNDS.material : TOKEN_BOUNDS.string;
  if (typeof value === 'string') return value.length > limit ? fault(path, 'is too long', limit) : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, item] of Object.entries(value)) {
    const inner = Array.isArray(value) ? `${path}[${key}]` : join(path, key.slice(0, 64));
    if (key.length > TOKEN_BOUNDS.string) return fault(inner, 'has too long a name', TOKEN_BOUNDS.string);
    const found = longString(item, inner);
    if (found) return found;
  }
  return undefined;
}

function missingOf(type: string, data: Readonly<Record<string, unknown>>): readonly Breach[] {
  if (!isTokenEventType(type)) return [];
  return OBLIGATORY[type].flatMap((needed) => {
    const names = typeof needed === 'string' ? [needed] : needed;
    return names.some((name) => isGiven(data[name]))
      ? []
      : [{ path: `data.${names.join(' or data.')}`, message: `is needed for ${type}` }];
  });
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

function toBreach(issue: { readonly path: readonly PropertyKey[]; readonly message: string }, base: string): Breach {
  const path = issue.path.reduce<string>(
    (done, part) => (typeof part === 'number' ? `${done}[${part}]` : join(done, String(part))),
    base,
  );
  const message = issue.message
    .replace(/^Invalid input: expected .*, received undefined$/, 'is missing')
    .replace(/^Invalid (?:input|option): expected /, 'must be ');
  return { path: path || '(event)', message };
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function fault(path: string, message: string, limit: number): Breach & { readonly limit: number } {
  return { path, message, limit };
}
