import { createHash } from 'node:crypto';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { buildEvent, withSequence } from '../../../ingest/issuer-kit/build-event.ts';
import { checkEvent } from '../../../ingest/issuer-kit/check-event.ts';
import type { DataOf, EventDraft } from '../../../ingest/issuer-kit/event-types.ts';
import { IssuerKitError } from '../../../ingest/issuer-kit/kit-error.ts';
import { partiesOf, tokenHash } from '../../../ingest/issuer-kit/parties.ts';
import type { TokenEventData, reviewDataSchema } from '../../../model/token-event.ts';
import type { z } from 'zod';
import { SECRETS, createTestIntake } from '../../support/intake.ts';

const SOURCE = 'https://broker.acme.example/eu1';
const human = { kind: 'human', iss: 'https://acme.okta.example', sub: '00u8mara' } as const;
const token = { iss: 'https://broker.acme.example', jti: '3b7e0f10-0000-4000-8000-00000000b100', kind: 'jwt' } as const;
const target = { type: 'aws_role', name: 'arn:aws:iam::111122223333:role/payments-deploy' } as const;
const approval = { mode: 'human', decision_by: human, policy: { id: 'prod-deploy', version: '14' } } as const;

/** One draft of each type of the contract. */
const DRAFTS: readonly EventDraft[] = [
  { type: 'requested', data: { request_id: 'r-1', requester: human } },
  { type: 'approved', data: { request_id: 'r-1', approval } },
  { type: 'denied', data: { request_id: 'r-2', approval: { mode: 'policy', reason_code: 'not_permitted' } } },
  { type: 'issued', data: { token, subject: human, expires_at: '2026-06-01T12:10:00Z' } },
  { type: 'exchanged', data: { token: { ...token, jti: 'b-2' }, subject: human, parent_tokens: [token], actors: [] } },
  { type: 'used', data: { token, target } },
  { type: 'revoked', data: { scope: { session: { iss: 'https://acme.okta.example', sid: 's-1' } } } },
  { type: 'revoked', data: { token, reason_code: 'incident_closed' } },
  { type: 'expired', data: { token: { sha256: 'a'.repeat(64), kind: 'opaque' } } },
  { type: 'reviewed', data: { review: { subject_type: 'break_glass', subject_id: 'r-1', reviewer: human } } },
];

const without = (event: Record<string, unknown>, name: string): unknown =>
  Object.fromEntries(Object.entries(event).filter(([key]) => key !== name));

/** Events that break the contract, each with the path that must be named. */
const BROKEN: readonly (readonly [string, (event: Record<string, unknown>) => unknown])[] = [
  ['specversion', (event) => ({ ...event, specversion: '0.3' })],
  ['id', (event) => ({ ...event, id: '' })],
  ['source', (event) => without(event, 'source')],
  ['time', (event) => without(event, 'time')],
  ['time', (event) => ({ ...event, time: '2026-06-01 12:00' })],
  ['data.token', (event) => ({ ...event, data: { ...(event['data'] as object), token: { kind: 'jwt' } } })],
  ['data.subject', (event) => ({ ...event, data: { ...(event['data'] as object), subject: undefined } })],
  ['data.subject.sub', (event) => ({ ...event, data: { ...(event['data'] as object), subject: { iss: 'x' } } })],
  ['data.schema_version', (event) => ({ ...event, data: { ...(event['data'] as object), schema_version: 2 } })],
  ['data.actors', (event) => ({ ...event, data: { ...(event['data'] as object), actors: Array.from({ length: 17 }, () => human) } })],
  ['data.reason', (event) => ({ ...event, data: { ...(event['data'] as object), reason: 'x '.repeat(1_100) } })],
  ['data.access_token', (event) => ({ ...event, data: { ...(event['data'] as object), access_token: 'abcdefgh' } })],
  ['data.note', (event) => ({ ...event, data: { ...(event['data'] as object), note: `glpat-${'a1B2'.repeat(5)}` } })],
  ['data.list[1]', (event) => ({ ...event, data: { ...(event['data'] as object), list: ['a', `Bearer ${'a1B2'.repeat(6)}`] } })],
  ['data', (event) => ({ ...event, data: 'text' })],
]; // prettier-ignore

const issued = (): Record<string, unknown> =>
  buildEvent(DRAFTS[3] as EventDraft, SOURCE, new Date('2026-06-01T12:00:00Z'));

