import type { KeyRole } from '../../model/event.ts';
import { keyOf, normaliseHost } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import {
  accessRequestKey,
  awsAccessKey,
  awsSourceIdentityKey,
  gitlabKey,
  ipKey,
  tokenHashKey,
  tokenKey,
  vaultKey,
} from '../../model/keys.ts';
import { addEdge, addKey } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, getId, getList, getString, isObject, partOf, partsOf } from './read.ts';
import type { Doc } from './read.ts';

/** What an issuer's event says about its token, read once and used for keys, edges and facts alike. */
export interface TokenLinks {
  /** The token by which it is known: issuer and jti, else its hash. */
  readonly token?: Key;
  readonly parents: readonly Key[];
  readonly job?: Key;
  /** The issuer's own request, and the one of another system that the decision rests on. */
  readonly ownRequest?: Key;
  readonly otherRequest?: Key;
  readonly policy?: Key;
}

/** What happens to the token in this event; `asked` is before there is one. */
export type TokenPhase = 'asked' | 'decided' | 'born' | 'used' | 'ended' | 'other';

const TOKEN_ROLE = {
  asked: 'subject', decided: 'subject', born: 'creates', used: 'uses', ended: 'ends', other: 'subject',
} as const satisfies Record<TokenPhase, KeyRole>; // prettier-ignore
const REQUEST_ROLE = {
  asked: 'subject', decided: 'decides', born: 'uses', used: 'mentions', ended: 'subject', other: 'subject',
} as const satisfies Record<TokenPhase, KeyRole>; // prettier-ignore

/**
 * Adds the keys and edges of an issuer's event (sources.md 2.4.1: E10, E13a, E14, E15, E21, E23, E33). All are exact:
 * the issuer took them from claims that it verified or ids that it assigned. Only a token that was really minted
 * (`minted`) gets edges: a refusal makes no link.
 */
export function addTokenLinks(draft: Draft, event: Doc, data: Doc, phase: TokenPhase, minted: boolean): TokenLinks {
  const role = phase === 'born' && !minted ? 'subject' : TOKEN_ROLE[phase];
  const token = addTokenRef(draft, partOf(data, 'token'), role);
  const parents = partsOf(data, 'parent_tokens')
    .map((parent) => addTokenRef(draft, parent, 'uses'))
    .filter((key) => key !== undefined);
  const requests = addRequests(draft, event, data, phase);
  const job = addCi(draft, data);
  addWorkload(draft, data);
  const policy = addHubs(draft, data);
  addCorrelation(draft, event, data);
  if (minted && token) {
    for (const request of requests.all) addEdge(draft, request, token, { relation: 'authorised', rule: 'E33' });
    for (const parent of parents) addEdge(draft, parent, token, { relation: 'exchanged', rule: 'E14' });
    for (const held of jobTokens(data, parents, token))
      addEdge(draft, job, held, { relation: 'issued_to', rule: 'E13' });
  }
  if (token) addTarget(draft, data, token, minted || phase === 'used');
  return {
    ...(token && { token }),
    parents,
    ...(job && { job }),
    ...(requests.own && { ownRequest: requests.own }),
    ...(requests.other && { otherRequest: requests.other }),
    ...(policy && { policy }),
  };
}

// The job holds the token that its GitLab gave it. Where the broker names no such parent, the job got the new token.
function jobTokens(data: Doc, parents: readonly Key[], token: Key): readonly Key[] {
  const host = normaliseHost(getString(data, 'ci', 'host'));
  const own = parents.filter((_, index) => {
    const iss = at(data.json, 'parent_tokens', index, 'iss');
    return host !== undefined && normaliseHost(iss) === host;
  });
  return own.length > 0 ? own : [token];
}

function addTokenRef(draft: Draft, ref: Doc, role: KeyRole): Key | undefined {
  const named = addKey(draft, tokenKey(getString(ref, 'iss'), getString(ref, 'jti')), role, `${ref.where}.jti`);
  const hashed = addKey(draft, tokenHashKey(getString(ref, 'sha256')), role, `${ref.where}.sha256`);
  addEdge(draft, named, hashed, { relation: 'same_as', rule: '3.4' });
  const key = named ?? hashed;
  // For a session of AWS and a token of Vault the public id is what later logs name.
  const publicId = getString(ref, 'public_id');
  if (getString(ref, 'kind') === 'sts_session') {
    const accessKey = addKey(draft, awsAccessKey(publicId), role, `${ref.where}.public_id`);
    addEdge(draft, key, accessKey, { relation: 'same_as', rule: '3.4' });
    return key ?? accessKey;
  }
  return key;
}

function addRequests(
  draft: Draft,
  event: Doc,
  data: Doc,
  phase: TokenPhase,
): { readonly own?: Key; readonly other?: Key; readonly all: readonly Key[] } {
  const role = REQUEST_ROLE[phase];
  const ownKey = accessRequestKey('broker', getString(event, 'source'), getId(data, 'request_id'));
  const own = addKey(draft, ownKey, role, 'data.request_id');
  const named = partOf(data, 'approval', 'access_request');
  const otherKey = accessRequestKey(getString(named, 'system'), getString(named, 'scope'), getId(named, 'id'));
  const other = addKey(draft, otherKey, phase === 'decided' ? 'decides' : 'uses', named.where);
  const reviewed = reviewedRequest(event, data);
  addKey(draft, reviewed, 'subject', 'data.review.subject_id');
  const change = partOf(data, 'approval', 'change');
  const system = getString(change, 'system');
  addKey(draft, keyOf('change', system, getId(change, 'id')), 'mentions', change.where);
  return { ...(own && { own }), ...(other && { other }), all: [own, other].filter((key) => key !== undefined) };
}

