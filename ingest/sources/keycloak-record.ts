import { createHash } from 'node:crypto';
import { normaliseHost, normaliseIssuer } from '../../model/key.ts';
import { parseStamp, stampFromMillis } from '../../model/time.ts';
import type { Stamp } from '../../model/time.ts';
import type { ParseInput } from './adapter.ts';
import { consoleTime, readConsoleLine, readKeycloakMessage } from './keycloak-line.ts';
import { at, fault, getId, getString, needId, needStamp, note, partOf } from './read.ts';
import type { Doc } from './read.ts';

/**
 * One event of Keycloak, from whichever form: the shape of the REST API (sources.md 1.7), to which a line of the log is
 * brought. `doc` is read in the same way for both.
 */
export interface KeycloakRecord {
  readonly doc: Doc;
  /** `id` of REST; timestamp and sequence of a JSON line; a digest of a text line, which has no name of its own. */
  readonly id: string;
  readonly occurred: Stamp;
  readonly form: 'rest' | 'frame' | 'text';
  readonly places: Places;
  /** Session of the administrator, where the log was set to tell it. */
  readonly adminSession?: string;
  /** Realm that an administrator's event of the log acted on, where the log was set to tell it. */
  readonly realmActedOn?: string;
}

/** The server as issuer: what stands before `/realms/<name>`, and names of realms by id. */
export interface Places {
  readonly host: string;
  readonly base: string;
  /** The realm of REST's events, where the installation is one realm. */
  readonly realm: string | undefined;
  readonly names: Readonly<Record<string, string>>;
}

/** The issuer of a realm, as in the claim `iss` of its tokens; by name, or by id where the name is not known. */
export function issuerOf(places: Places, realm: string | undefined): string | undefined {
  return realm === undefined ? undefined : `${places.base}/realms/${realm}`;
}

