import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readCaptured } from '../../../ingest/intake/captured.ts';
import type { DeliveryOutcome, DeliverySummary } from '../../../ingest/intake/deliver.ts';
import { createTestIntake, NOW, OPERATOR, SECRETS, sign } from '../../support/intake.ts';
import type { TestIntake } from '../../support/intake.ts';
import {
  hoopClose,
  jobHook,
  k8sList,
  oktaEvent,
  streamEvent,
  tokenEvent,
  trailRecord,
  vaultLine,
} from '../../support/intake-samples.ts';

const text = JSON.stringify;
const hoopKey = Buffer.from('hoop-signing-key-with-32-bytes!!');

interface Capture {
  readonly received_at: string;
  readonly source: string;
  readonly transport: string;
  readonly method: string;
  readonly path_hint: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const json = { 'content-type': 'application/json' };
const capture = (change: Partial<Capture> & Pick<Capture, 'source' | 'path_hint' | 'body'>): Capture => ({
  received_at: NOW,
  transport: 'webhook',
  method: 'POST',
  headers: json,
  ...change,
});

async function deliver(
  intake: TestIntake,
  captures: readonly (Capture | string)[],
  zipped = false,
): Promise<{ outcomes: DeliveryOutcome[]; summary: DeliverySummary | undefined; status: number }> {
  const lines = captures
    .map((one, index) => (typeof one === 'string' ? one : text({ delivery_id: `d${index}`, ...one })))
    .join('\n');
  const answer = await intake.inject({
    method: 'POST',
    url: '/v1/deliveries',
    headers: { authorization: OPERATOR, 'content-type': 'application/x-ndjson' },
    payload: zipped ? gzipSync(lines) : lines,
  });
  const got = answer.payload
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as DeliveryOutcome & { summary?: DeliverySummary });
  return {
    status: answer.statusCode,
    outcomes: got.filter((line) => line.summary === undefined),
    summary: got.at(-1)?.summary,
  };
}

