import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { limitsOf } from '../../../ingest/intake/scan-types.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import type { Source } from '../../../model/source.ts';
import { SHARED, inputOf } from '../../support/adapter-input.ts';

/** What the rules of the adapters leave of a delivery, as the door applies them. */
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
const audit = {
  auditID: '5f6b1f0e-0000-4000-8000-000000000001', stage: 'ResponseComplete', verb: 'patch', user: { username: 'dev' },
  requestURI: `/api/v1/namespaces/a/secrets/b?dryRun=All&access_token=${SECRET}&command=${SECRET}`,
  objectRef: { resource: 'secrets', namespace: 'a', name: 'b' },
  responseStatus: { code: 422, message: `rejected ${SECRET}`, details: { causes: [{ message: SECRET }] } },
  requestObject: { kind: 'Secret', data: { password: SECRET }, metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': SECRET } } },
  requestReceivedTimestamp: '2026-08-20T09:16:20.104511Z',
}; // prettier-ignore
const record = {
  eventID: 'a1e5c3b7-0000-4000-8000-0000000000e1', eventTime: '2026-08-20T09:15:41Z', eventSource: 'sts.amazonaws.com', eventName: 'AssumeRole',
  userIdentity: { type: 'AssumedRole' }, recipientAccountId: '111122223333',
  requestParameters: { roleArn: 'arn:aws:iam::111122223333:role/deploy', value: SECRET, environment: { variables: { A: SECRET } } },
  responseElements: { credentials: { accessKeyId: 'ASIAMADEUPKEY0000001', sessionToken: SECRET, secretAccessKey: SECRET } },
}; // prettier-ignore
const entry = {
  time: '2026-08-20T09:15:44.502118733Z', type: 'response',
  request: { id: 'r1', operation: 'update', path: `auth/token/lookup/s.${SECRET}`, client_token: `s.${SECRET}`, data: { password: SECRET, pin: 4711 }, headers: { 'x-vault-token': [SECRET] } },
  response: { data: { nested: { key: SECRET }, access_key: 'ASIAMADEUPKEY0000009' } },
}; // prettier-ignore

const WRAPPED: readonly (readonly [string, Source, unknown])[] = [
  ['an audit event', 'kubernetes.audit', audit],
  ['an event list', 'kubernetes.audit', { kind: 'EventList', items: [audit] }],
  [
    'a log event of CloudWatch with the event as text',
    'kubernetes.audit',
    { logEvents: [{ id: '1', message: JSON.stringify(audit) }] },
  ],
  ['a log event that was parsed', 'kubernetes.audit', { message: audit }],
  ['an event of AKS', 'kubernetes.audit', { properties: { log: JSON.stringify(audit) } }],
  ['a record', 'aws.cloudtrail', record],
  ['a file', 'aws.cloudtrail', { Records: [record] }],
  ['an event of EventBridge', 'aws.cloudtrail', { 'detail-type': 'AWS API Call via CloudTrail', detail: record }],
  [
    'what LookupEvents gives',
    'aws.cloudtrail',
    { Events: [{ EventId: 'x', CloudTrailEvent: JSON.stringify(record) }] },
  ],
  ['a log event of CloudWatch', 'aws.cloudtrail', { logEvents: [{ id: '1', message: JSON.stringify(record) }] }],
  ['an entry of Vault that is not hashed', 'vault.audit', entry],
];

describe('redaction rules of the adapters', () => {
  test.each(WRAPPED)('%s keeps no secret and can still be read', (_, source, body) => {
    const [text = ''] = redact(source, JSON.stringify(body));
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('4711');
    const parsed = adapterFor(source)?.parse(inputOf(JSON.parse(text), { instance: 'prod' }));
    if (source === 'vault.audit') {
      expect(parsed).toEqual({
        ok: false,
        reason: 'token_material_present',
        detail: 'request.client_token is not hashed: the device writes raw entries',
      });
      expect(text).toContain('auth/token/lookup/[REDACTED:vault_token]');
      return;
    }
    expect(parsed?.ok).toBe(true);
    const event = parsed?.ok ? parsed.events[0] : undefined;
    if (source === 'kubernetes.audit') expect(event?.facts.call?.dry_run).toBe(true);
    else expect(event?.facts.credential?.key).toBe('aws:accesskey:ASIAMADEUPKEY0000001');
  });

  test('text that begins as JSON and is cut is not kept at all', () => {
    const [text = ''] = redact('aws.cloudtrail', JSON.stringify({ message: JSON.stringify(record).slice(0, -20) }));
    expect(JSON.parse(text)).toEqual({ message: '[REDACTED:embedded]' });
  });

  const folder = join(SHARED, 'corpus/kubernetes/apiserver-0.37.2');
  test.skipIf(!existsSync(folder)).each(['audit.ndjson.gz', 'webhook-eventlists.ndjson.gz'])(
    'no secret that was planted at a real API server stays: %s (needs ../shared/corpus)',
    (file) => {
      const lines = gunzipSync(readFileSync(join(folder, file)))
        .toString('utf8')
        .split('\n')
        .filter(Boolean);
      expect(lines.some((line) => line.includes('PLANTED'))).toBe(true);
      const left = lines
        .flatMap((line) => redact('kubernetes.audit', line))
        .filter((text) => /PLANTED|eyJhbGciOi/.test(text));
      expect(left.map((text) => /.{80}(?:PLANTED|eyJhbGciOi).{40}/.exec(text)?.[0])).toEqual([]);
    },
  );
});
