import type { Action, Outcome } from '../../model/action.ts';
import type { ActorRef } from '../../model/actor.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import type { ParseInput, ParseResult, SourceAdapter } from './adapter.ts';
import { compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import { ciFacts, credentialFacts, decisionFacts, requestFacts, reviewFacts, targetFacts } from './issuer-facts.ts';
import { identityFacts } from './issuer-identity.ts';
import { addTokenLinks } from './issuer-links.ts';
import type { TokenLinks, TokenPhase } from './issuer-links.ts';
import { addPartyKeys, noteStrayClaims, readParties, readParty } from './issuer-parties.ts';
import type { Party } from './issuer-parties.ts';
import { at, getString, getStamp, isObject, needStamp, needString, openDoc, partOf, refusalOf } from './read.ts';
import type { Doc, JsonObject } from './read.ts';

/** The life of tokens as their issuers tell it: CloudEvents 1.0 with the contract of sources.md part 3. */
export const issuerCloudevents: SourceAdapter = {
  source: 'issuer.cloudevents',
  family: 'ce',
  containers: [[]],
  // The door refuses token material outright. A public key in full is none, but it is not needed either (3.1 rule 2).
  redact: [{ path: ['data', '**', 'cnf', 'jwk'], rule: 'key' }],
  parse,
};

interface Kind {
  readonly action: Action;
  readonly phase: TokenPhase;
  /** What the type itself says of the outcome; undefined where the data tells. */
  readonly outcome?: Outcome;
}

// Types end in ".token.<name>.v<n>", ".review.<name>.v<n>" or ".identity.<name>.v<n>"; what comes before is the product's own domain.
const TYPE = /(?:^|\.)((?:token|review|identity)\.[a-z_]+)\.v(\d+)$/;
/** The version of the contract that is read here, in the name of a type and in `data.schema_version`. */
const READ_VERSION = 1;
const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['token.requested', { action: 'token.request', phase: 'asked', outcome: 'pending' }],
  ['token.approved', { action: 'access.approve', phase: 'decided', outcome: 'success' }],
  ['token.denied', { action: 'access.deny', phase: 'decided', outcome: 'denied' }],
  ['token.issued', { action: 'token.issue', phase: 'born' }],
  ['token.exchanged', { action: 'token.exchange', phase: 'born' }],
  ['token.used', { action: 'token.use', phase: 'used' }],
  ['token.revoked', { action: 'token.revoke', phase: 'ended' }],
  ['token.expired', { action: 'token.expire', phase: 'ended', outcome: 'success' }],
  ['identity.linked', { action: 'identity.merge', phase: 'other', outcome: 'success' }],
  ['identity.unlinked', { action: 'identity.split', phase: 'other', outcome: 'success' }],
  ['review.completed', { action: 'access.review', phase: 'other', outcome: 'success' }],
]);
const OTHER: Kind = { action: 'other', phase: 'other' };

function parse(input: ParseInput): ParseResult {
  const json = envelopeOf(input);
  const event = openDoc(json);
  const id = needString(event, 'id');
  const source = needString(event, 'source');
  const type = needString(event, 'type');
  const occurred = needStamp(event, 'time');
  const refusal = refusalOf(event);
  if (refusal) return refusal;
  const [, name = '', version = ''] = TYPE.exec(type) ?? [];
  const isLater = KINDS.has(name) && isLaterVersion(version, at(json, 'data', 'schema_version'));
  const kind = isLater ? OTHER : (KINDS.get(name) ?? OTHER);
  // A type that is not ours has data of its own, and a later version may mean other things by the same names: such data
  // is kept and not read, and a rebuild by a version that knows it reads it then.
  const data = kind === OTHER ? openDoc({}) : partOf(event, 'data');
  const outcome = kind.outcome ?? outcomeOf(data);
  const draft = openDraft();
  const links = addTokenLinks(draft, event, data, kind.phase, kind.phase === 'born' && outcome === 'success');
  const parties = addParties(draft, data, kind, links, source);
  const target = targetFacts(data);
  const built = compact<AuditEvent>({
    family: 'ce',
    source: 'issuer.cloudevents',
    instance: source,
    nativeId: id,
    dedupeKey: `${source}\u0000${id}`,
    type,
    occurred,
    observed: getStamp(event, 'recordedtime'),
    sequence: getString(event, 'sequence'),
    action: kind.action,
    outcome,
    outcomeCode: getString(data, 'error_code'),
    outcomeReason: getString(data, 'reason_code') ?? getString(data, 'approval', 'reason_code'),
    ...parties,
    credential: links.token && { kind: getString(data, 'token', 'kind') ?? 'jwt', key: links.token.key },
    resource: target && { type: target.type, key: target.name },
    environment: getString(data, 'ci', 'environment'),
    sourceIp: getString(data, 'client_ip'),
    userAgent: getString(data, 'user_agent'),
    facts: factsOf(draft, data, kind, outcome, links, occurred),
    keys: draft.keys,
    edges: draft.edges,
    unread: isLater ? [...event.notes.unread, 'data'] : event.notes.unread,
    content: json,
  });
  return { ok: true, events: [built] };
}

function isLaterVersion(ofType: string, stated: unknown): boolean {
  return Number(ofType) > READ_VERSION || (typeof stated === 'number' && stated > READ_VERSION);
}

