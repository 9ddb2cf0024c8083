import type { Facts } from '../../model/facts.ts';
import type { Key } from '../../model/key.ts';
import { awsAccessKey } from '../../model/keys.ts';
import type { PolicySource } from '../../model/policy.ts';
import type { Micros } from '../../model/time.ts';
import { addEdge, addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, getNumber, getString, isObject } from './read.ts';
import type { Doc } from './read.ts';
import { addBirthClaims, mentionClaims } from './vault-claims.ts';
import type { VaultEntry } from './vault-entry.ts';
import { accessorKey, isHashed, leaseKey, tokenHmacKey, wrapKey, wrapTokenKey } from './vault-keys.ts';
import type { VaultScope } from './vault-keys.ts';

type Credential = NonNullable<Facts['credential']>;

/** What the keys and edges of an entry say of tokens, for its facts. */
export interface VaultLinks {
  /** The token that the request was made with. */
  readonly used?: Key;
  readonly credential?: Credential;
}

interface Context {
  readonly draft: Draft;
  readonly entry: Doc;
  readonly read: VaultEntry;
  readonly scope: VaultScope;
  readonly settings: PolicySource | undefined;
  readonly time: Micros;
}

/**
 * Adds the keys and edges of an entry: E13b and E21 to E25 of sources.md 2.4.1, as 1.10.1 measured them. Edges come
 * from answers that succeeded; a request entry, and a refusal, only name the token that was sent.
 */
export function addVaultLinks(context: Context): VaultLinks {
  const { read, entry } = context;
  const used = addUsed(context);
  if (read.phase !== 'response' || read.outcome !== 'success') return compact<VaultLinks>({ used });
  const made = addMade(context, used);
  const wrap = addWrap(context, used ?? (read.kind === 'login' ? made.token : undefined));
  addLease(context, read.kind === 'unwrap' ? unwrapped(context) : used);
  if (read.kind === 'unwrap') addUnwrapped(context);
  if (read.kind === 'rewrap' && wrap) {
    addEdge(context.draft, unwrapped(context), wrap, { relation: 'wrapped', rule: 'E25' });
  }
  if (!made.credential && read.kind !== 'login') mentionClaims(context.draft, entry, context.settings);
  return compact<VaultLinks>({ used, credential: made.credential });
}

// The token of the caller. Of a login it is a token that happened to be sent along, so it is only mentioned.
function addUsed(context: Context): Key | undefined {
  const { draft, entry, read, scope } = context;
  const role = read.kind === 'login' ? 'mentions' : 'uses';
  const sent = getString(entry, 'request', 'client_token_accessor');
  const hash = tokenHmacKey(scope, getString(entry, 'request', 'client_token'));
  const own = read.kind === 'login' ? undefined : (sent ?? getString(entry, 'auth', 'accessor'));
  // A wrapping token that unwraps itself is a credential of its own sort.
  const isWrap = read.kind === 'unwrap' && getString(entry, 'request', 'data', 'token') === undefined;
  const accessor = isWrap ? wrapKey(scope, own) : accessorKey(scope, own ?? sent);
  addKey(draft, accessor, role, 'request.client_token_accessor');
  addKey(draft, hash, isWrap ? 'mentions' : role, 'request.client_token');
  if (isWrap)
    addKey(draft, wrapTokenKey(scope, getString(entry, 'request', 'client_token')), role, 'request.client_token');
  // Equal hashes of the token that logged in show a replay, also across refused logins.
  if (read.kind === 'login')
    addKey(draft, tokenHmacKey(scope, getString(entry, 'request', 'data', 'jwt')), 'mentions', 'request.data.jwt');
  return read.kind === 'login' ? undefined : (accessor ?? hash);
}

/** The token that an answer made or prolonged. */
function addMade(context: Context, used: Key | undefined): { readonly token?: Key; readonly credential?: Credential } {
  const { read } = context;
  if (read.kind === 'login') return addLogin(context);
  if (read.kind === 'create') return addChild(context, used);
  if (read.kind === 'renew') return addRenewed(context);
  if (read.kind === 'revoke') addRevoked(context, used);
  return {};
}