describe('building events', () => {
  test('every type of the contract is built, checked, and taken by the door', async () => {
    const { app } = await createTestIntake();
    const events = DRAFTS.map((draft, index) => withSequence(buildEvent(draft, SOURCE, new Date('2026-06-01T11:59:00Z')), index + 1));
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/ingest/cloudevents',
      headers: { authorization: `Bearer ${SECRETS.issuer}`, 'content-type': 'application/cloudevents-batch+json' },
      payload: JSON.stringify(events),
    });
    expect([answer.statusCode, answer.json()]).toMatchObject([202, { accepted: DRAFTS.length }]);
  }); // prettier-ignore

  test('fills in what follows from the data', () => {
    const event = buildEvent(DRAFTS[4] as EventDraft, SOURCE, new Date('2026-06-01T12:00:00.123Z'));
    expect(event).toMatchObject({
      specversion: '1.0',
      source: SOURCE,
      type: 'io.accessaudit.token.exchanged.v1',
      subject: 'jti:b-2',
      time: '2026-06-01T12:00:00.123Z',
      partitionkey: 'https://broker.acme.example/b-2',
      authtype: 'user',
    });
    expect(event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(event.id.replace('-', '').slice(0, 12), 16)).toBe(Date.parse('2026-06-01T12:00:00.123Z'));
    expect(withSequence(event, 184_423)['sequence']).toBe('00000000000000184423');
  });

  test('refuses what the contract refuses, with place and remedy, and nothing of the value', () => {
    const draft = { type: 'issued', data: { token, subject: human, expires_at: 'soon', access_token: 'S3cretS3cretS3cret' } };
    const failure = (() => {
      try {
        buildEvent(draft as unknown as EventDraft, SOURCE);
      } catch (error) {
        return error;
      }
      return undefined;
    })() as IssuerKitError;
    expect(failure).toBeInstanceOf(IssuerKitError);
    expect(failure.code).toBe('invalid_event');
    expect(failure.faults).toEqual([
      {
        path: 'data.access_token',
        code: 'token_material_present',
        message: expect.stringContaining('token material'),
        remedy: expect.stringContaining('Revoke'),
      },
    ]);
    expect(JSON.stringify(failure.faults) + failure.message).not.toContain('S3cret');
    expect(() => buildEvent({ type: 'minted', data: {} } as unknown as EventDraft, SOURCE)).toThrow(/type is none of the contract/);
  }); // prettier-ignore

  test('the types of the kit are what the schema of the contract reads', () => {
    type Data = Omit<TokenEventData, 'schema_version'>;
    type Mutable<T> = T extends readonly (infer Item)[] ? Mutable<Item>[] : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T; // prettier-ignore
    expectTypeOf<Mutable<DataOf['issued']>>().toExtend<Data>();
    expectTypeOf<Mutable<DataOf['exchanged']>>().toExtend<Data>();
    expectTypeOf<Mutable<DataOf['requested']>>().toExtend<Data>();
    expectTypeOf<Mutable<DataOf['approved']>>().toExtend<Data>();
    expectTypeOf<Mutable<DataOf['used']>>().toExtend<Data>();
    expectTypeOf<Mutable<DataOf['expired']>>().toExtend<Data>();
    expectTypeOf<Mutable<DataOf['reviewed']>>().toExtend<Omit<z.output<typeof reviewDataSchema>, 'schema_version'>>();
  });
});

describe('checking events', () => {
  test('the kit and the door say the same of what is good and what is broken', async () => {
    const { app } = await createTestIntake();
    const door = async (event: unknown): Promise<number> =>
      (
        await app.inject({
          method: 'POST',
          url: '/v1/ingest/cloudevents',
          headers: { authorization: `Bearer ${SECRETS.issuer}`, 'content-type': 'application/cloudevents+json' },
          payload: JSON.stringify(event),
        })
      ).statusCode;
    expect([checkEvent(issued()), await door(issued())]).toEqual([[], 202]);
    for (const [path, spoil] of BROKEN) {
      const event = spoil(issued());
      const faults = checkEvent(event);
      expect([path, faults[0]?.path]).toEqual([path, path]);
      expect(faults.every(({ message, remedy }) => message !== '' && remedy !== '')).toBe(true);
      expect([path, await door(event)]).not.toEqual([path, 202]);
    }
  });

  test('never throws, whatever it is given', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    let deep: unknown = 'x';
    for (let level = 0; level < 5_000; level += 1) deep = [deep];
    for (const value of [undefined, null, 1, 'x', [], {}, cyclic, deep, { data: 1n }, { data: { a: 'x'.repeat(70_000) } }])
      expect(checkEvent(value).length).toBeGreaterThan(0);
  }); // prettier-ignore
});

describe('parties and hashes', () => {
  test('flattens act chains outermost first (RFC 8693 4.1)', () => {
    const gitlab = 'https://gitlab.acme.example';
    const act = { sub: 'release-agent', iss: 'https://agents.acme.example', sub_profile: 'ai_agent', act: { sub: 'project_path:p', iss: gitlab, sub_profile: 'service' } }; // prettier-ignore
    expect(partiesOf({ iss: 'https://broker.acme.example', sub: 316, act })).toEqual({
      subject: { kind: 'unknown', iss: 'https://broker.acme.example', sub: '316' },
      actors: [
        { kind: 'ai_agent', iss: 'https://agents.acme.example', sub: 'release-agent' },
        { kind: 'service', iss: gitlab, sub: 'project_path:p' },
      ],
    });
    let nested = { iss: 'a', sub: 'b' } as Parameters<typeof partiesOf>[0];
    for (let level = 0; level < 17; level += 1) nested = { iss: 'a', sub: 'b', act: nested };
    expect(() => partiesOf(nested)).toThrow(/deeper than 16/);
    expect(() => partiesOf({ iss: 'a' })).toThrow(/needs iss and sub/);
  });

  test('hashes a token as it is sent, and no token that could be guessed from its hash', () => {
    const opaque = 'r8Kq2vVb0ZpM4nXy7TgLsw';
    expect(tokenHash(opaque)).toBe(createHash('sha256').update(opaque).digest('hex'));
    expect(() => tokenHash('hunter2')).toThrow(/128 bits/);
  });
});
