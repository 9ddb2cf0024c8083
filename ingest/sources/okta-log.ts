import type { ActorRef } from '../../model/actor.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Family } from '../../model/source.ts';
import { normaliseHost } from '../../model/key.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { flattenAct } from './act-claims.ts';
import { compact, openDraft } from './draft.ts';
import { oktaAction, oktaOutcome } from './okta-action.ts';
import {
  addFlowKeys,
  addPartyKeys,
  issuerOf,
  oktaFacts,
  partyOf,
  requestDetail,
  requestKeys,
  targetsOf,
} from './okta-parts.ts';
import type { Log } from './okta-parts.ts';
import {
  at,
  fault,
  getId,
  getString,
  isObject,
  needId,
  needObject,
  needStamp,
  needString,
  openDoc,
  partOf,
  partsOf,
  refusalOf,
} from './read.ts';
import type { Doc } from './read.ts';

const FAMILY: Family = 'okta.log';

// A log event stands alone in poll and hook, under `detail` in EventBridge, under `event` in Splunk's collector form.
const WRAPPERS: readonly (readonly string[])[] = [[], ['detail'], ['event']];

// What a log event must not leave behind (sources.md 1.5, Redact): links that carry codes and states, the device's
// fingerprint, and whatever an administrator's secret was.
const SECRET_PATHS: readonly (readonly string[])[] = [
  ...['url', 'redirectUri', 'fromUri', 'relayState', 'state', 'SAMLResponse', 'SAMLRequest', 'deviceFingerprint'].map(
    (name) => ['debugContext', 'debugData', name],
  ),
  ...['secret', 'clientSecret', 'client_secret', 'password', 'privateKey', 'value'].map((name) => [
    'target',
    '*',
    'detailEntry',
    name,
  ]),
];

/** Okta System Log (sources.md 1.5): poll, event hook and log stream tell the same events, known by `uuid`. */
export const oktaLog: SourceAdapter = {
  source: 'okta.log',
  family: FAMILY,
  containers: [['data', 'events'], []],
  redact: WRAPPERS.flatMap((wrapper) =>
    SECRET_PATHS.map((path): RedactionRule => ({ path: [...wrapper, ...path], rule: path.at(-1) ?? 'secret' })),
  ),
  parse: parseLog,
};

function parseLog(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const whole = openDoc(input.json);
  const doc = unwrap(whole);
  if (at(doc.json, 'eventType') === 'com.okta.event_hook') return refuse('missing_required_fields', 'data.events');
  const log = readLog(doc, input);
  const published = needStamp(doc, 'published');
  const unreadable = refusalOf(doc);
  if (unreadable) return unreadable;
  addFlowKeys(log);
  addPartyKeys(log);
  const acting = partyOf(log, partOf(doc, 'actor'));
  const behalf = onBehalfOf(log, acting.kind);
  const actor = withSponsor(acting, behalf);
  const result = getString(doc, 'outcome', 'result');
  const event = compact<AuditEvent>({
    family: FAMILY,
    source: 'okta.log',
    instance: log.host,
    nativeId: log.uuid,
    dedupeKey: log.uuid,
    type: log.type,
    occurred: published,
    action: log.action,
    outcome: log.outcome,
    outcomeCode: result,
    outcomeReason: getString(doc, 'outcome', 'reason'),
    actor,
    onBehalfOf: behalf,
    actChain: actChainOf(log, actor),
    resource: resourceOf(log),
    environment: requestDetail(log).environment,
    sourceIp: getString(doc, 'client', 'ipAddress'),
    userAgent: getString(doc, 'client', 'userAgent', 'rawUserAgent'),
    keys: log.draft.keys,
    edges: log.draft.edges,
    facts: oktaFacts(log, actor, published.at),
    unread: doc.notes.unread,
    content: contentOf(log),
  });
  return { ok: true, events: [event] };
}

