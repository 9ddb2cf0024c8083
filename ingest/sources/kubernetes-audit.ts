import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { eventKey, keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { ipKey, isUuid, k8sCredentialKey } from '../../model/keys.ts';
import type { ParseInput, ParseResult, SourceAdapter } from './adapter.ts';
import { addEdge, addKey, compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { embeddedJson } from './embedded.ts';
import { k8sRedactions } from './k8s-redact.ts';
import { readRequest } from './k8s-request.ts';
import type { K8sRequest } from './k8s-request.ts';
import { addUser } from './k8s-user.ts';
import type { K8sUser } from './k8s-user.ts';
import {
  at,
  fault,
  getList,
  getNumber,
  getStamp,
  getString,
  isObject,
  needObject,
  needStamp,
  needString,
  openDoc,
  refusalOf,
} from './read.ts';
import type { Doc } from './read.ts';

/** What the API server of a cluster was asked (sources.md 1.9, 1.9.1): from its webhook, or lines of its log. */
export const kubernetesAudit: SourceAdapter = {
  source: 'kubernetes.audit',
  family: 'k8s.audit',
  containers: [['items'], ['logEvents'], []],
  redact: k8sRedactions,
  parse,
};

function parse(input: ParseInput): ParseResult {
  const json = unwrap(input.json);
  const event = openDoc(json);
  if (isObject(json) && !('auditID' in json)) {
    // A list that could not be cut into its items: what is wrong is the list.
    for (const list of ['items', 'logEvents'])
      if (list in json) fault(event, Array.isArray(json[list]) ? 'missing_required_fields' : 'wrong_type', [list]);
  }
  // Any text: the client may choose it, three thousand characters of quotes were measured (1.9.1).
  const auditId = needString(event, 'auditID');
  const stage = needString(event, 'stage');
  const occurred = needStamp(event, 'requestReceivedTimestamp');
  needObject(event, 'user');
  if (input.instance === '') fault(event, 'missing_required_fields', ['cluster']);
  const refusal = refusalOf(event);
  if (refusal) return refusal;
  const cluster = input.instance;
  const received = String(at(json, 'requestReceivedTimestamp'));
  const draft = openDraft();
  const request = readRequest(event, stage);
  const user = addUser(draft, event, cluster, input.settings);
  const names = addNames(draft, cluster, auditId, stage, received);
  const credential = addMinted(draft, event, cluster, request);
  addObjects(draft, event, cluster, request);
  const peer = addAddresses(draft, getList(event, 'sourceIPs'));
  const built = compact<AuditEvent>({
    family: 'k8s.audit',
    source: 'kubernetes.audit',
    instance: cluster,
    nativeId: names.name,
    dedupeKey: `${auditId}\u0000${stage}\u0000${received}`,
    type: typeOf(request, stage),
    occurred,
    observed: getStamp(event, 'stageTimestamp'),
    action: request.action,
    outcome: request.outcome,
    outcomeCode: request.code === undefined ? undefined : String(request.code),
    outcomeReason:
      getString(event, 'responseStatus', 'reason') ?? getString(event, 'annotations', 'authorization.k8s.io/reason'),
    actor: user.actor,
    onBehalfOf: user.onBehalfOf,
    credential: user.credential && { kind: user.credentialKind ?? 'unknown', key: user.credential.key },
    resource: {
      type: request.resource || 'nonresource',
      key: `k8s://${cluster}/${request.path}`,
      display: request.display,
    },
    environment: cluster,
    sourceIp: peer?.key.slice('ip:'.length),
    userAgent: getString(event, 'userAgent'),
    facts: factsOf(request, user, credential),
    keys: draft.keys,
    edges: draft.edges,
    unread: event.notes.unread,
    content: json,
  });
  return { ok: true, events: [built] };
}

const MAX_CLAIMED_ADDRESSES = 10;

/**
 * Only the last address is the peer's; those before it are headers that anybody can write (1.9.1). Behind a proxy they are
 * all that is said of the client, so they are kept, the client's own first, as what was claimed: a search finds them, and
 * nothing rests on them.
 */
function addAddresses(draft: Draft, addresses: readonly unknown[]): Key | undefined {
  const peer = addKey(draft, ipKey(addresses.at(-1)), 'place', 'sourceIPs');
  for (const claimed of addresses.slice(0, -1).slice(0, MAX_CLAIMED_ADDRESSES))
    addKey(draft, ipKey(claimed), 'mentions', 'sourceIPs', 'asserted');
  return peer;
}

/** The event itself: managed clusters send it within a log event, as text or parsed (EKS, AKS: sources.md 1.9). */
function unwrap(json: unknown): unknown {
  if (!isObject(json) || 'auditID' in json) return json;
  const places = [at(json, 'message'), at(json, 'log'), at(json, 'properties', 'log')];
  for (const place of places) {
    const inner = isObject(place) ? place : embeddedJson(place);
    if (isObject(inner) && 'auditID' in inner) return inner;
  }
  return json;
}

function typeOf(request: K8sRequest, stage: string): string {
  const what = `${request.verb || '?'} ${request.resource || 'nonresource'}`;
  return stage === 'ResponseComplete' ? what : `${what} (${stage})`;
}

/**
 * The names of the event. `auditID` may be the client's choice, one for many requests (1.9.1): an id that no server
 * makes is completed by the time of the request, and both forms can be asked for. The request is its own key, which
 * joins the stages.
 */
function addNames(
  draft: Draft,
  cluster: string,
  auditId: string,
  stage: string,
  received: string,
): { readonly name: string } {
  const plain = `${auditId}:${stage}`;
  const full = `${plain}@${received}`;
  addKey(draft, keyOf('k8s:request', cluster, `${auditId}@${received}`), 'subject', 'auditID');
  for (const name of [plain, full]) {
    addKey(draft, { key: eventKey('k8s.audit', name), type: 'event', class: 'hub' }, 'mentions', 'auditID');
  }
  return { name: isUuid(auditId) ? plain : full };
}

// TokenRequest: the answer's annotation names the token that the caller's credential made (E27).
function addMinted(draft: Draft, event: Doc, cluster: string, request: K8sRequest): Facts['credential'] {
  const id = getString(event, 'annotations', 'authentication.kubernetes.io/issued-credential-id');
  const minted = request.outcome === 'success' && !request.early ? k8sCredentialKey(cluster, id) : undefined;
  addKey(draft, minted, 'creates', 'annotations.authentication.kubernetes.io/issued-credential-id');
  if (!minted) return undefined;
  addEdge(draft, usedCredential(draft), minted, { relation: 'minted', rule: 'E27' });
  const issued = getStamp(event, 'stageTimestamp')?.at;
  const seconds = getNumber(event, 'requestObject', 'spec', 'expirationSeconds');
  const expires = getStamp(event, 'responseObject', 'status', 'expirationTimestamp')?.at;
  return compact<NonNullable<Facts['credential']>>({
    key: minted.key,
    issued_at: issued,
    expires_at:
      expires ?? (issued === undefined || seconds === undefined ? undefined : issued + Math.round(seconds) * 1_000_000),
    target: `k8s://${cluster}/${request.path}`,
    method: 'token_request',
  });
}

// What was touched, and a pod that the caller created: its token carries the same uid (E28, E29).
function addObjects(draft: Draft, event: Doc, cluster: string, request: K8sRequest): void {
  addKey(draft, keyOf('k8s:object', cluster, request.path), 'target', 'objectRef');
  if (request.resource === 'serviceaccounts/token') {
    const name = `${getString(event, 'objectRef', 'namespace') ?? ''}/${getString(event, 'objectRef', 'name') ?? ''}`;
    addKey(draft, keyOf('k8s:sa', cluster, name), 'target', 'objectRef');
  }
  if (request.resource !== 'pods') return;
  const created = request.verb === 'create' && request.outcome === 'success' && !request.dryRun;
  const uid = created ? getString(event, 'responseObject', 'metadata', 'uid') : getString(event, 'objectRef', 'uid');
  const pod: Key | undefined = addKey(
    draft,
    keyOf('k8s:pod', cluster, uid),
    created ? 'creates' : 'mentions',
    'objectRef.uid',
  );
  if (created) addEdge(draft, usedCredential(draft), pod, { relation: 'created', rule: 'E28' });
}

// A certificate is a session: what was done with it is not one flow, so it is no parent.
function usedCredential(draft: Draft): Key | undefined {
  const found = draft.keys.find(
    (key) => key.type === 'k8s:credential-id' && key.role === 'uses' && key.class === 'chain',
  );
  return found && { key: found.key, type: found.type, class: found.class };
}

function factsOf(request: K8sRequest, user: K8sUser, credential: Facts['credential']): Facts {
  const call = compact<NonNullable<Facts['call']>>({
    service: 'kubernetes',
    operation: `${request.verb} ${request.resource || 'nonresource'}`,
    write: request.write && !request.dryRun,
    dry_run: request.dryRun || undefined,
    principal: user.username,
    phase: request.early ? 'started' : undefined,
  });
  return compact<Facts>({
    credential,
    call: request.action === 'other' ? undefined : call,
    findings: user.findings.length > 0 ? user.findings : undefined,
  });
}
