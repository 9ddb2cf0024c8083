import { createHash } from 'node:crypto';
import type { ActorRef } from '../../model/actor.ts';
import type { Action, Outcome } from '../../model/action.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import type { Key } from '../../model/key.ts';
import { normaliseHost } from '../../model/key.ts';
import type { Family } from '../../model/source.ts';
import type { Stamp } from '../../model/time.ts';
import { parseStamp } from '../../model/time.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { compact, openDraft } from './draft.ts';
import {
  at,
  fault,
  getId,
  getMicros,
  getNumber,
  getString,
  isObject,
  needStamp,
  needString,
  openDoc,
  partOf,
  refusalOf,
  getList,
} from './read.ts';
import type { Doc } from './read.ts';
import { teleportAction } from './teleport-action.ts';
import { addTeleportKeys, addressOf, requestKey } from './teleport-links.ts';
import type { TeleportEvent } from './teleport-links.ts';
import { partiesOf } from './teleport-parties.ts';

const FAMILY: Family = 'teleport';

// Commands and queries may hold secrets, reasons are free text (sources.md 1.11, Redact); tokens to join are masked by
// Teleport, but not by every version.
const REDACT: readonly RedactionRule[] = [
  { path: ['argv'], rule: 'argv' },
  { path: ['command'], rule: 'argv' },
  { path: ['initial_command'], rule: 'argv' },
  { path: ['db_query'], rule: 'query' },
  { path: ['db_query_parameters'], rule: 'query' },
  { path: ['request_path'], rule: 'query', part: 'query' },
  { path: ['path'], rule: 'query', part: 'query' },
  { path: ['raw_query'], rule: 'query' },
  { path: ['reason'], rule: 'free_text' },
  { path: ['annotations', '**'], rule: 'free_text' },
  { path: ['token_name'], rule: 'join_token' },
];

/**
 * Teleport audit events (sources.md 1.11), one a request from the Event Handler, as exports, or in an array. Known by
 * `uid`, which some versions leave out: then by code, session, number, time and user.
 */
export const teleportEvent: SourceAdapter = {
  source: 'teleport.event',
  family: FAMILY,
  containers: [['events'], []],
  redact: REDACT,
  parse: parseEvent,
};

function parseEvent(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const occurred = timeOf(doc);
  const about = openEvent(doc, input);
  const unreadable = refusalOf(doc);
  if (unreadable) return unreadable;
  const certificate = addTeleportKeys(about);
  const { actor, onBehalfOf } = partiesOf(about);
  const address = addressOf(getString(doc, 'addr.remote')) ?? getString(doc, 'identity', 'client_ip');
  const event = compact<AuditEvent>({
    family: FAMILY,
    source: 'teleport.event',
    instance: about.cluster,
    nativeId: about.uid,
    dedupeKey: about.uid,
    type: about.event,
    occurred,
    sequence: sequenceOf(doc),
    action: about.action,
    outcome: about.outcome,
    outcomeCode: getString(doc, 'code'),
    outcomeReason: getString(doc, 'error'),
    actor,
    onBehalfOf,
    credential: certificate && { kind: 'x509', key: certificate.key },
    resource: resourceOf(about),
    sourceIp: address,
    userAgent: getString(doc, 'user_agent'),
    keys: about.draft.keys,
    edges: about.draft.edges,
    facts: factsOf(about, actor, certificate, occurred.at),
    unread: doc.notes.unread,
    content: input.json,
  });
  return { ok: true, events: [event] };
}

// Some exports write "2023-09-18 00:00:00", which is UTC throughout Teleport but names no zone.
function timeOf(doc: Doc): Stamp {
  const text = at(doc.json, 'time');
  const bare = typeof text === 'string' && /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?$/.test(text);
  return (bare ? parseStamp(`${text}Z`) : undefined) ?? needStamp(doc, 'time');
}

