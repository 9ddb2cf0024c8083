import { describe, expect, test } from 'vitest';
import { createTestIntake, POLICY, SECRETS, sign } from '../../support/intake.ts';
import {
  hoopClose,
  jobHook,
  k8sList,
  oktaHook,
  streamEvent,
  tokenEvent,
  trailRecord,
  vaultLine,
} from '../../support/intake-samples.ts';
import { HEADERS } from '../../../ingest/log/event-log.ts';
import { Problem } from '../../../model/problem.ts';
import { openCredentials } from '../../../ingest/intake/credentials.ts';
import { secretsFrom } from '../../../ingest/intake/secrets.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const CE = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const hoopKey = Buffer.from('hoop-signing-key-with-32-bytes!!');
const hookKey = Buffer.from('gitlab-signing-key-of-32-bytes!!');
const issuerKey = Buffer.from('issuer-signing-key-of-32-bytes!!');
const text = JSON.stringify;

/** Every source with its right credential: what it must answer, and what must be in the log. */
const GOOD = [
  {
    name: 'okta hook',
    url: '/v1/ingest/okta.log',
    headers: { ...JSON_TYPE, authorization: SECRETS.okta },
    body: text(oktaHook),
    status: 204,
    topic: 'okta.log',
    instance: 'acme.okta.example',
  },
  {
    name: 'gitlab stream, JSON as a form',
    url: '/v1/ingest/gitlab.audit-stream',
    headers: { ...FORM, 'x-gitlab-event-streaming-token': SECRETS.stream },
    body: text(streamEvent),
    status: 202,
    topic: 'gitlab.audit',
    instance: 'gitlab.acme.example',
  },
  {
    name: 'gitlab stream, second token of a rotation',
    url: '/v1/ingest/gitlab.audit-stream',
    headers: { ...FORM, 'x-gitlab-event-streaming-token': SECRETS.stream_new },
    body: text([streamEvent]),
    status: 202,
    topic: 'gitlab.audit',
    instance: 'gitlab.acme.example',
  },
  {
    name: 'gitlab hook by token',
    url: '/v1/ingest/gitlab.webhook',
    headers: { ...JSON_TYPE, 'x-gitlab-token': SECRETS.hook },
    body: text(jobHook),
    status: 202,
    topic: 'gitlab.hook',
    instance: 'gitlab.acme.example',
  },
  {
    name: 'gitlab hook by signature',
    url: '/v1/ingest/gitlab.webhook',
    headers: { ...JSON_TYPE, ...sign(hookKey, text(jobHook)) },
    body: text(jobHook),
    status: 202,
    topic: 'gitlab.hook',
    instance: 'gitlab.acme.example',
  },
  {
    name: 'issuer by bearer',
    url: '/v1/ingest/cloudevents',
    headers: { ...CE, authorization: `Bearer ${SECRETS.issuer}` },
    body: text(tokenEvent),
    status: 202,
    topic: 'ce',
    instance: tokenEvent.source,
  },
  {
    name: 'issuer by signature',
    url: '/v1/ingest/issuer.cloudevents',
    headers: { ...CE, ...sign(issuerKey, text(tokenEvent)) },
    body: text(tokenEvent),
    status: 202,
    topic: 'ce',
    instance: tokenEvent.source,
  },
  {
    name: 'cluster, named',
    url: '/v1/ingest/kubernetes.audit?instance=stg-a',
    headers: { ...JSON_TYPE, authorization: `Bearer ${SECRETS.cluster}` },
    body: text(k8sList),
    status: 202,
    topic: 'k8s.audit',
    instance: 'stg-a',
  },
  {
    name: 'vault lines',
    url: '/v1/ingest/vault.audit',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${SECRETS.vault}` },
    body: `${text(vaultLine)}\n`,
    status: 202,
    topic: 'vault.audit',
    instance: 'vault-a',
  },
  {
    name: 'hoop by Svix',
    url: '/v1/ingest/hoop.event',
    headers: { ...JSON_TYPE, ...sign(hoopKey, text(hoopClose), { prefix: 'svix' }) },
    body: text(hoopClose),
    status: 202,
    topic: 'hoop',
    instance: 'hoop.acme.example',
  },
  {
    name: 'cloudtrail',
    url: '/v1/ingest/aws.cloudtrail',
    headers: { ...JSON_TYPE, authorization: `Bearer ${SECRETS.trail}` },
    body: text({ Records: [trailRecord] }),
    status: 202,
    topic: 'aws.cloudtrail',
    instance: '111122223333',
  },
] as const;

describe('a known sender', () => {
  test.each(GOOD)(
    '$name: answered $status, and the log holds it',
    async ({ url, headers, body, status, topic, instance }) => {
      const { send, log } = await createTestIntake();
      const answer = await send(url, headers, body);
      expect(answer.statusCode).toBe(status);
      if (status === 202)
        expect(answer.json()).toEqual({ accepted: 1, log: [{ topic, partition: 0, first_offset: 0, last_offset: 0 }] });
      else expect(answer.payload).toBe('');
      const [record] = log.topics.get(topic) ?? [];
      expect(record?.headers).toMatchObject({
        [HEADERS.instance]: instance,
        [HEADERS.tenant]: 'acme',
        [HEADERS.delivery]: 'push',
      });
      expect(record?.timestampMs).toBe(Date.parse('2026-06-01T12:00:00Z'));
      expect(text(log.all())).not.toMatch(/secret-0001|token-000[12]/);
    },
  );
});

describe('an unknown sender', () => {
  const bad = GOOD.map(({ name, url, body }) => ({ name, url, body }));
  test.each(bad)('$name: no credential is 401 and nothing is stored', async ({ url, body }) => {
    const { send, log } = await createTestIntake();
    const type = url.includes('cloudevents') ? CE : JSON_TYPE;
    const answer = await send(url, type, body);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json()).toMatchObject({ code: 'unauthenticated', reason: 'unauthenticated', status: 401 });
    expect(log.all()).toEqual([]);
  });

  test.each(bad)('$name: a wrong credential of every kind gets the very same answer', async ({ url, body }) => {
    const { send, log } = await createTestIntake();
    const type = url.includes('cloudevents') ? CE : JSON_TYPE;
    const wrong = 'Bearer wrong-secret-of-nobody';
    const without = await send(url, type, body);
    const answers = [
      await send(url, { ...type, authorization: wrong }, body),
      await send(url, { ...type, 'x-gitlab-token': 'wrong-secret-of-nobody' }, body),
      await send(url, { ...type, 'x-gitlab-event-streaming-token': 'wrong-secret-of-nobody' }, body),
      await send(
        url,
        { ...type, ...sign(Buffer.from('not the key of anybody at all!!!'), body, { prefix: 'svix' }) },
        body,
      ),
      await send(url, { ...type, authorization: '' }, body),
    ];
    const strip = (payload: string): string => payload.replace(/urn:uuid:[0-9a-f-]+/, '');
    for (const answer of answers) {
      expect(answer.statusCode).toBe(401);
      expect(strip(answer.payload)).toBe(strip(without.payload));
    }
    expect(log.all()).toEqual([]);
  });

  test('a source for which nothing is registered is closed, with the same answer', async () => {
    const policy = { ...POLICY, sources: [] };
    const { send } = await createTestIntake({ policy, credentials: openCredentials(policy, secretsFrom({})) });
    const answer = await send('/v1/ingest/okta.log', { ...JSON_TYPE, authorization: SECRETS.okta }, text(oktaHook));
    expect(answer.statusCode).toBe(401);
  });

  test('a credential of one source opens no other, and none of an installation that may not use the door', async () => {
    const policy = {
      ...POLICY,
      sources: POLICY.sources.map((source) => (source.family === 'okta.log' ? { ...source, sources: [] } : source)),
    };
    const { send } = await createTestIntake({ policy, credentials: openCredentials(policy, secretsFrom(SECRETS)) });
    expect(
      (
        await send(
          '/v1/ingest/vault.audit',
          { ...JSON_TYPE, authorization: `Bearer ${SECRETS.cluster}` },
          text(vaultLine),
        )
      ).statusCode,
    ).toBe(401);
    expect(
      (await send('/v1/ingest/okta.log', { ...JSON_TYPE, authorization: SECRETS.okta }, text(oktaHook))).statusCode,
    ).toBe(401);
  });

  test('an installation that the credential is not for is refused, and an ambiguous one is asked for', async () => {
    const { send, log } = await createTestIntake();
    const headers = { ...JSON_TYPE, authorization: `Bearer ${SECRETS.cluster}` };
    expect((await send('/v1/ingest/kubernetes.audit?instance=vault-a', headers, text(k8sList))).statusCode).toBe(401);
    const unnamed = await send('/v1/ingest/kubernetes.audit', headers, text(k8sList));
    expect(unnamed.statusCode).toBe(400);
    expect(unnamed.json()).toMatchObject({ code: 'invalid_request', path: 'instance' });
    expect((await send('/v1/ingest/kubernetes.audit?instance=a&instance=b', headers, text(k8sList))).statusCode).toBe(
      400,
    );
    expect(log.all()).toEqual([]);
  });

  test('a cloudtrail record of another account refuses the delivery', async () => {
    const { send, log } = await createTestIntake();
    const body = text({ Records: [trailRecord, { ...trailRecord, recipientAccountId: '999900001111' }] });
    const answer = await send(
      '/v1/ingest/aws.cloudtrail',
      { ...JSON_TYPE, authorization: `Bearer ${SECRETS.trail}` },
      body,
    );
    expect(answer.statusCode).toBe(403);
    expect(log.all()).toEqual([]);
  });
});

describe('signatures', () => {
  const url = '/v1/ingest/hoop.event';
  const body = text(hoopClose);

  test.each([
    ['of another body', sign(hoopKey, `${body} `, { prefix: 'svix' })],
    ['six minutes old', sign(hoopKey, body, { prefix: 'svix', at: '2026-06-01T11:54:00Z' })],
    ['six minutes ahead', sign(hoopKey, body, { prefix: 'svix', at: '2026-06-01T12:06:00Z' })],
    ['without id', { ...sign(hoopKey, body, { prefix: 'svix' }), 'svix-id': '' }],
    ['with a time that is none', { ...sign(hoopKey, body, { prefix: 'svix' }), 'svix-timestamp': '1780315200.5' }],
    ['cut short', { ...sign(hoopKey, body, { prefix: 'svix' }), 'svix-signature': 'v1,AAAA' }],
    [
      'of another version',
      { ...sign(hoopKey, body, { prefix: 'svix' }), 'svix-signature': sign(hoopKey, body)['signature'] ?? 'v2,x' },
    ],
    ['with the id of another message', { ...sign(hoopKey, body, { prefix: 'svix' }), 'svix-id': 'msg_2' }],
  ])('%s: 401', async (_name, headers) => {
    const { send, log } = await createTestIntake();
    expect((await send(url, { ...JSON_TYPE, ...headers }, body)).statusCode).toBe(401);
    expect(log.all()).toEqual([]);
  });

  test('one right signature among several is enough: the sender rotates', async () => {
    const { send } = await createTestIntake();
    const headers = sign(hoopKey, body, { prefix: 'svix' });
    const signature = `v1,${Buffer.alloc(32).toString('base64')} ${headers['svix-signature'] ?? ''}`;
    expect((await send(url, { ...JSON_TYPE, ...headers, 'svix-signature': signature }, body)).statusCode).toBe(202);
  });

  test('a replay within the window is taken and is a duplicate for the worker; after it, it is refused', async () => {
    const { send, log, at } = await createTestIntake();
    const headers = { ...JSON_TYPE, ...sign(hoopKey, body, { prefix: 'svix' }) };
    expect((await send(url, headers, body)).statusCode).toBe(202);
    expect((await send(url, headers, body)).statusCode).toBe(202);
    at('2026-06-01T12:05:01Z');
    expect((await send(url, headers, body)).statusCode).toBe(401);
    expect(log.all()).toHaveLength(2);
    expect(await log.settle([{ topic: 'hoop', partition: 0, firstOffset: 0, lastOffset: 1 }])).toMatchObject({
      accepted: 1,
      duplicate: 1,
    });
  });

  test('where an installation signs, a bad signature is not saved by a right token', async () => {
    const { send } = await createTestIntake();
    const hook = text(jobHook);
    const bad = sign(Buffer.from('another key of thirty-two bytes!'), hook);
    expect(
      (await send('/v1/ingest/gitlab.webhook', { ...JSON_TYPE, ...bad, 'x-gitlab-token': SECRETS.hook }, hook))
        .statusCode,
    ).toBe(401);
    const good = sign(hookKey, hook);
    expect(
      (
        await send(
          '/v1/ingest/gitlab.webhook',
          { ...JSON_TYPE, ...good, 'x-gitlab-token': 'whatever-is-not-looked-at' },
          hook,
        )
      ).statusCode,
    ).toBe(202);
  });
});

describe('handshakes', () => {
  test('okta gets its challenge back', async () => {
    const { inject } = await createTestIntake();
    const answer = await inject({
      method: 'GET',
      url: '/v1/ingest/okta.log',
      headers: { 'x-okta-verification-challenge': 'Ch4llenge_of-Okta' },
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ verification: 'Ch4llenge_of-Okta' });
    expect((await inject({ method: 'GET', url: '/v1/ingest/okta.log' })).statusCode).toBe(400);
  });

  test('the webhook specification asks whether it may deliver', async () => {
    const { inject } = await createTestIntake();
    const headers = { 'webhook-request-origin': 'events.acme.example', 'webhook-request-rate': '120' };
    const answer = await inject({ method: 'OPTIONS', url: '/v1/ingest/cloudevents', headers });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['webhook-allowed-origin']).toBe('events.acme.example');
    expect((await inject({ method: 'OPTIONS', url: '/v1/ingest/cloudevents' })).statusCode).toBe(400);
  });
});

describe('answers', () => {
  test('unknown sources and addresses are problems', async () => {
    const { send, inject } = await createTestIntake();
    expect((await send('/v1/ingest/no.such', JSON_TYPE, '{}')).json()).toMatchObject({
      status: 404,
      code: 'not_found',
      reason: 'unknown_source',
    });
    // A source that nobody registered is answered like a wrong credential: whether it is set up is not for strangers.
    expect((await send('/v1/ingest/entra.log', JSON_TYPE, '{}')).json()).toMatchObject({
      status: 401,
      reason: 'unauthenticated',
    });
    const nowhere = await inject({ method: 'GET', url: '/nowhere' });
    expect(nowhere.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(nowhere.json()).toMatchObject({ status: 404, code: 'not_found', title: expect.any(String) as string });
  });

  test('a request id is made here, never taken', async () => {
    const { send } = await createTestIntake();
    const answer = await send(
      '/v1/ingest/okta.log',
      { ...JSON_TYPE, 'x-request-id': 'mine', 'request-id': 'mine' },
      '{}',
    );
    expect(answer.json()).toMatchObject({ instance: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/) as string });
  });

  test('a log that cannot store is 503 with Retry-After, never 2xx, and says nothing of the cause', async () => {
    const { send, log } = await createTestIntake();
    for (const { url, headers, body } of GOOD) {
      log.break(true);
      const answer = await send(url, headers, body);
      expect(answer.statusCode).toBe(503);
      expect(answer.headers['retry-after']).toBe('5');
      expect(answer.payload).not.toMatch(/ENOSPC|secret\/path|data\.mdb|stack/);
      log.break(false);
      expect((await send(url, headers, body)).statusCode).toBeLessThan(300);
    }
  });

  test('too many bytes at once are 429 with Retry-After, and room is given back', async () => {
    let release = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (release = resolve));
    const { deps } = await createTestIntake();
    const slow = {
      ...deps.log,
      append: async (...args: Parameters<typeof deps.log.append>) => waiting.then(() => deps.log.append(...args)),
    };
    const { send } = await createTestIntake({ log: slow, maxBytesInFlight: 1_000 });
    const headers = { ...JSON_TYPE, 'x-gitlab-token': SECRETS.hook };
    const body = text(jobHook);
    const first = send('/v1/ingest/gitlab.webhook', headers, body);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = await send('/v1/ingest/gitlab.webhook', headers, body);
    expect(second.statusCode).toBe(429);
    expect(second.headers['retry-after']).toBe('1');
    release();
    expect((await first).statusCode).toBe(202);
    expect((await send('/v1/ingest/gitlab.webhook', headers, body)).statusCode).toBe(202);
  });

  test('a fault of ours is `internal` without its words', async () => {
    const { send } = await createTestIntake({
      scan: () => {
        throw new TypeError('/srv/custody/ingest: cannot read SELECT * FROM records');
      },
    });
    const answer = await send('/v1/ingest/okta.log', { ...JSON_TYPE, authorization: SECRETS.okta }, text(oktaHook));
    expect(answer.json()).toMatchObject({ status: 500, code: 'internal' });
    expect(answer.payload).not.toMatch(/srv|SELECT|TypeError/);
  });

  test('a credential without its secret is a fault of the configuration that names only the name', () => {
    expect(() => openCredentials(POLICY, secretsFrom({ okta: SECRETS.okta }))).toThrow(Problem);
    expect(() => openCredentials(POLICY, secretsFrom({ okta: SECRETS.okta }))).toThrow(/no entry "stream"/);
  });
});
