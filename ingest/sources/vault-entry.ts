import type { Action, Outcome } from '../../model/action.ts';
import { at, getString, isObject } from './read.ts';
import type { Doc } from './read.ts';

/** What one entry of an audit device says of its request (sources.md 1.10, 1.10.1). */
export interface VaultEntry {
  readonly phase: 'request' | 'response' | 'other';
  readonly operation: string;
  /** Path from the root, the namespace included; "" where the entry names none. */
  readonly path: string;
  /** Path within its namespace, without a leading slash: what the server's own paths are recognised by. */
  readonly local: string;
  readonly mountType?: string;
  readonly kind: VaultKind;
  readonly action: Action;
  readonly outcome: Outcome;
  readonly write: boolean;
}

/** What a path of the server itself is for; `call` is everything else. */
export type VaultKind =
  | 'login'
  | 'create'
  | 'renew'
  | 'revoke'
  | 'lease'
  | 'wrap'
  | 'unwrap'
  | 'rewrap'
  | 'auth'
  | 'sys'
  | 'call';

/** Reads kind, action and outcome of an entry. */
export function readEntry(entry: Doc): VaultEntry {
  const type = getString(entry, 'type');
  const phase = type === 'request' || type === 'response' ? type : 'other';
  const operation = getString(entry, 'request', 'operation') ?? '';
  const local = (getString(entry, 'request', 'path') ?? '').replace(/^\/+/, '');
  const namespace = (getString(entry, 'request', 'namespace', 'path') ?? '').replace(/^\/+/, '');
  const mountType = getString(entry, 'request', 'mount_type') ?? getString(entry, 'response', 'mount_type');
  const inside = namespace !== '' && local.startsWith(namespace) ? local.slice(namespace.length) : local;
  const kind = kindOf(inside, operation);
  return {
    phase,
    operation,
    path: namespace === '' || local.startsWith(namespace) ? local : `${namespace}${local}`,
    local: inside,
    ...(mountType !== undefined && { mountType }),
    kind,
    action: actionOf(entry, kind, operation, mountType),
    outcome: phase === 'other' ? 'unknown' : outcomeOf(entry, phase, kind, inside),
    write:
      kind === 'call' &&
      (operation === 'create' || operation === 'update' || operation === 'patch' || operation === 'delete'),
  };
}

function kindOf(path: string, operation: string): VaultKind {
  if (path.startsWith('auth/token/')) {
    const verb = path.slice('auth/token/'.length);
    if (/^create(?:$|-orphan$|\/)/.test(verb)) return 'create';
    if (/^renew(?:$|-self$|-accessor$|\/)/.test(verb)) return 'renew';
    if (/^revoke(?:$|-self$|-accessor$|-orphan$|\/)/.test(verb)) return 'revoke';
    return 'auth';
  }
  // Every method logs in at "login" or below it (jwt/cel/login, userpass/login/<name>), or at an OIDC callback.
  const isWrite = operation === 'update' || operation === 'create';
  if (isWrite && /^auth\/.+\/login(?:\/|$)/.test(path)) return 'login';
  if (/^auth\/.+\/oidc\/callback$/.test(path)) return 'login';
  if (path.startsWith('sys/wrapping/')) {
    const verb = path.slice('sys/wrapping/'.length);
    return verb === 'unwrap' || verb === 'wrap' || verb === 'rewrap' ? verb : 'sys';
  }
  if (/^sys\/(?:leases\/)?(?:renew|revoke|lookup)/.test(path)) return 'lease';
  if (path.startsWith('auth/')) return 'auth';
  return path.startsWith('sys/') ? 'sys' : 'call';
}

function actionOf(entry: Doc, kind: VaultKind, operation: string, mountType: string | undefined): Action {
  if (kind === 'login') return 'session.assume';
  if (kind === 'create') return 'token.issue';
  if (kind === 'renew') return 'token.renew';
  if (kind === 'revoke') return 'token.revoke';
  if (kind === 'lease' && operation !== 'list' && isRevocation(entry)) return 'credential.delete';
  if (operation === 'list' || operation === 'scan') return holdsSecrets(mountType) ? 'secret.list' : 'api.read';
  if (operation === 'read')
    return kind === 'call' && (holdsSecrets(mountType) || hasLease(entry)) ? 'secret.read' : 'api.read';
  if (operation === 'delete') return holdsSecrets(mountType) ? 'secret.delete' : 'api.delete';
  if (operation === 'create') return holdsSecrets(mountType) ? 'secret.write' : 'api.create';
  if (operation === 'update' || operation === 'patch') return holdsSecrets(mountType) ? 'secret.write' : 'api.update';
  return 'api.read';
}

function holdsSecrets(mountType: string | undefined): boolean {
  return mountType === 'kv' || mountType === 'generic' || mountType === 'cubbyhole';
}

// Secrets that are made when they are read come with a lease, in the answer; the request shows it by its path.
function hasLease(entry: Doc): boolean {
  const path = getString(entry, 'request', 'path') ?? '';
  return getString(entry, 'response', 'secret', 'lease_id') !== undefined || /\/(?:static-)?(?:creds|sts)\//.test(path);
}

function isRevocation(entry: Doc): boolean {
  return /(?:^|\/)revoke/.test((getString(entry, 'request', 'path') ?? '').replace(/^.*sys\//, ''));
}

/**
 * How it ended, in the order that was measured (1.10.1): a top-level error; an error in the answer's data at an `auth/`
 * or `sys/` mount, or where there is no secret; a login that gave no token; else success. A request entry only says
 * that somebody asked, unless it holds the error. What was not found (404) leaves no mark.
 */
function outcomeOf(entry: Doc, phase: 'request' | 'response', kind: VaultKind, path: string): Outcome {
  const error = at(entry.json, 'error');
  const allowed = at(entry.json, 'auth', 'policy_results', 'allowed');
  if (typeof error === 'string' && error !== '') {
    return allowed === false || /permission denied|invalid token|bad token/.test(error) ? 'denied' : 'failure';
  }
  if (phase === 'request') return 'pending';
  const ownMount = path.startsWith('auth/') || path.startsWith('sys/');
  const inData = typeof at(entry.json, 'response', 'data', 'error') === 'string';
  const hasSecret = isObject(at(entry.json, 'response', 'secret'));
  if (inData && (ownMount || !hasSecret)) return kind === 'login' ? 'denied' : 'failure';
  if (kind === 'login' && !getString(entry, 'auth', 'accessor') && !getString(entry, 'auth', 'entity_id'))
    return 'denied';
  return 'success';
}
