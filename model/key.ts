/**
 * The grammar of keys (sources.md 2.4). A key is `<type>:<scope>/<id>`; its class says how the walk may use it:
 * chain keys are walked both ways, session keys are climbed to but never descended from, hub keys are never walked
 * (they would join the whole company into one chain) and serve search and identity.
 */
export type KeyClass = 'chain' | 'session' | 'hub';

/** The type of a key and its class unless the value is too common to be one flow (see `keyAs`). */
export const KEY_TYPES = {
  'gitlab:pipeline': 'chain',
  'gitlab:job': 'chain',
  'gitlab:deployment': 'chain',
  'gitlab:mr': 'chain',
  'gitlab:mriid': 'hub',
  'gitlab:project': 'hub',
  'gitlab:group': 'hub',
  'gitlab:env': 'hub',
  'gitlab:runner': 'hub',
  'gitlab:user': 'hub',
  'gitlab:identity': 'hub',
  'gitlab:commit': 'hub',
  'token:jti': 'chain',
  'token:sha256': 'chain',
  'token:uti': 'chain',
  'okta:tokenhash': 'chain',
  'aws:accesskey': 'chain',
  'aws:session': 'chain',
  'aws:sourceidentity': 'hub',
  'aws:sharedevent': 'chain',
  'aws:request': 'chain',
  'aws:awstoken': 'chain',
  'aws:saml': 'chain',
  'aws:role': 'hub',
  'aws:user': 'hub',
  'aws:account': 'hub',
  'aws:resource': 'hub',
  'vault:accessor': 'chain',
  'vault:accessor-hmac': 'chain',
  'vault:token-hmac': 'chain',
  'vault:request': 'chain',
  'vault:lease': 'chain',
  'vault:wrap': 'chain',
  'vault:wrap-token-hmac': 'chain',
  'vault:entity': 'hub',
  'vault:path': 'hub',
  'k8s:request': 'chain',
  'k8s:credential-id': 'chain',
  'k8s:pod': 'chain',
  'k8s:sa': 'hub',
  'k8s:user': 'hub',
  'k8s:object': 'hub',
  'idp:user': 'hub',
  email: 'hub',
  'okta:session': 'session',
  'okta:rootsession': 'session',
  'okta:txn': 'chain',
  'okta:group': 'hub',
  'entra:session': 'session',
  'entra:correlation': 'chain',
  'entra:group': 'hub',
  'entra:app': 'hub',
  'keycloak:session': 'session',
  'keycloak:client': 'hub',
  'teleport:session': 'chain',
  'teleport:cert': 'chain',
  'teleport:botinstance': 'chain',
  'teleport:user': 'hub',
  'teleport:node': 'hub',
  'github:run': 'chain',
  'github:user': 'hub',
  'github:org': 'hub',
  'github:repo': 'hub',
  'github:token': 'hub',
  'idp:session': 'session',
  'os:user': 'hub',
  'hoop:session': 'chain',
  'hoop:review': 'chain',
  'hoop:connection': 'hub',
  'access-request': 'chain',
  grant: 'chain',
  change: 'chain',
  txn: 'chain',
  trace: 'chain',
  policy: 'hub',
  stream: 'hub',
  event: 'hub',
  ip: 'hub',
} as const satisfies Record<string, KeyClass>;

export type KeyType = keyof typeof KEY_TYPES;

/** A typed identifier that an event names. */
export interface Key {
  readonly key: string;
  readonly type: KeyType;
  readonly class: KeyClass;
}

// Words by which sources say "nothing" (sources.md 0.5). A key built from one would join what has nothing in common.
const SENTINELS = new Set(['', '-', '0', 'null', '<null>', '(null)', 'unknown', 'none', 'n/a', 'undefined', 'nil']);
const LONGEST_SENTINEL = Math.max(...[...SENTINELS].map((word) => word.length));
const MAX_ID_CHARS = 1_024;

/** An identifier as text, or undefined if it is a sentinel, too long, or neither text nor a whole number. */
export function identifier(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? String(value) : undefined;
  if (typeof value !== 'string' || value.length > MAX_ID_CHARS) return undefined;
  const text = value.trim();
  // What was redacted, by us or by the source (GitLab writes "[REDACTED]"), is the same text for different values.
  const isNothing = text.length <= LONGEST_SENTINEL && SENTINELS.has(text.toLowerCase());
  return isNothing || text.startsWith('[REDACTED') ? undefined : escapeControls(text);
}

