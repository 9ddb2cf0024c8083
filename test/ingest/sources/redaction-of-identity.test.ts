import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { limitsOf } from '../../../ingest/intake/scan-types.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import type { Source } from '../../../model/source.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';

/** What the rules of the adapters of identity providers leave of a delivery, as the door applies them. */
function redact(source: Source, text: string): readonly string[] {
  const adapter = adapterFor(source);
  if (!adapter) throw new Error(source);
  const { containers, redact: rules } = adapter;
  const scanned = scanDelivery(Buffer.from(text), {
    containers,
    redact: rules,
    limits: limitsOf(source),
    secrets: 'redact',
    format: 'detect',
  });
  if (!scanned.ok) throw new Error(`${scanned.reason} ${scanned.detail}`);
  return scanned.elements.map((element) => element.value.toString('utf8'));
}

const SECRET = 'correct-horse-battery-staple';
const REALM = '0f3e0000-0000-4000-8000-0000000000a1';
const representation = JSON.stringify({
  name: 'deployer',
  registrationAccessToken: SECRET,
  attributes: { pin: [SECRET], 'saml.signing.private.key': SECRET },
  protocolMappers: [{ config: { 'claim.value': SECRET } }],
  identityProviders: [{ config: { clientSecret: SECRET } }],
});
const line = `operationType="CREATE", realmId="${REALM}", realmName="acme", clientId="c", userId="u", ipAddress="203.0.113.30", resourceType="CLIENT", resourcePath="clients/x", representation="${representation.replaceAll('"', '\\"')}"`;
const login = `type="LOGIN", realmId="${REALM}", realmName="acme", clientId="wiki", userId="u1", ipAddress="203.0.113.30", redirect_uri="https://wiki.acme.example/cb?code=${SECRET}&state=${SECRET}", username="mara"`;
const audit = {
  id: 'Directory_1', activityDisplayName: 'Update application', activityDateTime: '2026-08-20T09:05:00Z', result: 'success', initiatedBy: {},
  targetResources: [{ id: 't1', type: 'Application', modifiedProperties: [{ displayName: 'KeyDescription', oldValue: SECRET, newValue: `["${SECRET}"]` }] }],
  additionalDetails: [{ key: 'Justification', value: SECRET }, { key: 'RequestId', value: '6e5d4c3b-0000-4000-8000-000000008801' }],
}; // prettier-ignore
const command = { event: 'session.command', code: 'T4000I', uid: 'u1', time: '2026-08-20T09:16:01Z', cluster_name: 'tele.acme.example', user: 'mara', program: 'curl', argv: ['-H', SECRET] }; // prettier-ignore
const query = { event: 'db.session.query', code: 'TDB02I', uid: 'u2', time: '2026-08-20T09:16:01Z', cluster_name: 'tele.acme.example', user: 'mara', db_query: `select '${SECRET}'`, db_query_parameters: [SECRET] }; // prettier-ignore
const hook = { '@timestamp': 1787217340117, action: 'hook.create', actor: 'mara', config: { url: `https://ci.acme.example/in?t=${SECRET}`, secret: SECRET } }; // prettier-ignore
const set = { iss: 'https://sso.acme.example/realms/acme', jti: 'j1', iat: 1787217345, sub_id: { format: 'opaque', id: 'x' }, events: { 'https://schemas.openid.net/secevent/caep/event-type/session-revoked': { reason_admin: { en: SECRET }, event_timestamp: 1787217340 } } }; // prettier-ignore

const CASES: readonly (readonly [string, Source, unknown])[] = [
  ['an administrator event of REST', 'keycloak.event', { id: 'e1', time: 1787217340117, realmId: REALM, authDetails: {}, operationType: 'CREATE', resourceType: 'CLIENT', resourcePath: 'clients/x', representation }],
  ['a page of REST', 'keycloak.event', [{ id: 'e2', time: 1787217340117, realmId: REALM, type: 'LOGIN', details: { redirect_uri: `https://wiki.acme.example/cb?code=${SECRET}` } }]],
  ['an administrator line', 'keycloak.event', { timestamp: '2026-08-20T09:15:40.1Z', sequence: 1, loggerName: 'org.keycloak.events', message: line }],
  ['a login line', 'keycloak.event', { timestamp: '2026-08-20T09:15:40.1Z', sequence: 2, loggerName: 'org.keycloak.events', message: login }],
  ['an administrator text line', 'keycloak.event', { line: `2026-08-20 09:15:40,117 INFO  [org.keycloak.events] (executor-thread-3) ${line}` }],
  ['an audit of Graph', 'entra.log', { value: [audit] }],
  ['an audit of the diagnostic stream', 'entra.log', { records: [{ time: '2026-08-20T09:05:00Z', category: 'AuditLogs', tenantId: 't', properties: audit }] }],
  ['a command', 'teleport.event', command],
  ['a query', 'teleport.event', query],
  ['a webhook that was made', 'github.audit', [hook]],
  ['a security event', 'ssf.set', set],
]; // prettier-ignore

describe('redaction rules of identity providers', () => {
  test.each(CASES)('%s keeps no secret and can still be read', (_, source, body) => {
    const [text = ''] = redact(source, JSON.stringify(body));
    expect(text).not.toContain(SECRET);
    const parsed = adapterFor(source)?.parse(inputOf(JSON.parse(text), { instance: 'sso.acme.example/realms/acme' }));
    expect(parsed?.ok === false ? `${parsed.reason} ${parsed.detail}` : 'read').toBe('read');
    // What was taken out twice is what was taken out once: a rebuild of what is stored changes nothing.
    expect(redact(source, text)).toEqual([text]);
  });

  test('what tells requests apart stays', () => {
    expect(redact('entra.log', JSON.stringify(audit))[0]).toContain('6e5d4c3b-0000-4000-8000-000000008801');
  });

  const folder = join(SHARED, 'corpus/keycloak/keycloak-26.7.3');
  test.skipIf(!existsSync(folder))('of a real Keycloak no attribute and no code stays (needs ../shared/corpus)', () => {
    const values = ['events-json-log', 'rest-events', 'rest-admin-events'].flatMap(
      (name) => readLines(join(folder, `${name}.ndjson.gz`)) ?? [],
    );
    const lines = gunzipSync(readFileSync(join(folder, 'events-text.log.gz')))
      .toString('utf8')
      .split('\n');
    for (const line of lines) if (line !== '') values.push({ line });
    const texts = values.flatMap((value) => redact('keycloak.event', JSON.stringify(value)));
    expect(texts.length).toBe(values.length);
    // Values of attributes and codes of logins are in what the server wrote, and in nothing that is kept.
    const planted =
      /attributes\\*":\{\\*"[^}]*?":\\*"(?!\[REDACTED|\\*"|true|false)[^"\\]|"desk\\*":\[\\*"4|[?&]code=(?!\[REDACTED)\w/;
    expect(values.filter((value) => planted.test(JSON.stringify(value))).length).toBeGreaterThan(20);
    expect(texts.map((text) => planted.exec(text)?.[0]).filter((found) => found !== undefined)).toEqual([]);
    const unread = texts.filter((text) => {
      const parsed = adapterFor('keycloak.event')?.parse(inputOf(JSON.parse(text), { instance: 'sso.acme.example' }));
      return parsed?.ok === false && parsed.reason !== 'ambiguous';
    });
    expect(unread).toEqual([]);
  });
});