function openEvent(doc: Doc, input: ParseInput): TeleportEvent {
  const said = normaliseHost(input.instance);
  const named = normaliseHost(getString(doc, 'cluster_name'));
  const cluster = said ?? named;
  // A leaf cluster's events come through the root's: each names its own, and only the credential decides whose word it is.
  if (cluster === undefined) fault(doc, 'missing_required_fields', ['cluster_name']);
  const event = needString(doc, 'event');
  const state = getString(doc, 'state') ?? getString(doc, 'proposed_state');
  const action = teleportAction(event, state, getString(doc, 'verb'));
  return {
    doc,
    input,
    cluster: named ?? cluster ?? '',
    draft: openDraft(),
    event,
    uid: getId(doc, 'uid') ?? fingerprint(doc),
    action,
    outcome: outcomeOf(doc, action, state),
  };
}

// sources.md 2.3: what the event has in place of a uid.
function fingerprint(doc: Doc): string {
  const parts = ['code', 'sid', 'ei', 'time', 'user'].map((name) => at(doc.json, name) ?? '');
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

// Numbers of events count within one session, and not for the summary of what was transferred.
function sequenceOf(doc: Doc): string | undefined {
  const number = getNumber(doc, 'ei');
  if (getId(doc, 'sid') === undefined || number === undefined || !Number.isSafeInteger(number) || number < 0)
    return undefined;
  return String(number);
}

function outcomeOf(doc: Doc, action: Action, state: string | undefined): Outcome {
  const code = getString(doc, 'code') ?? '';
  if (action === 'access.deny') return 'denied';
  if (action === 'access.request' && (state ?? 'PENDING').toUpperCase() === 'PENDING') return 'pending';
  const success = at(doc.json, 'success');
  if (success === false || /[WE]$/.test(code))
    return /denied|not allowed|not in the set/i.test(getString(doc, 'error') ?? '') ? 'denied' : 'failure';
  return 'success';
}

function resourceOf(about: TeleportEvent): AuditEvent['resource'] {
  const { doc, cluster, event } = about;
  if (event.startsWith('access_request.')) {
    const request = requestKey(about);
    return request && { type: 'access_request', key: request.key };
  }
  const places = [
    ['db_service', 'db'],
    ['app_name', 'app'],
    ['kubernetes_cluster', 'kube'],
    ['server_id', 'node'],
    ['name', 'object'],
  ] as const;
  for (const [name, type] of places) {
    const id = getId(doc, name);
    if (id !== undefined)
      return compact<NonNullable<AuditEvent['resource']>>({
        type,
        key: `teleport://${cluster}/${type}/${id}`,
        display: getString(doc, 'server_hostname'),
      });
  }
  return undefined;
}

function factsOf(about: TeleportEvent, actor: ActorRef, certificate: Key | undefined, when: number): Facts {
  const { doc, action, event, outcome } = about;
  const decided = action === 'access.approve' ? 'approved' : action === 'access.deny' ? 'denied' : undefined;
  const roles = getList(doc, 'roles')
    .filter((role) => typeof role === 'string')
    .slice(0, 50);
  const isTouch =
    /^(?:session\.command|exec|scp|sftp|db\.session\.query|kube\.request|(?:db\.|app\.)?session\.start)$/.test(event);
  const identity = partOf(doc, 'identity');
  const mode = actor.kind === 'human' ? 'human' : 'policy';
  return compact<Facts>({
    request: action === 'access.request' ? (roles.length === 0 ? {} : { roles }) : undefined,
    decision: decided && { decided, mode, at: when, by: actor },
    login:
      event === 'user.login'
        ? compact<NonNullable<Facts['login']>>({
            factor: getString(doc, 'method'),
            mfa: outcome === 'success' && isObject(at(doc.json, 'mfa_device')) ? true : undefined,
          })
        : undefined,
    credential:
      certificate &&
      compact<NonNullable<Facts['credential']>>({
        key: certificate.key,
        expires_at: getMicros(identity, 'expires'),
        target: getString(identity, 'kubernetes_cluster') || undefined,
        method: getString(doc, 'cert_type'),
      }),
    call: isTouch
      ? compact<NonNullable<Facts['call']>>({
          service: 'teleport',
          operation: getString(doc, 'program') ?? event,
          write: action !== 'api.read',
          principal: getString(doc, 'login'),
        })
      : undefined,
  });
}