/**
 * A login: the new token is `auth.accessor` of the answer. A batch token has none and is known by its hash; but if the
 * call carried another token, the hashes are of that one, and bind nothing.
 */
function addLogin(context: Context): { readonly token?: Key; readonly credential?: Credential } {
  const { draft, entry, scope, settings, time } = context;
  const accessor = accessorKey(scope, getString(entry, 'auth', 'accessor'));
  const carried = getString(entry, 'request', 'client_token') !== undefined;
  const hash = carried ? undefined : tokenHmacKey(scope, getString(entry, 'auth', 'client_token'));
  const born = addKey(draft, accessor ?? hash, 'creates', accessor ? 'auth.accessor' : 'auth.client_token');
  if (!born) return {};
  if (accessor) bindHash(draft, accessor, hash, 'auth.client_token');
  const mountType = context.read.mountType;
  const isJwt = mountType === 'jwt' || mountType === 'oidc';
  if (isJwt) addBirthClaims(draft, entry, settings, born);
  return {
    token: born,
    credential: lifeOf(born, time, getNumber(entry, 'auth', 'token_ttl'), {
      target: targetOf(scope, getString(entry, 'auth', 'metadata', 'role')),
      method: 'login',
    }),
  };
}

// A child of the caller's token: named in the answer, or only inside the wrap.
function addChild(context: Context, used: Key | undefined): { readonly token?: Key; readonly credential?: Credential } {
  const { draft, entry, scope, time } = context;
  const shown = accessorKey(scope, getString(entry, 'response', 'auth', 'accessor'));
  const hash = tokenHmacKey(scope, getString(entry, 'response', 'auth', 'client_token'));
  const wrapped = accessorKey(scope, getString(entry, 'response', 'wrap_info', 'wrapped_accessor'));
  const child = addKey(
    draft,
    shown ?? wrapped ?? hash,
    'creates',
    shown ? 'response.auth.accessor' : 'response.wrap_info.wrapped_accessor',
  );
  if (!child) return {};
  addEdge(draft, used, child, { relation: 'created', rule: 'E22' });
  if (shown) bindHash(draft, shown, hash, 'response.auth.client_token');
  const ttl = getNumber(entry, 'response', 'auth', 'token_ttl');
  return {
    token: child,
    credential: lifeOf(child, time, ttl, { target: targetOf(scope, undefined), method: 'token_create' }),
  };
}

// What is renewed may be another's token, named by its accessor: no birth, no edge (1.10.1, Renew).
function addRenewed(context: Context): { readonly credential?: Credential } {
  const { draft, entry, scope, time } = context;
  const renewed = accessorKey(scope, getString(entry, 'response', 'auth', 'accessor'));
  if (!renewed) return {};
  if (!draft.keys.some((key) => key.key === renewed.key && key.role === 'uses'))
    addKey(draft, renewed, 'subject', 'response.auth.accessor');
  const life = lifeOf(renewed, time, getNumber(entry, 'response', 'auth', 'token_ttl'), {});
  return { credential: { ...life, renewed: true } };
}

function addRevoked(context: Context, used: Key | undefined): void {
  const { draft, entry, read, scope } = context;
  if (read.local.endsWith('revoke-self')) {
    addKey(draft, used, 'ends', 'request.client_token_accessor');
    return;
  }
  addKey(draft, accessorKey(scope, getString(entry, 'request', 'data', 'accessor')), 'ends', 'request.data.accessor');
  addKey(draft, tokenHmacKey(scope, getString(entry, 'request', 'data', 'token')), 'ends', 'request.data.token');
}

