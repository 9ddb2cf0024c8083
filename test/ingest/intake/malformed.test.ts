import { describe, expect, test } from 'vitest';
import { createTestIntake, SECRETS, sign } from '../../support/intake.ts';
import {
  hoopClose,
  jobHook,
  k8sEvent,
  k8sList,
  nested,
  oktaEvent,
  oktaHook,
  streamEvent,
  tokenEvent,
  trailRecord,
  vaultLine,
} from '../../support/intake-samples.ts';

const text = JSON.stringify;
const identity = (issuers: readonly string[], method = 'admin'): string => {
  const accounts = issuers.map((iss, index) => ({ iss, sub: `user-${index}` }));
  const data = { schema_version: 1, identity: { accounts, method } };
  return changed(tokenEvent, { type: 'io.accessaudit.identity.unlinked.v1', data });
};
const okta = {
  url: '/v1/ingest/okta.log',
  headers: { 'content-type': 'application/json', authorization: SECRETS.okta },
};
const stream = {
  url: '/v1/ingest/gitlab.audit-stream',
  headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-gitlab-event-streaming-token': SECRETS.stream },
};
const hook = {
  url: '/v1/ingest/gitlab.webhook',
  headers: { 'content-type': 'application/json', 'x-gitlab-token': SECRETS.hook },
};
const issuer = {
  url: '/v1/ingest/cloudevents',
  headers: { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${SECRETS.issuer}` },
};
const batch = {
  url: '/v1/ingest/cloudevents',
  headers: { ...issuer.headers, 'content-type': 'application/cloudevents-batch+json' },
};
const cluster = {
  url: '/v1/ingest/kubernetes.audit?instance=prod-a',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${SECRETS.cluster}` },
};
const vault = {
  url: '/v1/ingest/vault.audit',
  headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${SECRETS.vault}` },
};
const trail = {
  url: '/v1/ingest/aws.cloudtrail',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${SECRETS.trail}` },
};

const changed = (value: object, change: object): string => text({ ...value, ...change });
const without = (value: object, name: string): string =>
  text(Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)));
const token = (change: object): string => changed(tokenEvent, { data: { ...tokenEvent.data, ...change } });
const JWT = `${Buffer.from('{"alg":"ES256","kid":"1"}').toString('base64url')}.${Buffer.from('{"sub":"someone","iss":"https://x.example"}').toString('base64url')}.${'c2ln'.repeat(12)}`;

