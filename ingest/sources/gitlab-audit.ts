import { createHash } from 'node:crypto';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Family, Source } from '../../model/source.ts';
import type { Stamp } from '../../model/time.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { auditAction, auditOutcome } from './gitlab-audit-action.ts';
import { addAuditKeys, auditActor, auditAddress, auditFacts, auditResource } from './gitlab-audit-parts.ts';
import type { Audit } from './gitlab-audit-parts.ts';
import { compact, openDraft } from './draft.ts';
import { gitlabScope } from './gitlab.ts';
import { at, fault, getId, getObject, getString, isObject, needString, needStamp, openDoc, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

const FAMILY: Family = 'gitlab.audit';

// What a change was from and to is evidence (a role, a visibility), except where it is the value of a variable. All
// other texts are looked through by the scanner (sources.md 1.1, Redact, and 3.6).
const VARIABLE_TYPES = ['ci_variable', 'ci_group_variable', 'ci_instance_variable'].flatMap((name) =>
  ['created', 'updated', 'deleted'].map((verb) => `${name}_${verb}`),
);
const REDACT: readonly RedactionRule[] = ['from', 'to'].flatMap((name) => [
  { path: ['details', name], rule: 'variable_value', when: { path: ['details', 'event_name'], in: VARIABLE_TYPES } },
  {
    path: ['details', name],
    rule: 'variable_value',
    when: { path: ['details', 'change'], in: ['value', 'secret_value', 'variable'] },
  },
]);

/** GitLab audit event streaming (sources.md 1.1): one object a request, or an array (the newer transport). */
export const gitlabAuditStream: SourceAdapter = adapter('gitlab.audit-stream');

/** GitLab audit events by REST (sources.md 1.2): the saved ones again, in another shape; the same events. */
export const gitlabAuditRest: SourceAdapter = adapter('gitlab.audit-rest');

function adapter(source: Source): SourceAdapter {
  return { source, family: FAMILY, containers: [[]], redact: REDACT, parse: (input) => parseAudit(source, input) };
}

function parseAudit(source: Source, input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const audit = readAudit(doc, input);
  const identity = identityOf(audit, source);
  const unreadable = refusalOf(doc);
  if (unreadable) return unreadable;
  const draft = openDraft();
  addAuditKeys(audit, draft);
  const { type, message, host, occurred } = audit;
  const actors = auditActor(audit);
  const event = compact<AuditEvent>({
    family: FAMILY,
    source,
    instance: host,
    nativeId: identity,
    dedupeKey: identity,
    type,
    occurred,
    action: auditAction(type, message),
    outcome: auditOutcome(type),
    ...actors,
    ...auditResource(audit),
    ...(type === 'user_authenticated_using_job_token' && jobToken(draft.keys)),
    sourceIp: auditAddress(doc),
    keys: draft.keys,
    edges: draft.edges,
    facts: auditFacts(audit, actors.actor),
    unread: doc.notes.unread,
    content: contentOf(audit),
  });
  return { ok: true, events: [event] };
}

function readAudit(doc: Doc, input: ParseInput): Audit {
  // Lines of the server's own audit_json.log have the details at the top, and `time` beside `created_at`.
  const details = getObject(doc, 'details') ? ['details'] : [];
  return {
    doc,
    details,
    host: gitlabScope(doc, input, []),
    type: typeOf(doc),
    occurred:
      at(doc.json, 'created_at') === undefined && at(doc.json, 'time') !== undefined
        ? needStamp(doc, 'time')
        : needStamp(doc, 'created_at'),
    author: authorOf(doc),
    entityType: getString(doc, 'entity_type'),
    entityId: getId(doc, 'entity_id'),
    targetType: getString(doc, ...details, 'target_type'),
    targetId: getId(doc, ...details, 'target_id'),
    targetDetails: getString(doc, ...details, 'target_details'),
    message: at(doc.json, ...details, 'custom_message'),
  };
}

// Negative for authors that are no users, so not an id like others.
function authorOf(doc: Doc): string {
  const author = at(doc.json, 'author_id');
  const text = typeof author === 'number' || typeof author === 'string' ? String(author) : '';
  if (/^-?\d{1,20}$/.test(text)) return text;
  fault(doc, author === undefined || author === null ? 'missing_required_fields' : 'wrong_type', ['author_id']);
  return '';
}

// `event_type` in the stream, `event_name` in REST. Before 15.x neither: there the details begin with a verb.
function typeOf(doc: Doc): string {
  for (const path of [['event_type'], ['event_name'], ['details', 'event_name']]) {
    const value = at(doc.json, ...path);
    if (value !== undefined && value !== null && value !== '') return needString(doc, ...path);
  }
  for (const verb of ['add', 'change', 'remove', 'with', 'failed_login']) {
    const noun = at(doc.json, 'details', verb) ?? at(doc.json, verb);
    if (typeof noun === 'string' && noun !== '')
      return `${verb}_${noun}`
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '_')
        .slice(0, 100);
  }
  return 'audit_event';
}

/**
 * What makes two deliveries one event (sources.md 1.1): the number in the database, which the REST page repeats; else
 * the stream's own id; else a fingerprint, because events that are only streamed get a new random id each time, and
 * old servers wrote the second of the day for an id.
 */
function identityOf(audit: Audit, source: Source): string {
  const { doc } = audit;
  const id = getId(doc, 'id');
  const seconds = Math.floor(audit.occurred.at / 1_000_000);
  if (id !== undefined && /^\d{1,20}$/.test(id) && (source === 'gitlab.audit-rest' || id !== String(seconds)))
    return id;
  const stream = getId(doc, 'stream_id');
  if (stream !== undefined) return stream;
  // A line of audit_json.log has no id at all; whatever else has none cannot be told from another.
  if (id === undefined && at(doc.json, 'severity') === undefined) fault(doc, 'missing_required_fields', ['id']);
  return fingerprintOf(audit);
}

function fingerprintOf(audit: Audit): string {
  const { type, author, entityType, entityId, targetType, targetId, occurred } = audit;
  const parts = [type, author, entityType, entityId, targetType, targetId, String(Math.floor(occurred.at / 1_000))];
  const text = [...parts.map((part) => part ?? ''), canonicalJson(detailsOf(audit))].join('\u0000');
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}

// Only what the stream and REST both have: the e-mail of the author stands in REST alone, and the id is a number there.
function contentOf(audit: Audit): unknown {
  const { type, author, entityType, entityId } = audit;
  const occurred: Stamp['at'] = audit.occurred.at;
  return { type, author, entityType, entityId, occurred, details: detailsOf(audit) };
}

function detailsOf(audit: Audit): unknown {
  const details = at(audit.doc.json, ...audit.details);
  if (!isObject(details)) return {};
  return Object.fromEntries(
    Object.entries(details).filter(([name]) => name !== 'author_email' && name !== 'event_name'),
  );
}

function jobToken(keys: AuditEvent['keys']): Pick<AuditEvent, 'credential'> {
  const job = keys.find((key) => key.type === 'gitlab:job');
  return job ? { credential: { kind: 'job_token', key: job.key } } : {};
}
