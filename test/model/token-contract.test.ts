import { describe, expect, test } from 'vitest';
import { boundFaultOf, breachesOf } from '../../model/token-contract.ts';
import { REVIEW_EVENT_TYPE, TOKEN_EVENT_TYPES } from '../../model/token-event.ts';

const party = { kind: 'human', iss: 'https://idp.example', sub: 'u1' };
const token = { iss: 'https://broker.example', jti: 't1', kind: 'jwt' };
const target = { type: 'http_api', name: 'https://api.example' };
const approval = { mode: 'human', decision_by: party };
const envelope = { specversion: '1.0', id: 'e1', source: 'https://broker.example/eu1', time: '2026-06-01T12:00:00Z' };

/** The least that each type needs, beyond `schema_version`. */
const LEAST: Record<(typeof TOKEN_EVENT_TYPES)[number], Record<string, unknown>> = {
  'io.accessaudit.token.requested.v1': { request_id: 'r1', requester: party },
  'io.accessaudit.token.approved.v1': { request_id: 'r1', approval },
  'io.accessaudit.token.denied.v1': { request_id: 'r1', approval },
  'io.accessaudit.token.issued.v1': { token, subject: party },
  'io.accessaudit.token.exchanged.v1': { token, subject: party, parent_tokens: [token] },
  'io.accessaudit.token.used.v1': { token, target },
  'io.accessaudit.token.revoked.v1': { token },
  'io.accessaudit.token.expired.v1': { token },
};

describe.each(TOKEN_EVENT_TYPES)('%s', (type) => {
  const least = LEAST[type];
  const event = (data: object): object => ({ ...envelope, type, data: { schema_version: 1, ...data } });

  test('needs just what the contract says', () => {
    expect(breachesOf(event(least))).toEqual([]);
    for (const name of Object.keys(least)) {
      expect(breachesOf(event({ ...least, [name]: undefined })).map(({ path }) => path)).toEqual([
        expect.stringContaining(`data.${name}`),
      ]);
      expect(breachesOf(event({ ...least, [name]: null }))).toHaveLength(1);
    }
  });

  test('keeps unknown fields, and takes null for absent', () => {
    expect(
      breachesOf({
        ...event({ ...least, own_field: { a: [1] }, client_ip: null, ci: { sha: null } }),
        ownextension: 'x',
      }),
    ).toEqual([]);
  });
});

test('an opaque token is named by its hash, a revocation may name a scope', () => {
  const revoked = (data: object): object => ({
    ...envelope,
    type: 'io.accessaudit.token.revoked.v1',
    data: { schema_version: 1, ...data },
  });
  expect(breachesOf(revoked({ token: { sha256: 'a'.repeat(64), kind: 'opaque' } }))).toEqual([]);
  expect(breachesOf(revoked({ scope: { subject: party } }))).toEqual([]);
  expect(breachesOf(revoked({ token: { sha256: 'short' } })).length).toBeGreaterThan(0);
  expect(breachesOf(revoked({ token: { iss: 'https://broker.example' } }))).toEqual([
    { path: 'data.token', message: 'needs iss and jti, or sha256' },
  ]);
});

test('a type that is not ours is judged by its envelope alone', () => {
  expect(breachesOf({ specversion: '1.0', id: 'x', source: '/own', type: 'com.example.thing' })).toEqual([]);
  expect(breachesOf({ specversion: '1.0', id: 'x', type: 'com.example.thing' })).toMatchObject([{ path: 'source' }]);
  expect(
    breachesOf({ ...envelope, type: REVIEW_EVENT_TYPE, data: { schema_version: 1, review: {} } }).map(
      ({ path }) => path,
    ),
  ).toEqual(['data.review.subject_type', 'data.review.subject_id']);
  for (const nothing of [null, 7, 'x', [], {}]) expect(breachesOf(nothing).length).toBeGreaterThan(0);
});

test('a breach names places, never values', () => {
  const breaches = breachesOf({
    ...envelope,
    type: TOKEN_EVENT_TYPES[3],
    data: {
      schema_version: 'hunter2',
      token: 'hunter2',
      subject: { kind: 'hunter2', iss: 7, sub: 'x' },
      outcome: 'hunter2',
      issued_at: 'hunter2',
    },
  });
  expect(breaches.map(({ path }) => path)).toEqual([
    'data.schema_version',
    'data.token',
    'data.subject.kind',
    'data.subject.iss',
    'data.issued_at',
    'data.outcome',
  ]);
  expect(JSON.stringify(breaches)).not.toContain('hunter2');
});

test('bounds: actors, parents, and any string or name', () => {
  const of = (data: object): object => ({ ...envelope, type: TOKEN_EVENT_TYPES[4], data });
  expect(
    boundFaultOf(
      of({
        actors: Array.from({ length: 16 }, () => party),
        parent_tokens: Array.from({ length: 8 }, () => token),
        a: 'x'.repeat(2_048),
      }),
    ),
  ).toBeUndefined();
  expect(boundFaultOf(of({ actors: Array.from({ length: 17 }, () => party) }))).toMatchObject({
    path: 'data.actors',
    limit: 16,
  });
  expect(boundFaultOf(of({ parent_tokens: Array.from({ length: 9 }, () => token) }))).toMatchObject({
    path: 'data.parent_tokens',
    limit: 8,
  });
  expect(boundFaultOf(of({ deep: [{ a: 'x'.repeat(2_049) }] }))).toMatchObject({
    path: 'data.deep[0].a',
    limit: 2_048,
  });
  expect(boundFaultOf(of({ ['n'.repeat(2_049)]: 1 }))).toMatchObject({ limit: 2_048 });
  expect(boundFaultOf({ ...envelope, dssematerial: 'x'.repeat(16_000) })).toBeUndefined();
  expect(boundFaultOf({ ...envelope, dssematerial: 'x'.repeat(16_385) })).toMatchObject({
    path: 'dssematerial',
    limit: 16_384,
  });
});
