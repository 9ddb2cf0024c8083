import type { ActorKind, ActorRef } from '../../model/actor.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { identifier, keyOf, normaliseEmail } from '../../model/key.ts';
import { emailKey, ipKey, vaultKey } from '../../model/keys.ts';
import { refuse } from './adapter.ts';
import type { ParseInput, ParseResult, SourceAdapter } from './adapter.ts';
import { addKey, compact, openDraft } from './draft.ts';
import type { Draft } from './draft.ts';
import {
  at,
  fault,
  getNumber,
  getString,
  isObject,
  needId,
  needObject,
  needStamp,
  needString,
  openDoc,
  refusalOf,
} from './read.ts';
import type { Doc } from './read.ts';
import { forgedMetadata, namesJob } from './vault-claims.ts';
import { readEntry } from './vault-entry.ts';
import type { VaultEntry } from './vault-entry.ts';
import { addVaultLinks } from './vault-links.ts';
import type { VaultLinks } from './vault-links.ts';
import { vaultRedactions } from './vault-redact.ts';
import { refusedToken } from './vault-refusals.ts';

/** What a Vault (or OpenBao) cluster was asked and answered: two entries a request (sources.md 1.10, 1.10.1). */
export const vaultAudit: SourceAdapter = {
  source: 'vault.audit',
  family: 'vault.audit',
  containers: [[]],
  redact: vaultRedactions,
  parse,
};

function parse(input: ParseInput): ParseResult {
  const entry = openDoc(input.json);
  const occurred = needStamp(entry, 'time');
  const type = needString(entry, 'type');
  needObject(entry, 'request');
  const requestId = needId(entry, 'request', 'id');
  if (input.instance === '') fault(entry, 'missing_required_fields', ['cluster']);
  const refusal = refusalOf(entry);
  if (refusal) return refusal;
  const raw = rawToken(entry);
  if (raw !== undefined) return refuse('token_material_present', `${raw} is not hashed: the device writes raw entries`);
  const cluster = input.instance;
  const read = readEntry(entry);
  const draft = openDraft();
  addKey(draft, vaultKey('vault:request', cluster, requestId), 'subject', 'request.id');
  const scope = { cluster, device: input.settings?.device ?? 'default' };
  const links = addVaultLinks({ draft, entry, read, scope, settings: input.settings, time: occurred.at });
  const actor = addActor(draft, entry, cluster);
  const path = addKey(draft, keyOf('vault:path', cluster, read.path), 'target', 'request.path');
  const address = ipKey(getString(entry, 'request', 'remote_address'));
  addKey(draft, address, 'place', 'request.remote_address');
  const event = compact<AuditEvent>({
    family: 'vault.audit',
    source: 'vault.audit',
    instance: cluster,
    nativeId: `${requestId}:${type}`,
    dedupeKey: `${requestId}\u0000${type}`,
    type: typeOf(read, type),
    occurred,
    action: read.action,
    outcome: read.outcome,
    outcomeReason: getString(entry, 'error')?.trim(),
    actor,
    credential: credentialOf(draft, read, links),
    resource: path && { type: read.mountType ?? 'path', key: path.key, display: read.path },
    environment: cluster,
    sourceIp: address?.key.slice('ip:'.length),
    userAgent: headerText(entry, 'user-agent'),
    facts: factsOf(entry, read, links, type),
    keys: draft.keys,
    edges: draft.edges,
    unread: entry.notes.unread,
    content: comparable(input.json),
  });
  return { ok: true, events: [event] };
}

// What was acted with: the caller's token; at a login the token of the identity provider, where its claims are mapped.
function credentialOf(draft: Draft, read: VaultEntry, links: VaultLinks): AuditEvent['credential'] {
  if (links.used) return { kind: 'vault_token', key: links.used.key };
  const token = draft.keys.find((key) => key.type === 'token:jti' && key.role === 'uses');
  return read.kind === 'login' && token ? { kind: 'oidc_token', key: token.key } : undefined;
}