/** Faults of the door: the answer, the reason, and nothing in the log. */
const AT_THE_DOOR: readonly [
  string,
  { url: string; headers: Record<string, string> },
  string | Buffer,
  number,
  string,
][] = [
  ['truncated json', hook, text(jobHook).slice(0, 200), 400, 'invalid_json'],
  ['truncated json of an issuer', issuer, text(tokenEvent).slice(0, 200), 400, 'invalid_json'],
  ['no json', okta, '<html>gateway error</html>', 400, 'invalid_json'],
  ['two values in a row', okta, `${text(oktaHook)} ${text(oktaHook)}`, 400, 'invalid_json'],
  ['a trailing comma', okta, '{"a":1,}', 400, 'invalid_json'],
  ['a raw control character', okta, '{"a":"\u0001"}', 400, 'invalid_json'],
  ['a NUL byte', okta, Buffer.from([0x7b, 0x00, 0x7d]), 400, 'invalid_json'],
  ['a byte order mark', okta, `\uFEFF${text(oktaHook)}`, 400, 'invalid_json'],
  ['an empty body', stream, '', 400, 'empty_body'],
  ['only spaces', stream, ' \n ', 400, 'empty_body'],
  ['a number', hook, '42', 400, 'not_an_object'],
  ['a string', hook, '"job"', 400, 'not_an_object'],
  ['null', cluster, 'null', 400, 'not_an_object'],
  ['an array of numbers', stream, '[1,2]', 400, 'not_an_object'],
  ['half a line', vault, text(vaultLine).slice(0, 60), 400, 'invalid_json'],
  [
    'a broken escape of a surrogate at the end',
    hook,
    String.raw`{"object_kind":"build","build_name":"\ud800"`,
    400,
    'invalid_json',
  ],
  ['a broken escape', hook, String.raw`{"object_kind":"\u12G4"}`, 400, 'invalid_json'],
  [
    'bytes that are no UTF-8',
    hook,
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    415,
    'invalid_encoding',
  ],
  ['a number that no double holds', hook, '{"object_kind":"build","n":1e999}', 422, 'bounds'],
  ['a key that would change the prototype', hook, '{"object_kind":"build","__proto__":{"x":1}}', 400, 'invalid_json'],
  ['two megabytes of an issuer', issuer, text({ ...tokenEvent, pad: 'x'.repeat(2_000_000) }), 413, 'too_large'],
  [
    'an event above 64 KiB',
    issuer,
    text({ ...tokenEvent, pad: Array.from({ length: 40 }, () => 'x'.repeat(2_000)) }),
    413,
    'too_large',
  ],
  ['deep nesting', hook, `{"object_kind":"build","x":${nested(6_000)}}`, 400, 'too_deep'],
  ['deep objects', stream, `${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}`, 400, 'too_deep'],
  ['very deep nesting', stream, nested(2_000_000), 400, 'too_deep'],
  [
    'too many keys',
    stream,
    text(Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, 1]))),
    422,
    'bounds',
  ],
  [
    'too many actors',
    issuer,
    token({ actors: Array.from({ length: 17 }, () => ({ iss: 'https://a.example', sub: 'x' })) }),
    422,
    'bounds',
  ],
  [
    'too many parents',
    issuer,
    token({ parent_tokens: Array.from({ length: 9 }, (_, jti) => ({ iss: 'https://a.example', jti: String(jti) })) }),
    422,
    'bounds',
  ],
  ['a string too long for the contract', issuer, token({ user_agent: 'x'.repeat(2_049) }), 422, 'bounds'],
  ['another specversion', issuer, changed(tokenEvent, { specversion: '0.3' }), 422, 'contract'],
  ['no source', issuer, without(tokenEvent, 'source'), 422, 'contract'],
  ['no id', issuer, without(tokenEvent, 'id'), 422, 'contract'],
  ['an empty id', issuer, changed(tokenEvent, { id: '' }), 422, 'contract'],
  ['no time', issuer, without(tokenEvent, 'time'), 422, 'contract'],
  ['a time that is none', issuer, changed(tokenEvent, { time: 'yesterday' }), 422, 'contract'],
  ['data that is no object', issuer, changed(tokenEvent, { data: 'x' }), 422, 'contract'],
  [
    'a token without identity',
    issuer,
    token({ token: { iss: 'https://broker.acme.example', kind: 'jwt' } }),
    422,
    'contract',
  ],
  ['an issue without a token', issuer, token({ token: undefined }), 422, 'contract'],
  ['an issue without a subject', issuer, token({ subject: undefined }), 422, 'contract'],
  ['an outcome that is none', issuer, token({ outcome: 'maybe' }), 422, 'contract'],
  ['another schema', issuer, token({ schema_version: 2 }), 422, 'contract'],
  ['the same name twice', issuer, text(tokenEvent).replace('{', '{"id":"other",'), 422, 'contract'],
  [
    'a foreign issuer',
    issuer,
    token({ token: { iss: 'https://other.acme.example', jti: 'x', kind: 'jwt' } }),
    403,
    'issuer_not_registered_for_source',
  ],
  // Whoever could part two accounts of others could hide that a person approved the own request.
  [
    'accounts of an issuer that the source may not speak for',
    issuer,
    identity(['https://broker.acme.example', 'https://other.acme.example']),
    403,
    'issuer_not_registered_for_source',
  ],
  ['an identity of one account', issuer, identity(['https://broker.acme.example']), 422, 'contract'],
  [
    'an identity by a method that is none',
    issuer,
    identity(['https://broker.acme.example', 'https://broker.acme.example'], 'guess'),
    422,
    'contract',
  ],
  [
    'a foreign source',
    issuer,
    changed(tokenEvent, { source: 'https://evil.example/eu1' }),
    403,
    'source_not_registered',
  ],
  [
    'a source of another credential',
    issuer,
    changed(tokenEvent, { source: 'https://other.acme.example' }),
    403,
    'source_not_registered',
  ],
  ['a token in the data', issuer, token({ note: `carried ${JWT}` }), 422, 'token_material_present'],
  ['a token in a name', issuer, token({ [JWT]: 1 }), 422, 'token_material_present'],
  [
    'a token in a context attribute',
    issuer,
    changed(tokenEvent, { traceparent: 'glpat-AbCdEfGhIjKlMnOpQrSt' }),
    422,
    'token_material_present',
  ],
  ['a password field', issuer, token({ password: 'hunter2-hunter2' }), 422, 'token_material_present'],
  ['an array where one event was announced', issuer, text([tokenEvent]), 400, 'not_an_object'],
  ['one event where a batch was announced', batch, text(tokenEvent), 400, 'not_an_object'],
  [
    'plain json at the issuers',
    { ...issuer, headers: { ...issuer.headers, 'content-type': 'application/json' } },
    text(tokenEvent),
    415,
    'unsupported_media_type',
  ],
  [
    'another media type',
    { ...okta, headers: { ...okta.headers, 'content-type': 'text/html' } },
    text(oktaHook),
    415,
    'unsupported_media_type',
  ],
  [
    'another charset',
    { ...okta, headers: { ...okta.headers, 'content-type': 'application/json; charset=utf-16' } },
    text(oktaHook),
    415,
    'invalid_encoding',
  ],
  [
    'a compressed body',
    { ...okta, headers: { ...okta.headers, 'content-encoding': 'gzip' } },
    text(oktaHook),
    415,
    'invalid_encoding',
  ],
];

