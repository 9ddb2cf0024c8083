import type { AuditEvent } from '../../model/event.ts';
import type { Family } from '../../model/source.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { readAdminEvent } from './keycloak-admin.ts';
import { twinOf } from './keycloak-match.ts';
import { readRecord } from './keycloak-record.ts';
import { readUserEvent } from './keycloak-user.ts';
import { at, isObject, openDoc, refusalOf } from './read.ts';

const FAMILY: Family = 'keycloak';

// Names of members of a representation that hold a secret in clear (sources.md 1.7.1), at whatever depth.
const SECRET_NAMES = [
  'secret', 'clientSecret', 'client_secret', 'password', 'bindCredential', 'registrationAccessToken', 'privateKey',
  'token', 'secretData', 'credentialData', 'saml.signing.private.key', 'saml.encryption.private.key',
]; // prettier-ignore
// Attributes of users, clients and realms, settings of mappers and components: whatever an administrator put there.
const OPEN_NAMES = ['attributes', 'config', 'credentials', 'smtpServer'];

const REDACT: readonly RedactionRule[] = [
  { path: ['representation'], rule: 'representation', part: 'json' },
  ...SECRET_NAMES.map((name): RedactionRule => ({ path: ['**', name], rule: 'secret' })),
  ...OPEN_NAMES.map((name): RedactionRule => ({ path: ['**', name, '**'], rule: 'attribute' })),
  { path: ['details', 'redirect_uri'], rule: 'query', part: 'query' },
  { path: ['message'], rule: 'keycloak', part: 'keycloak_line' },
  { path: ['line'], rule: 'keycloak', part: 'keycloak_line' },
  { path: ['log'], rule: 'keycloak', part: 'keycloak_line' },
];

/**
 * Keycloak (sources.md 1.7, 1.7.1): user and administrator events of the REST API and of listeners that send the same
 * shape, JSON lines of the console (plain and ECS), and its text lines, which a shipper sends as `line`, `log` or
 * `message`. A hostile line that has no single reading is refused as ambiguous; the REST API tells such an event.
 */
export const keycloakEvent: SourceAdapter = {
  source: 'keycloak.event',
  family: FAMILY,
  containers: [[]],
  textLines: 'line',
  redact: REDACT,
  parse: parseEvent,
};

function parseEvent(input: ParseInput): ParseResult {
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const doc = openDoc(input.json);
  const record = readRecord(doc, input);
  const early = refusalOf(doc);
  if (early) return early;
  const read = at(record.doc.json, 'operationType') === undefined ? readUserEvent : readAdminEvent;
  const told = read(record);
  const refused = refusalOf(doc);
  if (refused) return refused;
  const event: AuditEvent = {
    ...told,
    family: FAMILY,
    source: 'keycloak.event',
    instance: record.places.host,
    nativeId: record.id,
    dedupeKey: record.id,
    occurred: record.occurred,
    unread: doc.notes.unread,
    content: record.doc.json,
  };
  const twin = twinOf(event, record.form === 'rest' ? 'rest' : 'log');
  return { ok: true, events: [{ ...event, twin }] };
}