function typeOf(read: VaultEntry, type: string): string {
  const what = `${read.operation || '?'} ${read.kind === 'call' ? (read.mountType ?? 'path') : read.kind}`;
  return type === 'response' ? what : `${what} (${type})`;
}

function factsOf(entry: Doc, read: VaultEntry, links: VaultLinks, type: string): Facts {
  const call = compact<NonNullable<Facts['call']>>({
    service: read.mountType === undefined ? 'vault' : `vault/${read.mountType}`,
    operation: read.operation,
    write: read.write,
    login: read.kind === 'login' || undefined,
    principal: getString(entry, 'auth', 'display_name'),
    phase: read.phase === 'request' ? 'request' : undefined,
    credential_ttl_s: links.used && getNumber(entry, 'auth', 'token_ttl'),
  });
  const forged = read.kind === 'create' && read.outcome === 'success' ? forgedMetadata(entry) : [];
  const findings = [...forged, ...refusedToken(entry, type)];
  return compact<Facts>({
    credential: links.credential,
    call,
    findings: findings.length > 0 ? findings : undefined,
  });
}

/**
 * Who asked: the entity behind the token, shown by the name that the login gave it. One entity may be several people
 * and one person several entities (1.10.1, Identity), so it is a party of its own, not a person.
 */
function addActor(draft: Draft, entry: Doc, cluster: string): ActorRef {
  const display = identifier(getString(entry, 'auth', 'display_name'));
  const entity = addKey(
    draft,
    vaultKey('vault:entity', cluster, getString(entry, 'auth', 'entity_id')),
    'actor',
    'auth.entity_id',
  );
  const isJob = namesJob(entry);
  const email = isJob ? undefined : emailIn(display);
  addKey(draft, emailKey(email), 'actor', 'auth.display_name', 'asserted');
  const key = entity?.key ?? (display === undefined ? '' : `vault:entity:${cluster}/display:${display}`);
  return compact<ActorRef>({ kind: kindOf(display, isJob, email), key, display, email });
}

// "<mount>-<claim>": an e-mail address begins after some dash; the first that fits is taken.
function emailIn(display: string | undefined): string | undefined {
  if (display === undefined || !display.includes('@')) return undefined;
  return normaliseEmail(display.slice(display.indexOf('-') + 1)) ?? normaliseEmail(display);
}

function kindOf(display: string | undefined, isJob: boolean, email: string | undefined): ActorKind {
  if (isJob) return 'service';
  if (email !== undefined) return 'human';
  return display !== undefined && /^(?:approle|kubernetes|aws|cert|gcp|azure)-/.test(display) ? 'service' : 'unknown';
}

function headerText(entry: Doc, name: string): string | undefined {
  const value = at(entry.json, 'request', 'headers', name);
  const first = Array.isArray(value) ? (value as readonly unknown[])[0] : value;
  return typeof first === 'string' ? first : undefined;
}

/**
 * The first place of a token that is not hashed: the mark of a device with `log_raw`, which must be refused as a source
 * (sources.md 1.10). The door has redacted the value by then; that something stood there is enough.
 */
function rawToken(entry: Doc): string | undefined {
  const places = [
    ['request', 'client_token'],
    ['auth', 'client_token'],
    ['response', 'auth', 'client_token'],
    ['response', 'wrap_info', 'token'],
  ];
  const found = places.find((place) => {
    const value = at(entry.json, ...place);
    return typeof value === 'string' && value !== '' && !value.startsWith('hmac-sha256:');
  });
  return found?.join('.');
}

/**
 * What the entries of several devices on one request agree in: not the time of writing, and not the hashes, since each
 * device has a salt of its own (sources.md 1.10, Dedupe).
 */
function comparable(json: unknown): unknown {
  if (!isObject(json)) return json;
  const kept = Object.entries(json).filter(([name]) => name !== 'time');
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutHashes(value, 0)]));
}

function withoutHashes(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.startsWith('hmac-sha256:') ? 'hmac-sha256' : value;
  if (typeof value !== 'object' || value === null || depth > 64) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => withoutHashes(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutHashes(item, depth + 1)]));
}