describe('faults of the door', () => {
  test.each(AT_THE_DOOR)('%s', async (_name, { url, headers }, body, status, reason) => {
    const { send, log } = await createTestIntake();
    const answer = await send(url, headers, body);
    expect({ status: answer.statusCode, ...answer.json<{ reason: string }>() }).toMatchObject({ status, reason });
    expect(answer.json()).toMatchObject({
      code: expect.any(String) as string,
      detail: expect.any(String) as string,
      remedy: expect.any(String) as string,
      title: expect.any(String) as string,
    });
    // Nothing of what was sent is repeated, and nothing of it is stored.
    expect(answer.payload).not.toContain('hunter2');
    expect(answer.payload).not.toContain(JWT.slice(0, 40));
    expect(answer.payload).not.toContain('glpat-AbCd');
    expect(log.all()).toEqual([]);
  });

  test('a batch is taken whole or not at all, and every failing event is named', async () => {
    const { send, log } = await createTestIntake();
    const body = [
      tokenEvent,
      { ...tokenEvent, specversion: '0.3' },
      { ...tokenEvent, id: 'third' },
      { ...tokenEvent, id: 'fourth', source: 'https://evil.example' },
    ];
    const answer = await send(batch.url, batch.headers, text(body));
    expect(answer.statusCode).toBe(422);
    expect(answer.json()).toMatchObject({
      reason: 'contract',
      failing: [
        { index: 1, reason: 'contract', path: 'specversion' },
        { index: 3, reason: 'source_not_registered' },
      ],
    });
    expect(log.all()).toEqual([]);
  });

  test('token material in a batch is told by place', async () => {
    const { send, log } = await createTestIntake();
    const body = [
      tokenEvent,
      JSON.parse(token({ note: JWT })) as object,
      { ...tokenEvent, id: 'third', extra: { deep: [`Bearer ${JWT}`] } },
    ];
    const answer = await send(batch.url, batch.headers, text(body));
    expect(answer.json()).toMatchObject({
      reason: 'token_material_present',
      failing: [
        { index: 1, path: 'data.note' },
        { index: 2, path: 'extra.deep[0]' },
      ],
    });
    expect(log.all()).toEqual([]);
  });
});