/** A wrapped answer: creator -> wrap -> what it holds. The hash of the wrapping token is how an unwrap may name it. */
function addWrap(context: Context, creator: Key | undefined): Key | undefined {
  const { draft, entry, read, scope } = context;
  if (!isObject(at(entry.json, 'response', 'wrap_info'))) return undefined;
  const wrap = addKey(
    draft,
    wrapKey(scope, getString(entry, 'response', 'wrap_info', 'accessor')),
    'creates',
    'response.wrap_info.accessor',
  );
  const token = wrapTokenKey(scope, getString(entry, 'response', 'wrap_info', 'token'));
  addKey(draft, token, 'creates', 'response.wrap_info.token');
  addEdge(draft, wrap, token, { relation: 'same_as', rule: 'E25' });
  // A wrapped login holds the new token itself: whoever made the login made the wrap.
  if (read.kind === 'login') {
    const login = draft.edges.find((edge) => edge.rule === 'E21' && edge.relation === 'login');
    addEdge(draft, login?.parent, wrap, { relation: 'wrapped', rule: 'E25' });
    return wrap;
  }
  addEdge(draft, creator, wrap, { relation: 'wrapped', rule: 'E25' });
  return wrap;
}

// The wrapping token of an unwrap or rewrap: in the body, else it is the token of the caller.
function unwrapped(context: Context): Key | undefined {
  const { draft, entry, scope } = context;
  const inBody = wrapTokenKey(scope, getString(entry, 'request', 'data', 'token'));
  if (inBody) return addKey(draft, inBody, 'uses', 'request.data.token');
  return wrapKey(scope, getString(entry, 'request', 'client_token_accessor'));
}

function addUnwrapped(context: Context): void {
  const { draft, entry, scope } = context;
  const held = accessorKey(scope, getString(entry, 'response', 'auth', 'accessor'));
  addKey(draft, held, 'subject', 'response.auth.accessor');
  addEdge(draft, unwrapped(context), held, { relation: 'wrapped', rule: 'E25' });
}

/**
 * A lease and the AWS key that came with it. Leases that are renewed, looked up or revoked are not made: a renewal shows
 * the id in clear to whoever renews, which teaches the hash of it but does not make the lease theirs.
 */
function addLease(context: Context, parent: Key | undefined): void {
  const { draft, entry, read, scope } = context;
  const shown = leaseKey(scope, getString(entry, 'response', 'secret', 'lease_id'));
  if (read.kind === 'lease') {
    const named = getString(entry, 'request', 'data', 'lease_id');
    const inPath = /^sys\/(?:leases\/)?revoke\/(.+)$/.exec(read.local)?.[1];
    const role = read.action === 'credential.delete' ? 'ends' : 'mentions';
    const given = addKey(
      draft,
      leaseKey(scope, named ?? inPath),
      role,
      named === undefined ? 'request.path' : 'request.data.lease_id',
    );
    addKey(draft, shown, 'mentions', 'response.secret.lease_id');
    if (isHashed(named)) addEdge(draft, shown, given, { relation: 'same_as', rule: 'E23' });
    return;
  }
  const lease = addKey(draft, shown, 'creates', 'response.secret.lease_id');
  addEdge(draft, parent, lease, { relation: 'leased', rule: 'E23' });
  const accessKey = awsAccessKey(getString(entry, 'response', 'data', 'access_key'));
  addKey(draft, accessKey, 'creates', 'response.data.access_key');
  if (accessKey?.class === 'chain') addEdge(draft, lease ?? parent, accessKey, { relation: 'leased', rule: 'E24' });
}

function bindHash(draft: Draft, accessor: Key, hash: Key | undefined, field: string): void {
  addKey(draft, hash, 'creates', field);
  addEdge(draft, accessor, hash, { relation: 'same_as', rule: 'E21' });
}

function lifeOf(
  key: Key,
  time: Micros,
  ttl: number | undefined,
  more: { readonly target?: string; readonly method?: string },
): Credential {
  const lives = ttl !== undefined && ttl > 0 && ttl < 1e9 ? Math.round(ttl) : undefined;
  return compact<Credential>({
    key: key.key,
    issued_at: time,
    expires_at: lives === undefined ? undefined : time + lives * 1_000_000,
    ttl_s: lives,
    target: more.target,
    method: more.method,
  });
}

function targetOf(scope: VaultScope, role: string | undefined): string {
  return role === undefined ? `vault://${scope.cluster}` : `vault://${scope.cluster}/role/${role}`;
}
