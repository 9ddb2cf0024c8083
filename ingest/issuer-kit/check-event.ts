import { boundFaultOf, breachesOf } from '../../model/token-contract.ts';
import { TOKEN_BOUNDS } from '../../model/token-event.ts';
import type { Fault } from './kit-error.ts';
import { findMaterial } from './material.ts';

/** Bounds of the contract that an issuer must know (sources.md 3.4), in bytes and entries. */
export const BOUNDS: {
  readonly eventBytes: number;
  readonly batchBytes: number;
  readonly actors: number;
  readonly parentTokens: number;
  readonly string: number;
  readonly depth: number;
} = {
  eventBytes: TOKEN_BOUNDS.eventBytes,
  batchBytes: TOKEN_BOUNDS.batchBytes,
  actors: TOKEN_BOUNDS.actors,
  parentTokens: TOKEN_BOUNDS.parentTokens,
  string: TOKEN_BOUNDS.string,
  // One less for each array that a batch or a transport may put around it.
  depth: 30,
};

const REVOKE =
  'Never send a token, only iss and jti, or its SHA-256. Revoke what was written here: it may stand in logs.';

// The first that matches the path says what to do; each is about what the field is for.
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/^specversion/, 'Write "specversion": "1.0".'],
  [/^id$/, 'Give each event an id of its own (a UUIDv7), and keep it when a delivery is repeated.'],
  [/^source$/, 'Write the stable URI of this installation, the one that is registered with Custody.'],
  [/^type$/, 'Write one of the types of the contract, such as io.accessaudit.token.issued.v1.'],
  [/^(?:time|recordedtime)$|_at$|not_before$/, 'Write RFC 3339 with a zone, such as 2026-08-20T09:15:38.010442Z.'],
  [/schema_version/, 'Write "schema_version": 1 in data.'],
  [/sha256/, 'Write the SHA-256 of the whole token as 64 hexadecimal digits.'],
  [/token.*scope/, 'Name the token, or in scope the subject, session or job whose tokens are revoked.'],
  [/parent_tokens/, 'Name the token that was taken in exchange: iss and jti from its verified claims.'],
  [/token/, 'Name the token: iss and jti, or for one without jti the sha256 of what is sent.'],
  [/request_id/, 'Give the request an id, and repeat it in all events that follow from it.'],
  [/(?:subject|requester|actors|decision_by|reviewer|aliases)/, 'Name the party by iss and sub, as its provider does.'],
  [/approval/, 'Say how it was decided: {"mode": "human" | "policy" | "pre_approved" | "break_glass", ...}.'],
  [/target/, 'Say where: {"type": "aws_role", "name": "arn:..."} or another type of target.'],
  [/^data/, 'Write the data that the contract names for this type.'],
];

/**
 * What is wrong with a CloudEvent in its structured form by the contract, each fault with its place and what to do;
 * empty where the door would take it. By the same rules as the door. Never throws, whatever the value is.
 */
export function checkEvent(event: unknown): readonly Fault[] {
  if (depthOf(event, BOUNDS.depth) > BOUNDS.depth)
    return [fault('', 'bounds', `is nested deeper than ${BOUNDS.depth} levels`, 'Nest less deeply.')];
  const bytes = bytesOf(event);
  if (bytes === undefined)
    return [fault('', 'invalid_json', 'cannot be written as JSON', 'Use texts, numbers, lists and objects only.')];
  if (bytes > BOUNDS.eventBytes) {
    const message = `has ${bytes} bytes, and at most ${BOUNDS.eventBytes} are taken`;
    return [fault('', 'too_large', message, 'Shorten lists and texts; send references instead of content.')];
  }
  const material = findMaterial(event).map(({ path, rule }) =>
    fault(path, 'token_material_present', `holds token material (${rule})`, REVOKE),
  );
  if (material.length > 0) return material;
  const bound = boundFaultOf(event);
  if (bound)
    return [
      fault(bound.path, 'bounds', `${bound.message}: at most ${bound.limit}`, 'Keep the field within its limit.'),
    ];
  return breachesOf(event).map(({ path, message }) => fault(path, 'contract', message, remedyFor(path)));
}

function bytesOf(event: unknown): number | undefined {
  try {
    const text = JSON.stringify(event) as string | undefined;
    return text === undefined ? undefined : Buffer.byteLength(text);
  } catch {
    return undefined;
  }
}

function remedyFor(path: string): string {
  return REMEDIES.find(([pattern]) => pattern.test(path))?.[1] ?? 'See the schema in contract/token-event.schema.json.';
}

function fault(path: string, code: Fault['code'], message: string, remedy: string): Fault {
  return { path, code, message, remedy };
}

// Level by level and no deeper than asked, so that neither depth nor a cycle can break it.
function depthOf(value: unknown, limit: number): number {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= limit + 1; depth += 1) {
    level = level.flatMap((item) =>
      item !== null && typeof item === 'object' ? (Object.values(item) as unknown[]) : [],
    );
    if (level.length === 0) return depth;
  }
  return limit + 1;
}