// A review of a break-glass use names the request by which it began; `subject` of the envelope says so too.
function reviewedRequest(event: Doc, data: Doc): Key | undefined {
  const id = getId(data, 'review', 'subject_id');
  const isRequest = getString(event, 'subject') === `request:${id}`;
  const isBreakGlass = getString(data, 'review', 'subject_type') === 'break_glass';
  return isRequest || isBreakGlass ? accessRequestKey('broker', getString(event, 'source'), id) : undefined;
}

function addCi(draft: Draft, data: Doc): Key | undefined {
  const ci = partOf(data, 'ci');
  const provider = getString(ci, 'provider');
  if (provider !== undefined && provider !== 'gitlab') return undefined;
  const host = getString(ci, 'host');
  const role: KeyRole = 'uses';
  const pipeline = addKey(
    draft,
    gitlabKey('gitlab:pipeline', host, getId(ci, 'pipeline_id')),
    role,
    'data.ci.pipeline_id',
  );
  const job = addKey(draft, gitlabKey('gitlab:job', host, getId(ci, 'job_id')), role, 'data.ci.job_id');
  addEdge(draft, pipeline, job, { relation: 'contains', rule: 'E10' });
  addKey(draft, gitlabKey('gitlab:project', host, getId(ci, 'project_id')), 'place', 'data.ci.project_id');
  addKey(draft, gitlabKey('gitlab:runner', host, getId(ci, 'runner_id')), 'place', 'data.ci.runner_id');
  addKey(draft, gitlabKey('gitlab:user', host, getId(ci, 'user_id')), 'mentions', 'data.ci.user_id');
  return job;
}

// A pod may live for months and ask for a token each minute: it is named for search, and joins nothing.
function addWorkload(draft: Draft, data: Doc): void {
  const k8s = partOf(data, 'workload', 'k8s');
  const cluster = getString(k8s, 'cluster');
  if (cluster === undefined) return;
  const name = [getString(k8s, 'namespace'), getString(k8s, 'service_account')];
  const account = name.every((part) => part !== undefined) ? keyOf('k8s:sa', cluster, name.join('/')) : undefined;
  addKey(draft, account, 'actor', k8s.where);
  addKey(draft, keyOf('k8s:pod', cluster, getString(k8s, 'pod_uid')), 'mentions', `${k8s.where}.pod_uid`);
}

// A transaction keeps its id when its tokens are replaced (3.5). A trace is the caller's word and may span many flows.
function addCorrelation(draft: Draft, event: Doc, data: Doc): void {
  const domain = normaliseHost(getString(data, 'token', 'iss') ?? getString(event, 'source'));
  addKey(draft, keyOf('txn', domain, getString(data, 'txn')), 'subject', 'data.txn');
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(getString(event, 'traceparent') ?? '')?.[1];
  addKey(draft, keyOf('trace', undefined, trace), 'mentions', 'traceparent', 'asserted');
}

function addTarget(draft: Draft, data: Doc, token: Key, reached: boolean): void {
  const aws = partOf(data, 'target', 'aws');
  const accessKey = addKey(draft, awsAccessKey(getString(aws, 'access_key_id')), 'uses', `${aws.where}.access_key_id`);
  const identity = awsSourceIdentityKey(getString(aws, 'account'), getString(aws, 'source_identity'));
  addKey(draft, identity, 'uses', `${aws.where}.source_identity`);
  const vault = partOf(data, 'target', 'vault');
  const cluster = getString(vault, 'cluster');
  if (reached) addEdge(draft, token, accessKey, { relation: 'assumed', rule: 'E15' });
  if (cluster === undefined) return;
  const accessor = addKey(
    draft,
    vaultKey('vault:accessor', cluster, getString(vault, 'accessor')),
    'uses',
    vault.where,
  );
  const lease = addKey(draft, vaultKey('vault:lease', cluster, getString(vault, 'lease_id')), 'uses', vault.where);
  if (!reached) return;
  addEdge(draft, token, accessor, { relation: 'login', rule: 'E21' });
  addEdge(draft, accessor, lease, { relation: 'leased', rule: 'E23' });
}

function addHubs(draft: Draft, data: Doc): Key | undefined {
  const aws = partOf(data, 'target', 'aws');
  addKey(draft, keyOf('aws:role', undefined, getString(aws, 'role_arn')), 'target', `${aws.where}.role_arn`);
  addKey(draft, keyOf('aws:account', undefined, getString(aws, 'account')), 'target', `${aws.where}.account`);
  addKey(draft, ipKey(getString(data, 'client_ip')), 'place', 'data.client_ip');
  const policy = partOf(data, 'approval', 'policy');
  const id = getId(policy, 'id');
  const version = getId(policy, 'version');
  const name = id === undefined || version === undefined ? id : `${id}@${version}`;
  return addKey(draft, keyOf('policy', undefined, name), 'mentions', policy.where);
}

/** The list of scopes; a revocation has an object there, which says what it covers (sources.md 3.2). */
export function readScopes(data: Doc): readonly string[] {
  if (isObject(at(data.json, 'scope'))) return [];
  return getList(data, 'scope').filter((item) => typeof item === 'string');
}