/** Reads where an installation is: "sso.example", "https://sso.example/auth/realms/acme", or the issuer of the policy. */
export function readPlaces(doc: Doc, input: ParseInput): Places {
  const said = input.settings?.jwt_issuer ?? input.instance;
  const url = normaliseIssuer(said) ?? '';
  const [before = '', realm] = url.split('/realms/', 2);
  const host = normaliseHost(input.instance) ?? normaliseHost(said);
  if (host === undefined) fault(doc, 'missing_required_fields', ['instance']);
  const base = /^https?:\/\//i.test(before) ? before : `https://${before}`;
  return {
    host: host ?? '',
    base: base.replace(/\/+$/, ''),
    realm: realm === undefined || realm === '' ? undefined : realm.replace(/[/?#].*$/, ''),
    names: input.settings?.realms ?? {},
  };
}

/** The name of a realm by its id; the id itself is noted as not understood. */
export function realmName(record: Doc, places: Places, id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  if (Object.hasOwn(places.names, id)) return places.names[id];
  if (places.realm !== undefined && id === at(record.json, 'realmId')) return places.realm;
  note(record, 'realmId');
  return id;
}

/** Brings a record of any form to the one shape; a fault is kept in the document. */
export function readRecord(doc: Doc, input: ParseInput): KeycloakRecord {
  const places = readPlaces(doc, input);
  if (at(doc.json, 'time') !== undefined && at(doc.json, 'realmId') !== undefined) return restRecord(doc, places);
  const logger = loggerOf(doc);
  if (logger !== undefined) return frameRecord(doc, places, logger);
  return textRecord(doc, places, input);
}

const EVENTS_LOGGER = 'org.keycloak.events';

function restRecord(doc: Doc, places: Places): KeycloakRecord {
  const time = at(doc.json, 'time');
  const occurred = stampFromMillis(time);
  if (!occurred) fault(doc, typeof time === 'number' ? 'bad_timestamp' : 'wrong_type', ['time']);
  return { doc, places, id: needId(doc, 'id'), occurred: occurred ?? { at: 0, precision: 'ms' }, form: 'rest' };
}

// `loggerName` in the plain form, `log.logger` in the form of ECS, which shippers may have taken apart.
function loggerOf(doc: Doc): string | undefined {
  return getString(doc, 'loggerName') ?? getString(doc, 'log.logger') ?? (isText(doc) ? undefined : nested(doc));
}

function nested(doc: Doc): string | undefined {
  return getString(doc, 'log', 'logger');
}

function isText(doc: Doc): boolean {
  return typeof at(doc.json, 'log') === 'string';
}

function frameRecord(doc: Doc, places: Places, logger: string): KeycloakRecord {
  if (logger !== EVENTS_LOGGER) fault(doc, 'unknown_type', ['loggerName']);
  const stampName = at(doc.json, 'timestamp') === undefined ? '@timestamp' : 'timestamp';
  const occurred = needStamp(doc, stampName);
  const sequence = SEQUENCES.find((path) => at(doc.json, ...path) !== undefined) ?? ['sequence'];
  const number = at(doc.json, ...sequence) === 0 ? '0' : needId(doc, ...sequence);
  const mdc = partOf(doc, 'mdc');
  return {
    doc: messageDoc(doc, getString(doc, 'message'), 'message'),
    places,
    id: `log:${getString(doc, stampName) ?? ''}/${number}`,
    occurred,
    form: 'frame',
    ...tellsOf(mdc),
  };
}

const SEQUENCES = [['sequence'], ['event.sequence'], ['event', 'sequence']] as const;

function tellsOf(mdc: Doc): Pick<KeycloakRecord, 'adminSession' | 'realmActedOn'> {
  const adminSession = getId(mdc, 'kc.sessionId');
  const realmActedOn = getId(mdc, 'kc.realmName');
  return {
    ...(adminSession !== undefined && { adminSession }),
    ...(realmActedOn !== undefined && { realmActedOn }),
  };
}

// How shippers call the line: Promtail and files, Fluent Bit and Docker, Vector and Filebeat.
const LINE_NAMES = ['line', 'log', 'message'] as const;
const STAMP_NAMES = ['@timestamp', 'timestamp', 'time'] as const;

function textRecord(doc: Doc, places: Places, input: ParseInput): KeycloakRecord {
  const name = LINE_NAMES.find((one) => typeof at(doc.json, one) === 'string') ?? 'line';
  const text = getString(doc, name);
  const line = text === undefined ? undefined : readConsoleLine(text);
  if (text === undefined) fault(doc, 'missing_required_fields', ['id']);
  else if (!line) fault(doc, 'missing_required_fields', [name]);
  else if (line.logger !== EVENTS_LOGGER) fault(doc, 'unknown_type', [name]);
  return {
    doc: messageDoc(doc, line?.message, name),
    places,
    id: `text:${text === undefined ? '' : digestOf(text)}`,
    occurred: textTime(doc, line, input) ?? { at: 0, precision: 'ms' },
    form: 'text',
  };
}

// The line names no zone. The policy may; else the shipper's own stamp, taken when the line was written, tells which it
// is; else it is read as UTC, which a container is in, and that is said.
function textTime(doc: Doc, line: ReturnType<typeof readConsoleLine>, input: ParseInput): Stamp | undefined {
  if (!line) return undefined;
  const zone = input.settings?.utc_offset;
  const utc = consoleTime(line, zone ?? 'Z');
  if (!utc) fault(doc, 'bad_timestamp', ['line']);
  if (!utc || zone !== undefined) return utc;
  const shipped = STAMP_NAMES.map((name) => getString(doc, name)).find((text) => text !== undefined);
  const stamp = shipped === undefined ? undefined : consoleOffset(utc, shipped);
  if (!stamp) note(doc, 'zone');
  return stamp ?? utc;
}

const QUARTER_US = 900_000_000;
const SHIPPED_WITHIN_US = 120_000_000;

// Zones are whole quarters of an hour, and a shipper reads a line within moments: so the distance tells the zone.
function consoleOffset(utc: Stamp, shipped: string): Stamp | undefined {
  const stamp = parseStamp(shipped);
  if (!stamp) return undefined;
  const distance = stamp.at - utc.at;
  const offset = Math.round(distance / QUARTER_US) * QUARTER_US;
  return Math.abs(distance - offset) <= SHIPPED_WITHIN_US
    ? { at: utc.at + offset, precision: utc.precision }
    : undefined;
}

const HEAD = new Set([
  'type',
  'operationType',
  'realmId',
  'realmName',
  'clientId',
  'userId',
  'sessionId',
  'ipAddress',
  'error',
]);

// A line as the REST API would show it. "null" is how the line says nothing, save for a user who is called that.
function messageDoc(doc: Doc, message: string | undefined, name: string): Doc {
  const empty: Doc = { json: {}, where: name, notes: doc.notes };
  if (message === undefined) {
    fault(doc, 'missing_required_fields', [name]);
    return empty;
  }
  const line = readKeycloakMessage(message);
  if (!line.ok) {
    doc.notes.fault ??= { reason: 'ambiguous', detail: `${name}: ${line.detail}` };
    return empty;
  }
  const value = (field: string): string | undefined => {
    const text = line.fields.get(field);
    return text === 'null' ? undefined : text;
  };
  const json: Record<string, unknown> = {};
  const details: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const field of line.fields.keys()) {
    if (HEAD.has(field)) json[field] = value(field);
    else if (field === 'resourceType' || field === 'resourcePath' || field === 'representation')
      json[field] = value(field);
    else details[field] = line.fields.get(field) ?? '';
  }
  if (line.fields.has('type')) return { ...empty, json: { ...json, details } };
  const { clientId, userId, ipAddress, realmId, realmName: actorRealm, ...rest } = json;
  return {
    ...empty,
    json: { ...rest, authDetails: { realmId, realmName: actorRealm, clientId, userId, ipAddress }, details },
  };
}

function digestOf(text: string): string {
  return createHash('sha256')
    .update(text.replace(/\r?\n$/, ''))
    .digest('hex')
    .slice(0, 32);
}