/** Faults of a record: taken in, and rejected by the worker with this reason. */
const IN_THE_RECORD: readonly [string, { url: string; headers: Record<string, string> }, string, string][] = [
  ['an id of another type', hook, changed(jobHook, { build_id: { a: 1 } }), 'wrong_type'],
  ['a bad time', hook, changed(jobHook, { build_finished_at: 'soon' }), 'bad_timestamp'],
  ['no id', hook, without(jobHook, 'build_id'), 'missing_required_fields'],
  ['no time', stream, without(streamEvent, 'created_at'), 'missing_required_fields'],
  [
    'the same name twice, and no time',
    stream,
    '{"id":"1","id":"2","event_type":"member_created"}',
    'missing_required_fields',
  ],
  ['an unknown kind', hook, '{"object_kind":"teleport","id":5}', 'unknown_type'],
  [
    'a hook without events',
    okta,
    '{"eventType":"com.okta.event_hook","eventId":"x","data":{}}',
    'missing_required_fields',
  ],
  [
    'an actor of another type',
    okta,
    text({ ...oktaHook, data: { events: [{ ...oktaEvent, actor: 'root' }] } }),
    'wrong_type',
  ],
  [
    'no audit id',
    cluster,
    text({ ...k8sList, items: [Object.fromEntries(Object.entries(k8sEvent).filter(([key]) => key !== 'auditID'))] }),
    'missing_required_fields',
  ],
  [
    'items that are no array',
    cluster,
    '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":"none"}',
    'wrong_type',
  ],
  ['records under another name', trail, '{"records":[]}', 'missing_required_fields'],
  ['a time of another type', trail, text({ Records: [{ ...trailRecord, eventTime: 17 }] }), 'wrong_type'],
  [
    'a foreign host',
    hook,
    text(jobHook).replaceAll('gitlab.acme.example', 'gitlab.other.example'),
    'instance_mismatch',
  ],
];