describe('captured deliveries', () => {
  const ALL: readonly [Capture, string, string][] = [
    [
      capture({
        source: 'okta',
        transport: 'event_hook',
        path_hint: 'okta/event-hook',
        headers: { ...json, authorization: SECRETS.okta },
        body: text({ data: { events: [oktaEvent] } }),
      }),
      'okta.log',
      'acme.okta.example',
    ],
    [
      capture({
        source: 'okta',
        transport: 'poll',
        method: 'PULL',
        path_hint: 'okta/api/v1/logs',
        headers: { ...json, link: '<https://acme.okta.example/api/v1/logs?after=1>; rel="next"' },
        body: text([oktaEvent, { ...oktaEvent, uuid: 'b' }]),
      }),
      'okta.log',
      'acme.okta.example',
    ],
    [
      capture({
        source: 'gitlab-webhook',
        path_hint: 'gitlab/webhook',
        headers: { ...json, 'X-Gitlab-Token': SECRETS.hook },
        body: text(jobHook),
      }),
      'gitlab.hook',
      'gitlab.acme.example',
    ],
    [
      capture({
        source: 'gitlab-audit',
        transport: 'stream',
        path_hint: 'gitlab/audit-stream',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'x-gitlab-event-streaming-token': SECRETS.stream,
        },
        body: text(streamEvent),
      }),
      'gitlab.audit',
      'gitlab.acme.example',
    ],
    [
      capture({
        source: 'gitlab-audit',
        transport: 'rest',
        method: 'PULL',
        path_hint: 'gitlab/api/v4/audit_events',
        body: text([{ ...streamEvent, id: 900_001, event_type: undefined, event_name: 'member_created' }]),
      }),
      'gitlab.audit',
      'gitlab.acme.example',
    ],
    [
      capture({
        source: 'issuer',
        transport: 'cloudevents',
        path_hint: 'cloudevents',
        headers: { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${SECRETS.issuer}` },
        body: text(tokenEvent),
      }),
      'ce',
      tokenEvent.source,
    ],
    [
      capture({
        source: 'cloudtrail',
        transport: 's3',
        method: 'PULL',
        path_hint: 'AWSLogs/111122223333/CloudTrail/eu-north-1/2026/06/01/x.json.gz',
        body: text({ Records: [trailRecord] }),
      }),
      'aws.cloudtrail',
      '111122223333',
    ],
    [
      capture({
        source: 'kubernetes',
        path_hint: 'kubernetes/stg-a',
        headers: { ...json, authorization: `Bearer ${SECRETS.cluster}` },
        body: text(k8sList),
      }),
      'k8s.audit',
      'stg-a',
    ],
    [
      capture({
        source: 'vault',
        transport: 'file_collector',
        path_hint: 'vault/vault-a',
        headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${SECRETS.vault}` },
        body: `${text(vaultLine)}\n`,
      }),
      'vault.audit',
      'vault-a',
    ],
    [
      capture({
        source: 'hoop',
        transport: 'svix',
        path_hint: 'hoop/webhook',
        headers: { ...json, ...sign(hoopKey, text(hoopClose), { prefix: 'svix' }) },
        body: text(hoopClose),
      }),
      'hoop',
      'hoop.acme.example',
    ],
    [
      capture({
        source: 'hoop',
        transport: 'poll',
        method: 'PULL',
        path_hint: 'hoop/api/sessions',
        body: text({ data: [{ id: 's1', status: 'done' }], total: 1 }),
      }),
      'hoop',
      'hoop.acme.example',
    ],
    [
      capture({
        source: 'vault.audit',
        path_hint: 'vault/vault-a',
        headers: { ...json, authorization: `Bearer ${SECRETS.vault}` },
        body: text({ ...vaultLine, type: 'request' }),
      }),
      'vault.audit',
      'vault-a',
    ],
  ];

  test.each(ALL.map((entry) => [`${entry[0].source} ${entry[0].transport} ${entry[0].method}`, ...entry] as const))(
    '%s',
    async (_name, one, topic, instance) => {
      const intake = await createTestIntake();
      const { outcomes, summary } = await deliver(intake, [one]);
      expect(outcomes).toMatchObject([
        { line: 1, delivery_id: 'd0', status: topic === 'okta.log' && one.method === 'POST' ? 204 : 202 },
      ]);
      expect(intake.log.topics.get(topic as 'ce')?.[0]?.headers).toMatchObject({
        'x-custody-instance': instance,
        'x-custody-delivery': one.method === 'POST' ? 'push' : 'poll',
      });
      expect(summary).toMatchObject({ deliveries: 1, records: intake.log.all().length, by_reason: {} });
    },
  );

  test('each is judged by its own time, and the order of arrival is the order of the log', async () => {
    const intake = await createTestIntake();
    const at = (minute: number): Capture => {
      const received = `2024-03-01T10:${String(minute).padStart(2, '0')}:00Z`;
      const body = text({ ...hoopClose, id: `session-${minute}` });
      return capture({
        source: 'hoop',
        path_hint: 'hoop/webhook',
        received_at: received,
        headers: { ...json, ...sign(hoopKey, body, { prefix: 'svix', at: received }) },
        body,
      });
    };
    const all = Array.from({ length: 60 }, (_, minute) => at(minute));
    const { summary } = await deliver(intake, all, true);
    expect(summary).toMatchObject({ deliveries: 60, by_status: { '202': 60 }, settled: { accepted: 60 } });
    expect(intake.log.all().map(({ timestampMs }) => timestampMs)).toEqual(
      all.map(({ received_at: received }) => Date.parse(received)),
    );
    const late = { ...at(1), received_at: '2024-03-01T10:07:00Z' };
    expect((await deliver(intake, [late])).outcomes).toMatchObject([
      { status: 401, reason: 'unauthenticated', accepted: 0 },
    ]);
  });

  test('a refusal, a conflict and a line that is none stand in their places; the rest goes on', async () => {
    const intake = await createTestIntake();
    const issuer = { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${SECRETS.issuer}` };
    const of = (body: object): Capture =>
      capture({ source: 'issuer', path_hint: 'cloudevents', headers: issuer, body: text(body) });
    const other = { ...tokenEvent, data: { ...tokenEvent.data, client_id: 'x' } };
    const { outcomes, summary } = await deliver(intake, [
      of(tokenEvent),
      'no json',
      of({ ...tokenEvent, specversion: '9' }),
      of(other),
      text({ received_at: NOW, source: 'nobody', method: 'POST', body: '' }),
      of(tokenEvent),
    ]);
    expect(outcomes.map(({ line, status, reason, accepted }) => [line, status, reason, accepted])).toEqual([
      [1, 202, undefined, 1],
      [2, 400, 'invalid_json', 0],
      [3, 422, 'contract', 0],
      [4, 409, undefined, 1],
      [5, 404, 'unknown_source', 0],
      [6, 202, undefined, 1],
    ]);
    expect(summary).toEqual({
      deliveries: 6,
      records: 3,
      by_status: { '202': 2, '400': 1, '404': 1, '409': 1, '422': 1 },
      by_reason: { contract: 1, invalid_json: 1, unknown_source: 1 },
      settled: { accepted: 1, duplicate: 1, conflict: 1, rejected: {} },
    });
  });

  test('of a fetched page a bad element is withheld and the others stay', async () => {
    const intake = await createTestIntake();
    const page = capture({
      source: 'okta',
      transport: 'poll',
      method: 'PULL',
      path_hint: 'okta/api/v1/logs',
      body: text([oktaEvent, 7, { ...oktaEvent, uuid: 'c' }]),
    });
    const { summary } = await deliver(intake, [page]);
    expect(summary).toMatchObject({ records: 3, settled: { accepted: 2, rejected: { not_an_object: 1 } } });
    const empty = await deliver(intake, [{ ...page, body: '[]' }]);
    expect(empty.outcomes).toMatchObject([{ status: 202, accepted: 0 }]);
  });

  test('a log that cannot store answers 503 for each', async () => {
    const intake = await createTestIntake();
    intake.log.break(true);
    const { outcomes } = await deliver(intake, [
      capture({
        source: 'gitlab-webhook',
        path_hint: 'gitlab/webhook',
        headers: { ...json, 'x-gitlab-token': SECRETS.hook },
        body: text(jobHook),
      }),
    ]);
    expect(outcomes).toMatchObject([{ status: 503, accepted: 0, code: 'unavailable' }]);
  });

  test('only an operator may replay', async () => {
    const { inject, log } = await createTestIntake();
    expect((await inject({ method: 'POST', url: '/v1/deliveries', payload: '{}' })).statusCode).toBe(401);
    expect(log.all()).toEqual([]);
  });
});

test('paths and transports tell sources and installations apart', () => {
  const read = (source: string, path: string, transport = '', method = 'PULL'): string => {
    const captured = readCaptured(
      Buffer.from(text({ received_at: NOW, source, transport, method, path_hint: path, headers: {}, body: '{}' })),
    );
    return `${captured.source} ${captured.instance ?? '-'} ${captured.pushed}`;
  };
  expect(read('gitlab', 'gitlab/api/v4/audit_events')).toBe('gitlab.audit-rest - false');
  expect(read('gitlab', 'gitlab/audit-stream', 'stream', 'post')).toBe('gitlab.audit-stream - true');
  expect(read('gitlab', 'gitlab/webhook', 'project_hook', 'POST')).toBe('gitlab.webhook - true');
  expect(read('cloudtrail', 'AWSLogs/o-abc123/999900001111/CloudTrail/x')).toBe('aws.cloudtrail 999900001111 false');
  expect(read('kubernetes', 'kubernetes/eu-1/x')).toBe('kubernetes.audit eu-1 false');
  expect(() => read('constructor', '')).toThrow(/unknown/);
});