function factsOf(
  draft: Draft,
  data: Doc,
  kind: Kind,
  outcome: Outcome,
  links: TokenLinks,
  time: AuditEvent['occurred'],
): Facts {
  const born = kind.phase === 'born' && outcome === 'success';
  const decided = outcome === 'denied' ? 'denied' : 'approved';
  const target = targetFacts(data);
  return compact<Facts>({
    credential: born ? credentialFacts(data, links, time) : undefined,
    decision: kind.phase === 'decided' ? decisionFacts(data, links, decided, time.at) : undefined,
    relied_on: born ? decisionFacts(data, links, 'approved', undefined) : undefined,
    request: kind.phase === 'asked' ? requestFacts(data) : undefined,
    review: kind.action === 'access.review' ? reviewFacts(data, time) : undefined,
    call: kind.phase === 'used' && target ? { service: target.type, operation: 'use', write: false } : undefined,
    identity:
      kind.action === 'identity.merge' || kind.action === 'identity.split'
        ? identityFacts(draft, data, kind.action === 'identity.merge' ? 'merge' : 'split', time)
        : undefined,
    ci: ciFacts(data),
    target,
  });
}

type Parties = Pick<AuditEvent, 'actor' | 'onBehalfOf' | 'actChain' | 'initiator'>;

/**
 * Who did this (sources.md 2.2, 3.5). The event of a request is the requester's, of a decision its decider's, of a
 * review the reviewer's; in the rest the outermost actor of the token acts for its subject.
 */
function addParties(draft: Draft, data: Doc, kind: Kind, links: TokenLinks, source: string): Parties {
  const subject = readParty(data, 'subject');
  const actors = readParties(data, 'actors');
  const requester = readParty(data, 'requester');
  const acting = actors[0] ?? subject;
  const decider = readParty(data, 'approval', 'decision_by');
  const byKind: Partial<Record<TokenPhase, Party | undefined>> = {
    asked: requester ?? acting,
    decided: decider,
    other: readParty(data, 'review', 'reviewer') ?? readParty(data, 'identity', 'by'),
    ended: getString(data, 'initiating_entity') === 'user' ? (requester ?? acting) : undefined,
  };
  const named = kind.phase in byKind ? byKind[kind.phase] : acting;
  // An agent acts for the person whose rights the token carries.
  const sponsor = named?.ref.kind === 'ai_agent' && subject?.ref.kind === 'human' ? subject.ref.key : undefined;
  const party = named && sponsor !== undefined ? { ...named, ref: { ...named.ref, sponsor } } : named;
  addPartyKeys(draft, party, 'actor');
  if (subject && subject.ref.key !== party?.ref.key) addPartyKeys(draft, subject, 'on_behalf_of');
  for (const other of [...actors, requester, decider]) {
    if (other && other.ref.key !== party?.ref.key && other.ref.key !== subject?.ref.key)
      addPartyKeys(draft, other, 'mentions');
  }
  noteStrayClaims(data, [party, subject, requester, decider, ...actors]);
  return compact<Parties>({
    actor: party?.ref ?? issuerItself(data, kind, links, source),
    onBehalfOf: subject && subject.ref.key !== party?.ref.key ? subject.ref : undefined,
    actChain: actors.length > 0 ? actors.map((actor) => actor.ref) : undefined,
    initiator: requester && requester.ref.key !== party?.ref.key ? requester.ref : undefined,
  });
}

// Nobody is named: the rule of a policy decided, or the issuer itself acted. An administrator who is not named stays
// unknown, because "the system" would be an answer that nobody gave.
function issuerItself(data: Doc, kind: Kind, links: TokenLinks, source: string): ActorRef {
  const policy = links.policy;
  if (kind.phase === 'decided' && policy) return { kind: 'system', key: policy.key, display: policy.key };
  const key = keyOf('idp:user', source.replace(/\/+$/, ''), 'issuer')?.key ?? '';
  const byPerson = getString(data, 'initiating_entity') === 'admin';
  return compact<ActorRef>({
    kind: byPerson ? 'unknown' : 'system',
    key,
    display: byPerson ? `an administrator of ${source}` : source,
  });
}

function outcomeOf(data: Doc): Outcome {
  const outcome = getString(data, 'outcome');
  if (outcome === 'failure' || outcome === 'denied') return outcome;
  return outcome === undefined || outcome === 'success' ? 'success' : 'unknown';
}

/**
 * The event in its structured form. In binary mode the context attributes come as headers, `ce-id` over HTTP and
 * `ce_id` over Kafka, percent-encoded (CloudEvents HTTP binding 3.1.3), and the body is `data`: the same event in
 * either form has the same content.
 */
export function envelopeOf(input: Pick<ParseInput, 'json' | 'headers'>): unknown {
  const { json, headers } = input;
  if (headers['ce-id'] === undefined && headers['ce_id'] === undefined) return json;
  if (isObject(json) && typeof at(json, 'specversion') === 'string' && at(json, 'id') !== undefined) return json;
  const envelope = new Map<string, unknown>();
  for (const [name, value] of Object.entries(headers)) {
    const attribute = /^ce[-_]([a-z0-9]{1,20})$/.exec(name)?.[1];
    if (attribute !== undefined) envelope.set(attribute, decode(value));
  }
  const contentType = headers['content-type'];
  if (contentType !== undefined) envelope.set('datacontenttype', contentType);
  envelope.set('data', json);
  return Object.fromEntries(envelope) satisfies JsonObject;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
