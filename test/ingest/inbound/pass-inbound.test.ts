import { describe, expect, test } from 'vitest';
import { passInbound } from '../../../ingest/inbound/pass-inbound.ts';
import type { InboundRecord } from '../../../ingest/inbound/pass-inbound.ts';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { HEADERS } from '../../../ingest/log/event-log.ts';
import type { LogRecord } from '../../../ingest/log/event-log.ts';
import { adapterFor } from '../../../ingest/sources/registry.ts';
import { deriveRecord } from '../../../ingest/worker/derive.ts';
import { NOW_US, POLICY } from '../../support/intake.ts';
import { tokenEvent } from '../../support/intake-samples.ts';

const ISSUER = 'https://broker.acme.example/eu1';
const PLACE = 'custody.issuers/0/17';
const deps = { policy: POLICY, adapterFor, scan: scanDelivery, now: () => NOW_US };

function pass(
  value: unknown,
  headers: Record<string, string> = { 'content-type': 'application/cloudevents+json' },
  more: Partial<InboundRecord> = {},
): readonly LogRecord[] {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  const inbound = { source: 'issuer.cloudevents' as const, place: PLACE, record: { headers, value: bytes }, ...more };
  return passInbound(deps, inbound).flatMap(({ records }) => records);
}

/** What the worker makes of it: its event's id, or the reason why it has none. */
function meaning(record: LogRecord | undefined): string {
  if (!record) throw new Error('nothing came');
  const derived = deriveRecord(
    { headers: new Map(Object.entries(record.headers)), receivedAtMs: record.timestampMs, value: record.value },
    { tenant: POLICY.tenant, policy: POLICY, adapterFor },
  );
  return derived.ok ? (derived.events[0]?.event.nativeId ?? '') : derived.reason;
}

describe('a record that an issuer produced', () => {
  test('structured: is the event that the door would have made of it', () => {
    const [record, ...more] = pass(tokenEvent);
    expect(more).toEqual([]);
    expect(meaning(record)).toBe(tokenEvent.id);
    expect(record).toMatchObject({
      key: ISSUER,
      timestampMs: NOW_US / 1_000,
      headers: {
        [HEADERS.tenant]: 'acme',
        [HEADERS.instance]: ISSUER,
        [HEADERS.delivery]: 'push',
        [HEADERS.inbound]: PLACE,
      },
    });
    expect(JSON.parse(record?.value.toString('utf8') ?? '')).toEqual(tokenEvent);
  });

  test('binary: attributes are headers that begin with ce_', () => {
    const { data, ...attributes } = tokenEvent;
    const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]));
    const [record] = pass(data, { ...headers, 'content-type': 'application/json' });
    expect(meaning(record)).toBe(tokenEvent.id);
  });

  test('with headers of ours: they have no authority', () => {
    const forged = Object.fromEntries(Object.values(HEADERS).map((name) => [name, 'forged']));
    const [record] = pass(tokenEvent, { 'content-type': 'application/cloudevents+json', ...forged });
    expect(JSON.stringify(record?.headers)).not.toContain('forged');
    expect(meaning(record)).toBe(tokenEvent.id);
  });

  const secret = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJ4In0.c2lnbmF0dXJlLW9mLWEtdG9rZW4tMDEyMzQ1Njc4OQ';
  test.each([
    ['not JSON', Buffer.from('{"id": '), undefined, 'invalid_json'],
    ['nothing', Buffer.alloc(0), undefined, 'empty_body'],
    ['another type', tokenEvent, { 'content-type': 'text/html' }, 'unsupported_media_type'],
    ['no type', tokenEvent, {}, 'unsupported_media_type'],
    ['too much', Buffer.alloc(3 * 2 ** 20, 0x20), undefined, 'too_large'],
    ['a breach of the contract', { ...tokenEvent, time: undefined }, undefined, 'contract'],
    [
      'a source that is not registered',
      { ...tokenEvent, source: 'https://evil.example' },
      undefined,
      'source_not_registered',
    ],
    [
      'a token itself',
      { ...tokenEvent, data: { ...tokenEvent.data, raw: secret } },
      undefined,
      'token_material_present',
    ],
  ])('that is %s is kept, with its reason', (_name, value, headers, reason) => {
    const [record, ...more] = pass(value, headers);
    expect(more).toEqual([]);
    expect(meaning(record)).toBe(reason);
    expect(record?.headers[HEADERS.inbound]).toBe(PLACE);
    expect(record?.value.toString('utf8')).not.toContain('c2lnbmF0dXJl');
  });
});

test("Entra's records are cut out of their envelope", () => {
  const records = [
    { time: '2026-06-01T11:59:00Z', category: 'SignInLogs', properties: { id: 'a' } },
    { time: '2026-06-01T11:59:01Z', category: 'AuditLogs', properties: { id: 'b' } },
  ];
  const passed = pass({ records }, {}, { source: 'entra.log', instance: 'tenant-1' });
  expect(passed.map(({ key, headers }) => [key, headers[HEADERS.source]])).toEqual([
    ['tenant-1', 'entra.log'],
    ['tenant-1', 'entra.log'],
  ]);
  expect(passed.map(({ value }) => JSON.parse(value.toString('utf8')) as unknown)).toEqual(records);
});