describe('faults of a record', () => {
  test.each(IN_THE_RECORD)('%s', async (_name, { url, headers }, body, reason) => {
    const { send, log } = await createTestIntake();
    const answer = await send(url, headers, body);
    expect(answer.statusCode).toBeLessThan(300);
    const [record] = log.all();
    expect(record).toBeDefined();
    const [topic] = log.topics.keys();
    const settled = await log.settle([{ topic: topic ?? 'ce', partition: 0, firstOffset: 0, lastOffset: 0 }]);
    expect(settled.rejected).toEqual({ [reason]: 1 });
  });

  test('a raw vault log is taken with its secrets replaced', async () => {
    const { send, log } = await createTestIntake();
    const raw = {
      ...vaultLine,
      auth: { ...vaultLine.auth, client_token: 'hvs.CAESIAbCdEfGhIjKlMnOpQrStUvWxYz0123456789' },
      response: { data: { data: { password: 'correct-horse-battery' } } },
    };
    expect((await send(vault.url, vault.headers, text(raw))).statusCode).toBe(202);
    const stored = log
      .all()
      .map(({ value }) => value.toString())
      .join();
    expect(stored).not.toMatch(/hvs\.CAES|correct-horse/);
    expect(stored).toMatch(/\[REDACTED:/);
  });

  test('one bad line among good ones is withheld, the others stay', async () => {
    const { send, log } = await createTestIntake();
    const answer = await send(
      vault.url,
      vault.headers,
      `${text(vaultLine)}\n{"broken": "glpat-AbCdEfGhIjKlMnOpQrSt\n${text({ ...vaultLine, type: 'request' })}\n`,
    );
    expect(answer.json()).toMatchObject({ accepted: 3 });
    expect(log.all().map(({ headers }) => headers['x-custody-unreadable']?.split(':')[0])).toEqual([
      undefined,
      'invalid_json',
      undefined,
    ]);
    expect(
      log
        .all()
        .map(({ value }) => value.toString())
        .join(),
    ).not.toContain('glpat-');
  });
});

describe('issuers', () => {
  test('the same id with other content is 409, kept as evidence; a true repeat is 202', async () => {
    const { send, log } = await createTestIntake();
    expect((await send(issuer.url, issuer.headers, text(tokenEvent))).statusCode).toBe(202);
    expect((await send(issuer.url, issuer.headers, text(tokenEvent))).statusCode).toBe(202);
    const other = await send(issuer.url, issuer.headers, token({ client_id: 'another' }));
    expect(other.statusCode).toBe(409);
    expect(other.json()).toMatchObject({ code: 'conflict', conflicts: [0], accepted: 1 });
    expect((await send(issuer.url, issuer.headers, text(tokenEvent))).statusCode).toBe(202);
    expect(log.topics.get('ce')).toHaveLength(4);
    const settled = await log.settle([{ topic: 'ce', partition: 0, firstOffset: 0, lastOffset: 3 }]);
    expect(settled).toEqual({ accepted: 1, duplicate: 2, conflict: 1, rejected: {} });
  });

  test('a conflict in a batch is named by its place', async () => {
    const { send } = await createTestIntake();
    await send(issuer.url, issuer.headers, text(tokenEvent));
    const answer = await send(
      batch.url,
      batch.headers,
      text([{ ...tokenEvent, id: 'new' }, JSON.parse(token({ client_id: 'another' })) as object]),
    );
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toMatchObject({ conflicts: [1], accepted: 2 });
  });

  test('binary mode: attributes in headers, data in the body, the same identity as the structured form', async () => {
    const { send, log } = await createTestIntake();
    const { data, ...attributes } = tokenEvent;
    const ce = Object.fromEntries(
      Object.entries(attributes)
        .filter(([name]) => name !== 'datacontenttype')
        .map(([name, value]) => [`ce-${name}`, encodeURIComponent(value)]),
    );
    const headers = { authorization: issuer.headers.authorization, 'content-type': 'application/json', ...ce };
    expect((await send(issuer.url, headers, text(data))).statusCode).toBe(202);
    expect(log.all()[0]?.headers).toMatchObject({ 'ce-id': tokenEvent.id, 'x-custody-instance': tokenEvent.source });
    expect(log.all()[0]?.headers).not.toHaveProperty('authorization');
    const faults: [Record<string, string>, string, number, string][] = [
      [{ 'ce-specversion': '0.3' }, text(data), 422, 'contract'],
      [{ 'ce-source': 'https://evil.example' }, text(data), 403, 'source_not_registered'],
      [{ 'ce-traceparent': 'glpat-AbCdEfGhIjKlMnOpQrSt' }, text(data), 422, 'token_material_present'],
      [{ 'ce-authid': 'x'.repeat(2_049) }, text(data), 422, 'bounds'],
    ];
    for (const [change, body, status, reason] of faults) {
      const answer = await send(issuer.url, { ...headers, ...change }, body);
      expect({ got: answer.statusCode, ...answer.json<{ reason: string }>() }).toMatchObject({ got: status, reason });
    }
    expect(log.all()).toHaveLength(1);
  });

  test('a review is valid, a foreign type is kept, and parents may be of any issuer', async () => {
    const { send, log } = await createTestIntake();
    const review = {
      ...tokenEvent,
      id: 'r1',
      type: 'io.accessaudit.review.completed.v1',
      data: { schema_version: 1, review: { subject_type: 'break_glass', subject_id: 'bg-1', outcome: 'justified' } },
    };
    const foreign = {
      specversion: '1.0',
      id: 'f1',
      source: tokenEvent.source,
      type: 'com.example.thing',
      data: { anything: [1] },
    };
    const exchanged = {
      ...tokenEvent,
      id: 'e1',
      type: 'io.accessaudit.token.exchanged.v1',
      data: {
        ...tokenEvent.data,
        parent_tokens: [{ iss: 'https://gitlab.elsewhere.example', jti: 'p1', kind: 'jwt' }],
      },
    };
    const answer = await send(batch.url, batch.headers, text([review, foreign, exchanged]));
    expect(answer.json()).toMatchObject({ accepted: 3 });
    expect(log.all().map(({ headers }) => headers['x-custody-part'])).toEqual(['1/3', '2/3', '3/3']);
    const badReview = await send(
      issuer.url,
      issuer.headers,
      text({ ...review, id: 'r2', data: { schema_version: 1, review: { subject_type: 'break_glass' } } }),
    );
    expect(badReview.json()).toMatchObject({ reason: 'contract' });
  });

  test('an event of the future is taken in: whether its clock is right is for the worker to say', async () => {
    const { send, log } = await createTestIntake();
    expect(
      (await send(issuer.url, issuer.headers, changed(tokenEvent, { time: '2027-06-01T12:00:00Z' }))).statusCode,
    ).toBe(202);
    expect(log.all()).toHaveLength(1);
  });
});

test('a signature is asked for before anything is read of a body', async () => {
  const { send } = await createTestIntake();
  const answer = await send(
    '/v1/ingest/hoop.event',
    {
      'content-type': 'application/json',
      ...sign(Buffer.alloc(32), text(hoopClose), { prefix: 'svix', at: '2026-05-01T00:00:00Z' }),
    },
    'no json at all',
  );
  expect(answer.statusCode).toBe(401);
});