function unwrap(doc: Doc): Doc {
  if (at(doc.json, 'uuid') !== undefined) return doc;
  for (const name of ['detail', 'event']) if (isObject(at(doc.json, name))) return partOf(doc, name);
  return doc;
}

function readLog(doc: Doc, input: ParseInput): Log {
  const host = normaliseHost(input.instance);
  if (host === undefined) fault(doc, 'missing_required_fields', ['instance']);
  needObject(doc, 'actor');
  // Okta writes "unknown" for whoever failed to log in: that is no fault, another type is.
  const id = at(doc.json, 'actor', 'id');
  if (id !== undefined && id !== null && typeof id !== 'string') fault(doc, 'wrong_type', ['actor', 'id']);
  const type = needString(doc, 'eventType');
  const action = oktaAction(type);
  return {
    doc,
    host: host ?? '',
    draft: openDraft(),
    uuid: needId(doc, 'uuid'),
    type,
    action,
    outcome: oktaOutcome(getString(doc, 'outcome', 'result'), action),
    targets: partsOf(doc, 'target'),
  };
}

// A client that is granted a token acts for the user whom the grant names.
function onBehalfOf(log: Log, kind: string): AuditEvent['onBehalfOf'] {
  if (kind !== 'service' && kind !== 'ai_agent') return undefined;
  if (log.action !== 'token.issue' && log.action !== 'token.exchange') return undefined;
  const user = targetsOf(log, 'user')[0];
  return user && partyOf(log, user);
}

// An agent that was granted a token for a user acts for that person, who so answers for it here.
function withSponsor(actor: ActorRef, behalf: ActorRef | undefined): ActorRef {
  return actor.kind === 'ai_agent' && behalf?.kind === 'human' && behalf.key !== ''
    ? { ...actor, sponsor: behalf.key }
    : actor;
}

// The grant of a token to an agent holds the `act` claim as text (sources.md 1.5, seen in others' code only).
function actChainOf(log: Log, actor: ActorRef): AuditEvent['actChain'] {
  for (const target of targetsOf(log, 'accesstoken', 'idjag')) {
    const act = jsonOf(getString(target, 'detailEntry', 'actor'));
    const actors = flattenAct(act, issuerOf(log.host));
    if (actors !== undefined && actors.length > 0)
      return actors.map((one) => (one.key === actor.key ? { ...one, ...actor } : one));
  }
  return actor.kind === 'ai_agent' && actor.sponsor !== undefined ? [actor] : undefined;
}

function jsonOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function resourceOf(log: Log): AuditEvent['resource'] {
  const request = requestKeys(log)[0];
  const groups = targetsOf(log, 'usergroup');
  const target = groups[0] ?? log.targets[0];
  const id = target && getId(target, 'id');
  if (!target || (!request && id === undefined)) return undefined;
  const type = (getString(target, 'type') ?? 'object').replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  const key = request?.key ?? `okta://${log.host}/${groups[0] ? 'group' : type}/${id ?? ''}`;
  return compact<NonNullable<AuditEvent['resource']>>({ type, key, display: getString(target, 'displayName') });
}

// What hook, poll and stream must agree on. Not the texts for display, which follow the reader's language.
function contentOf(log: Log): unknown {
  const { doc, type } = log;
  const pick = (part: unknown, names: readonly string[]): unknown[] => names.map((name) => at(part, name) ?? null);
  return [
    type,
    at(doc.json, 'published'),
    pick(at(doc.json, 'actor'), ['id', 'type', 'alternateId']),
    pick(at(doc.json, 'outcome'), ['result', 'reason']),
    log.targets.map((target) => pick(target.json, ['id', 'type', 'alternateId', 'detailEntry'])),
    at(doc.json, 'transaction', 'id') ?? null,
    pick(at(doc.json, 'authenticationContext'), ['externalSessionId', 'rootSessionId', 'credentialType']),
    at(doc.json, 'client', 'ipAddress') ?? null,
    pick(at(doc.json, 'debugContext', 'debugData'), ['grantedScopes', 'requestedScopes', 'grantType', 'factor']),
  ];
}
