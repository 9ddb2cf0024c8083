import { createHash } from 'node:crypto';
import type { ActorRef } from '../../model/actor.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { AuditEvent, KeyRole } from '../../model/event.ts';
import { identifier, keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { emailKey, idpUserKey, ipKey, isUuid } from '../../model/keys.ts';
import type { ParseInput } from './adapter.ts';
import { addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { emailOf } from './gitlab.ts';
import { at, fault, getId, getString, isObject, needStamp, partOf } from './read.ts';
import type { Doc, Path } from './read.ts';
import { parseStamp } from '../../model/time.ts';
import type { Stamp } from '../../model/time.ts';

/** One record of Entra on its way: the Graph object, alone or as `properties` of a diagnostic record. */
export interface EntraRecord {
  /** The Graph object. */
  readonly doc: Doc;
  /** The diagnostic envelope; the same as `doc` where there is none. */
  readonly envelope: Doc;
  readonly input: ParseInput;
  readonly tenant: string;
  readonly category: string;
  readonly draft: Draft;
}

/** What a kind of record tells; source, instance, keys and edges are added for all kinds alike. */
export type EntraTold = Omit<
  AuditEvent,
  'family' | 'source' | 'instance' | 'nativeId' | 'dedupeKey' | 'keys' | 'edges' | 'unread'
> & { readonly kind: 'signin' | 'audit' | 'risk' | 'graph'; readonly id: string };

const NIL = '00000000-0000-0000-0000-000000000000';

/** An identifier of Entra: "<null>" and the nil GUID, which stands where it has none, are nothing. */
export function entraId(doc: Doc, ...path: Path): string | undefined {
  const id = getId(doc, ...path);
  return id === NIL ? undefined : id;
}

/** Text that is not Entra's "<null>" and not empty. */
export function entraText(doc: Doc, ...path: Path): string | undefined {
  const text = getString(doc, ...path);
  return text === '' || text === '<null>' ? undefined : text;
}

/**
 * The tenant, the scope of every key: what the envelope names, else the installation. An envelope that names another
 * tenant than the one that the credential is for is a fault (sources.md 4.9).
 */
export function entraTenant(envelope: Doc, input: ParseInput): string {
  const said = identifier(input.instance)?.toLowerCase();
  const named = identifier(at(envelope.json, 'tenantId') ?? at(envelope.json, 'tenantid'))?.toLowerCase();
  if (said !== undefined && named !== undefined && said !== named && isUuid(said)) {
    fault(envelope, 'instance_mismatch', ['tenantId']);
  }
  const tenant = named ?? said;
  if (tenant === undefined) fault(envelope, 'missing_required_fields', ['instance']);
  return tenant ?? '';
}

/** The issuer of a tenant's tokens; identities are object ids under it, since `sub` differs by application. */
export function entraIssuer(tenant: string): string {
  return `https://login.microsoftonline.com/${tenant}/v2.0`;
}

/** The key of a user, service principal or managed identity by its object id. */
export function entraPrincipal(record: EntraRecord, id: string | undefined): Key | undefined {
  return idpUserKey(entraIssuer(record.tenant), id);
}

/** The first of the names that holds a readable time; without one of them, the time of the envelope, which must be. */
export function entraTime(record: EntraRecord, ...names: readonly string[]): Stamp {
  const isThere = (one: string): boolean => at(record.doc.json, one) !== undefined && at(record.doc.json, one) !== null;
  const name = names.find((one) => parseStamp(at(record.doc.json, one))) ?? names.find(isThere);
  return name === undefined ? needStamp(record.envelope, 'time') : needStamp(record.doc, name);
}

/** A user as a party. The principal name need not be an e-mail address: it is a key only where it looks like one. */
export function entraUser(record: EntraRecord, part: Doc, idName: string, role: KeyRole): ActorRef {
  const id = entraId(part, idName);
  const name = entraText(part, 'userPrincipalName');
  const field = part.where === '' ? '' : `${part.where}.`;
  const key = addKey(record.draft, entraPrincipal(record, id), role, `${field}${idName}`);
  addKey(record.draft, emailKey(name), role, `${field}userPrincipalName`, 'asserted');
  const display = entraText(part, 'userDisplayName') ?? entraText(part, 'displayName') ?? name;
  return compact<ActorRef>({ kind: key ? 'human' : 'unknown', key: key?.key ?? '', display, email: emailOf(name) });
}

/** Adds what groups the records of one operation, and the address. */
export function addEntraContext(record: EntraRecord, address: string | undefined): void {
  const { doc, draft, tenant } = record;
  const correlation = keyOf('entra:correlation', tenant, entraId(doc, 'correlationId'));
  addKey(draft, correlation, 'uses', 'correlationId');
  addKey(draft, ipKey(address), 'place', 'ipAddress');
}

/** Adds the application as a place, and gives its key. */
export function addEntraApp(record: EntraRecord, name: string): Key | undefined {
  return addKey(record.draft, keyOf('entra:app', record.tenant, entraId(record.doc, name)), 'place', name);
}

/** The id of a record, or a hash of what it says where it has none. */
export function entraRecordId(record: EntraRecord, name = 'id'): string {
  const id = entraId(record.doc, name);
  return id ?? createHash('sha256').update(canonicalJson(record.envelope.json)).digest('hex').slice(0, 32);
}

/** The Graph object of a record: `properties` of a diagnostic record, or the record itself. */
export function graphObject(envelope: Doc): Doc {
  return isObject(at(envelope.json, 'properties')) ? partOf(envelope, 'properties') : envelope;
}
