import { decimalId, identifier, keyAs, keyOf, normaliseEmail, normaliseHost, normaliseIssuer } from './key.ts';
import type { Key, KeyType } from './key.ts';

/**
 * One function a kind of key, so that both sides of a join build it in the same way. Each gives undefined where the
 * source said nothing usable (a sentinel, a wrong type), never a key of nothing.
 */

type GitlabType = Extract<KeyType, `gitlab:${string}`>;

/** A GitLab object by its number within the host: pipeline, job, deployment, merge request, project, user, runner. */
export function gitlabKey(
  type: Exclude<GitlabType, 'gitlab:env' | 'gitlab:commit' | 'gitlab:mriid' | 'gitlab:identity'>,
  host: unknown,
  id: unknown,
): Key | undefined {
  const scope = normaliseHost(host);
  return scope === undefined ? undefined : keyOf(type, scope, decimalId(id));
}

/** A GitLab environment: project and name. */
export function gitlabEnvironmentKey(host: unknown, projectId: unknown, name: unknown): Key | undefined {
  const scope = normaliseHost(host);
  const project = decimalId(projectId);
  return scope === undefined || project === undefined ? undefined : keyOf('gitlab:env', `${scope}/${project}`, name);
}

/** A commit of a project. */
export function gitlabCommitKey(host: unknown, projectId: unknown, sha: unknown): Key | undefined {
  const scope = normaliseHost(host);
  const project = decimalId(projectId);
  if (scope === undefined || project === undefined || typeof sha !== 'string' || !/^[0-9a-f]{40,64}$/.test(sha))
    return undefined;
  return keyOf('gitlab:commit', `${scope}/${project}`, sha);
}

/** A token by issuer and jti. */
export function tokenKey(iss: unknown, jti: unknown): Key | undefined {
  const issuer = normaliseIssuer(iss);
  return issuer === undefined || typeof jti !== 'string' ? undefined : keyOf('token:jti', issuer, jti);
}

/** A token by the SHA-256 of what was sent, lower-case hex. */
export function tokenHashKey(sha256: unknown): Key | undefined {
  return typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256)
    ? keyOf('token:sha256', undefined, sha256.toLowerCase())
    : undefined;
}

/** An identity at its issuer: `idp:user:<issuer>/<subject>`. */
export function idpUserKey(iss: unknown, sub: unknown): Key | undefined {
  const issuer = normaliseIssuer(iss);
  return issuer === undefined ? undefined : keyOf('idp:user', issuer, sub);
}

/** An account of an operating system: `os:user:<host>/<name>`. */
export function osUserKey(host: unknown, name: unknown): Key | undefined {
  const scope = normaliseHost(host);
  return scope === undefined ? undefined : keyOf('os:user', scope, name);
}

/** An e-mail address. */
export function emailKey(email: unknown): Key | undefined {
  return keyOf('email', undefined, normaliseEmail(email));
}

/** An address of the network, only if it is one: AWS also writes host names and "AWS Internal" there. */
export function ipKey(address: unknown): Key | undefined {
  const text = identifier(address);
  return text !== undefined && /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]+)$/i.test(text)
    ? keyOf('ip', undefined, text.toLowerCase())
    : undefined;
}

/**
 * An AWS access key id: an identifier, no secret. A temporary one (ASIA...) is one session, so it is walked. Any other
 * (AKIA..., of an IAM user) lives for months and would join all its uses into one flow: a hub.
 */
export function awsAccessKey(id: unknown): Key | undefined {
  if (typeof id !== 'string' || !/^A[A-Z0-9]{15,127}$/.test(id)) return undefined;
  const key = keyOf('aws:accesskey', undefined, id);
  return key && !id.startsWith('ASIA') ? keyAs(key, 'hub') : key;
}

// A name that can be one flow: it holds a UUID or a number of at least five digits, or ends in 16 characters of which
// some are digits (random, not a long word). Not one flow: an e-mail address (a person, all year), an instance id (a
// machine, all its life).
const UNIQUE_NAME =
  /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{5,}|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16,}$/;
