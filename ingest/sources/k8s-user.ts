import type { ActorKind, ActorRef } from '../../model/actor.ts';
import type { Facts } from '../../model/facts.ts';
import { identifier, keyOf, normaliseEmail, normaliseHost, normaliseIssuer } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { awsAccessKey, emailKey, gitlabKey, k8sCredentialKey, tokenKey } from '../../model/keys.ts';
import type { PolicySource } from '../../model/policy.ts';
import { addEdge, addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, getString, isObject, note, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** Who called the API server and by which credential (sources.md 1.9, 1.9.1). */
export interface K8sUser {
  readonly actor: ActorRef;
  readonly onBehalfOf?: ActorRef;
  readonly username?: string;
  readonly credential?: Key;
  readonly credentialKind?: string;
  readonly findings: NonNullable<Facts['findings']>;
}

const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Reads the caller and adds the keys and edges of its credential (E10, E13c, E14, E26, E29 of sources.md 2.4.1). */
export function addUser(draft: Draft, event: Doc, cluster: string, settings: PolicySource | undefined): K8sUser {
  const username = identifier(getString(event, 'user', 'username'));
  const behalf = isObject(at(event.json, 'impersonatedUser')) ? partOf(event, 'impersonatedUser') : undefined;
  const claims = readClaims(event, username, settings);
  const credential = addCredential(draft, event, cluster, claims);
  addKey(draft, keyOf('k8s:user', cluster, username), 'actor', 'user.username');
  addKey(draft, serviceAccountKey(cluster, username), 'actor', 'user.username');
  const actor = partyOf(cluster, username, claims.job !== undefined);
  addKey(draft, emailKey(actor.email), 'actor', 'user.username', 'asserted');
  const impersonated = identifier(behalf && getString(behalf, 'username'));
  addKey(draft, keyOf('k8s:user', cluster, impersonated), 'on_behalf_of', 'impersonatedUser.username');
  return compact<K8sUser>({
    actor,
    onBehalfOf: impersonated === undefined ? undefined : partyOf(cluster, impersonated, false),
    username,
    credential: credential?.key,
    credentialKind: credential?.kind,
    findings: behalf ? addImpersonation(draft, behalf, username, settings) : [],
  });
}

/** What the authenticator put into `user.extra`: signed claims, which the caller cannot choose. */
interface Claims {
  readonly credentialId?: string;
  readonly iss?: string;
  /** The issuer was stated by the token, not taken from the configuration of the cluster. */
  readonly issStated: boolean;
  readonly jti?: string;
  readonly parentJti?: string;
  readonly job?: Key;
  readonly pipeline?: Key;
}

function readClaims(event: Doc, username: string | undefined, settings: PolicySource | undefined): Claims {
  const prefix = settings?.claim_prefix?.replace(/\/+$/, '');
  const claim = (name: string): string | undefined => extraValue(event, prefix, name);
  const stated = normaliseIssuer(claim('iss'));
  // Tokens of service accounts are the cluster's own, whatever issuer the cluster takes from outside.
  const isServiceAccount = username !== undefined && SERVICE_ACCOUNT.test(username);
  const iss = isServiceAccount ? undefined : (stated ?? normaliseIssuer(settings?.jwt_issuer));
  const credentialId = firstText(event, CREDENTIAL_ID);
  const host = settings?.gitlab_host ?? normaliseHost(iss);
  return compact<Claims>({
    credentialId,
    iss,
    issStated: stated !== undefined && stated !== normaliseIssuer(settings?.jwt_issuer),
    jti: credentialId?.startsWith('JTI=')
      ? credentialId.slice('JTI='.length)
      : isServiceAccount
        ? undefined
        : claim('jti'),
    parentJti: claim('parent-jti'),
    job: gitlabKey('gitlab:job', host, claim('job-id')),
    pipeline: gitlabKey('gitlab:pipeline', host, claim('pipeline-id')),
  });
}

function addCredential(
  draft: Draft,
  event: Doc,
  cluster: string,
  claims: Claims,
): { key: Key; kind: string } | undefined {
  const { credentialId, iss, job, pipeline } = claims;
  addKey(draft, pipeline, 'uses', 'user.extra.pipeline-id');
  addKey(draft, job, 'uses', 'user.extra.job-id');
  addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
  const key = addKey(draft, credentialKey(cluster, claims), 'uses', `user.extra.${CREDENTIAL_ID}`);
  const token = addKey(draft, tokenKey(iss, claims.jti), 'uses', `user.extra.${CREDENTIAL_ID}`);
  addEdge(draft, job, token ?? (key?.class === 'chain' ? key : undefined), { relation: 'issued_to', rule: 'E13' });
  if (key?.class === 'chain') addEdge(draft, token, key, { relation: 'same_as', rule: 'E26' });
  // A broker's token names the one it was made from; that this was GitLab's is what the cluster's operator says.
  const gitlab = job?.key.slice('gitlab:job:'.length).split('/')[0];
  const parentIss = gitlab === undefined || normaliseHost(iss) === gitlab ? undefined : `https://${gitlab}`;
  const parent = addKey(draft, tokenKey(parentIss, claims.parentJti), 'mentions', 'user.extra.parent-jti', 'asserted');
  addEdge(draft, parent, token, { relation: 'exchanged', rule: 'E14', confidence: 'asserted' });
  const pod = keyOf('k8s:pod', cluster, firstText(event, 'authentication.kubernetes.io/pod-uid'));
  addKey(draft, pod, 'uses', 'user.extra.authentication.kubernetes.io/pod-uid');
  if (key?.class === 'chain') addEdge(draft, pod, key, { relation: 'issued_to', rule: 'E29' });
  // EKS: the authenticator of AWS names the access key behind the token (a presigned call to STS).
  const isAws = firstText(event, 'arn') !== undefined;
  const accessKey = isAws ? awsAccessKey(firstText(event, 'accessKeyId')) : undefined;
  addKey(draft, accessKey, 'uses', 'user.extra.accessKeyId');
  if (isAws)
    addKey(draft, keyOf('aws:role', undefined, firstText(event, 'canonicalArn')), 'actor', 'user.extra.canonicalArn');
  if (token && job) return { key: token, kind: 'oidc_token' };
  if (key)
    return { key, kind: credentialId?.startsWith('X509') ? 'x509' : iss === undefined ? 'k8s_sa_token' : 'oidc_token' };
  return accessKey && { key: accessKey, kind: 'sts_session' };
}

/**
 * The credential within the cluster. `JTI=` alone is not one token: issuers that the same cluster takes may use one
 * value each, so an issuer that the token states, other than the configured one, is part of the key (sources.md 1.9.1).
 */
function credentialKey(cluster: string, claims: Claims): Key | undefined {
  const { credentialId, iss, issStated } = claims;
  if (credentialId === undefined || credentialId === 'JTI=') return undefined;
  return k8sCredentialKey(issStated && iss !== undefined ? `${cluster}/${iss}` : cluster, credentialId);
}

/**
 * Whoever may impersonate writes `impersonatedUser.extra` as he likes, so nothing there is a credential. The agent
 * server of GitLab (KAS) is trusted with the job when `user` is an agent that the operator registered.
 */
function addImpersonation(
  draft: Draft,
  behalf: Doc,
  username: string | undefined,
  settings: PolicySource | undefined,
): NonNullable<Facts['findings']> {
  const extra = partOf(behalf, 'extra');
  const jobId =
    identifier(getString(behalf, 'username'))?.match(/^gitlab:ci_job:(\d+)$/)?.[1] ??
    textAt(extra, 'agent.gitlab.com/ci_job_id');
  const trusted = username !== undefined && (settings?.gitlab_agents.includes(username) ?? false);
  const host = settings?.gitlab_host;
  const role = trusted ? 'uses' : 'mentions';
  const confidence = trusted ? 'exact' : 'asserted';
  const job = addKey(draft, gitlabKey('gitlab:job', host, jobId), role, 'impersonatedUser.username', confidence);
  const pipelineId = textAt(extra, 'agent.gitlab.com/ci_pipeline_id');
  const pipeline = addKey(
    draft,
    gitlabKey('gitlab:pipeline', host, pipelineId),
    role,
    'impersonatedUser.extra',
    confidence,
  );
  if (trusted) {
    addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
    return [];
  }
  const claimed = Object.keys(isObject(extra.json) ? extra.json : {}).filter((name) =>
    /(?:credential-id|job[-_]id)$/.test(name),
  );
  if (claimed.length === 0) return [];
  return [
    {
      kind: 'forged_extra',
      detail: `an impersonation claims ${claimed.slice(0, 5).join(', ')}; what the impersonator wrote was not believed`,
    },
  ];
}

function partyOf(cluster: string, username: string | undefined, isJob: boolean): ActorRef {
  const key = keyOf('k8s:user', cluster, username);
  if (!key || username === undefined) return { kind: 'unknown', key: '' };
  // A prefix, if the cluster sets one, ends with a colon; an e-mail address after it is the user's (4.1: asserted).
  const email = normaliseEmail(username.slice(username.lastIndexOf(':') + 1));
  return compact<ActorRef>({ kind: kindOf(username, isJob, email), key: key.key, display: username, email });
}

function kindOf(username: string, isJob: boolean, email: string | undefined): ActorKind {
  if (SERVICE_ACCOUNT.test(username)) return 'service';
  if (username === 'system:anonymous') return 'unknown';
  if (username.startsWith('system:')) return 'system';
  if (isJob || username.startsWith('gitlab:ci_job:')) return 'service';
  return email === undefined ? 'unknown' : 'human';
}

/** `k8s:sa` of a service account's user name. */
export function serviceAccountKey(cluster: string, username: string | undefined): Key | undefined {
  const found = username === undefined ? null : SERVICE_ACCOUNT.exec(username);
  return found ? keyOf('k8s:sa', cluster, `${found[1]}/${found[2]}`) : undefined;
}

// The configured prefix says where our claims are; without one, a single key that ends in the name is taken.
function extraValue(event: Doc, prefix: string | undefined, name: string): string | undefined {
  if (prefix !== undefined) return firstText(event, `${prefix}/${name}`);
  const extra = at(event.json, 'user', 'extra');
  if (!isObject(extra)) return undefined;
  const found = Object.keys(extra).filter(
    (key) => key.endsWith(`/${name}`) && !key.startsWith('authentication.kubernetes.io/'),
  );
  return found.length === 1 && found[0] !== undefined ? firstText(event, found[0]) : undefined;
}

function firstText(event: Doc, name: string): string | undefined {
  const extra = at(event.json, 'user', 'extra');
  if (extra === undefined || extra === null) return undefined;
  return textAt(partOf(event, 'user', 'extra'), name);
}

// Values are lists of texts. None and an empty one mean the same.
function textAt(extra: Doc, name: string): string | undefined {
  const value = at(extra.json, name);
  if (value === undefined || value === null) return undefined;
  const first = Array.isArray(value) ? (value as readonly unknown[])[0] : undefined;
  if (typeof first === 'string') return identifier(first);
  if (!Array.isArray(value) || value.length > 0) note(extra, name);
  return undefined;
}