/** A whole positive number as decimal text without leading zeros, from a number or from digits (sources.md 0.6). */
export function decimalId(value: unknown): string | undefined {
  const text = identifier(value);
  return text !== undefined && /^\d{1,20}$/.test(text) ? text.replace(/^0+(?=\d)/, '') : undefined;
}

// What needs no work: by far the most hosts that come here.
const PLAIN_HOST = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/;

/** Host in canonical form: lower case, without scheme, path, default port and trailing dot. */
export function normaliseHost(value: unknown): string | undefined {
  const text = identifier(value)?.toLowerCase();
  if (text === undefined) return undefined;
  if (PLAIN_HOST.test(text)) return text;
  const host = text
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, '')
    .replace(/[/?#].*$/, '')
    .replace(/^[^@]*@/, '')
    .replace(/:(?:80|443)$/, '')
    .replace(/\.$/, '');
  return host === '' ? undefined : host;
}

/** Issuer exactly as in `iss`, only a trailing slash removed. */
export function normaliseIssuer(value: unknown): string | undefined {
  return identifier(value)?.replace(/\/+$/, '');
}

/** E-mail in lower case and NFC, neither plus nor dots folded; undefined without an @ and for "[REDACTED]". */
export function normaliseEmail(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.includes('@')) return undefined;
  const text = identifier(value)?.normalize('NFC').toLowerCase();
  return text !== undefined && /^[^\s@/[\]]+@[^\s@/[\]]+$/.test(text) ? text : undefined;
}

/** A key of a type from its scope and id; undefined if either is a sentinel. Types without scope pass `undefined`. */
export function keyOf(type: KeyType, scope: string | undefined, id: unknown): Key | undefined {
  const text = identifier(id);
  if (text === undefined) return undefined;
  return { key: scope === undefined ? `${type}:${text}` : `${type}:${scope}/${text}`, type, class: KEY_TYPES[type] };
}

/** The same key with another class: a session name that repeats is a hub, a certificate is a session. */
export function keyAs(key: Key, keyClass: KeyClass): Key {
  return { ...key, class: keyClass };
}

/** The type of a key given as text: the longest known type that it begins with, or undefined. */
export function typeOfKey(key: string): KeyType | undefined {
  const parts = key.split(':', 2);
  const long = `${parts[0]}:${parts[1] ?? ''}`;
  if (Object.hasOwn(KEY_TYPES, long)) return long as KeyType;
  const short = parts[0] ?? '';
  return Object.hasOwn(KEY_TYPES, short) ? (short as KeyType) : undefined;
}

/** A key given as text, read back; undefined if its type is unknown or nothing follows the type. */
export function parseKey(text: string): Key | undefined {
  const type = typeOfKey(text);
  if (type === undefined || text.length <= type.length + 1) return undefined;
  return { key: text, type, class: KEY_TYPES[type] };
}

/** The key by which people name an event: `event:<family>/<native id>`. */
export function eventKey(family: string, nativeId: string): string {
  return `event:${family}/${escapeControls(nativeId)}`;
}

/** The family and the native id of an event's name; undefined if it is none. The family itself holds no "/". */
export function parseEventName(name: string): { readonly family: string; readonly nativeId: string } | undefined {
  const found = /^event:([a-z0-9.]+)\/(.+)$/s.exec(name);
  return found ? { family: found[1] ?? '', nativeId: found[2] ?? '' } : undefined;
}

// eslint-disable-next-line no-control-regex -- the point is to find control characters
const CONTROLS = /[\u0000-\u001f\u007f]/;
// eslint-disable-next-line no-control-regex -- the same, each of them
const EACH_CONTROL = /[\u0000-\u001f\u007f]/g;

function escapeControls(text: string): string {
  // To ask first costs a fifth of a replacement, and all but hostile ids have none.
  if (!CONTROLS.test(text)) return text;
  return text.replace(EACH_CONTROL, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);
}