const SHARED_NAME = /@|^i-[0-9a-z]+$/;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const RANDOM_ID = /^(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{20,}$/;

/** Whether a text has the form of a UUID. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Whether an identifier has the form of one that is made for one run (a UUID, a long random id), not of a name. */
export function isRunId(text: string): boolean {
  return UUID.test(text) || RANDOM_ID.test(text);
}

/** A source identity in its account: one run if it is an id made for one, and then walked; else a name, a hub. */
export function awsSourceIdentityKey(account: unknown, value: unknown): Key | undefined {
  if (decimalId(account) === undefined || typeof value !== 'string') return undefined;
  const key = keyOf('aws:sourceidentity', String(account), value);
  return key && isRunId(value) ? keyAs(key, 'chain') : key;
}

/** A role session, `AROA...:name`. Chain only where the name can belong to one run; else a hub (sources.md 2.4). */
export function awsSessionKey(account: unknown, principalId: unknown): Key | undefined {
  const scope = decimalId(account);
  const text = identifier(principalId);
  if (scope === undefined || text === undefined || !text.includes(':')) return undefined;
  const key = keyOf('aws:session', String(account), text);
  const name = text.slice(text.indexOf(':') + 1);
  return key && (SHARED_NAME.test(name) || !UNIQUE_NAME.test(name)) ? keyAs(key, 'hub') : key;
}

/** An access request in the system that holds it: `access-request:<system>:<scope>/<id>`. */
export function accessRequestKey(system: unknown, scope: unknown, id: unknown): Key | undefined {
  const name = identifier(system)?.toLowerCase();
  const host = normaliseHost(scope);
  return name === undefined || host === undefined ? undefined : keyOf('access-request', `${name}:${host}`, id);
}

/** A Vault object within its cluster. */
export function vaultKey(type: Extract<KeyType, `vault:${string}`>, cluster: string, id: unknown): Key | undefined {
  return keyOf(type, cluster, id);
}

/** A Kubernetes credential: `JTI=...` is walked, a client certificate is a session (many flows, long life). */
export function k8sCredentialKey(cluster: string, credentialId: unknown): Key | undefined {
  const key = keyOf('k8s:credential-id', cluster, credentialId);
  return key && !key.key.includes('/JTI=') ? keyAs(key, 'session') : key;
}

/** An identity at a provider as GitLab names it: not yet whose account it is, which only the policy file can say. */
export interface GitlabIdentity {
  /** Host of the GitLab. */
  readonly host: string;
  /** GitLab's name for the provider: `saml`, `openid_connect`, `group_saml`, `scim`. */
  readonly provider: string;
  /** The group's SAML provider, or the group of a SCIM. */
  readonly number?: number;
  readonly externUid: string;
}

/** `gitlab:identity:<host>/<provider>[#<number>]/<extern_uid>`; a "/" or "#" in the provider's name is encoded. */
export function gitlabIdentityKey(
  host: unknown,
  provider: unknown,
  externUid: unknown,
  number?: unknown,
): Key | undefined {
  const scope = normaliseHost(host);
  const name = identifier(provider)?.replace(/[/#%]/g, encodeURIComponent);
  if (scope === undefined || name === undefined || typeof externUid !== 'string') return undefined;
  const place = decimalId(number);
  return keyOf('gitlab:identity', `${scope}/${name}${place === undefined ? '' : `#${place}`}`, externUid);
}

/** What `gitlabIdentityKey` made, read back; undefined for any other key. */
export function readGitlabIdentity(key: string): GitlabIdentity | undefined {
  const found = /^gitlab:identity:([^/]+)\/([^/#]+)(?:#(\d{1,15}))?\/(.+)$/s.exec(key);
  if (!found) return undefined;
  const [, host = '', provider = '', number, externUid = ''] = found;
  return {
    host,
    provider: provider.replace(/%2F/g, '/').replace(/%23/g, '#').replace(/%25/g, '%'),
    ...(number !== undefined && { number: Number(number) }),
    externUid,
  };
}
