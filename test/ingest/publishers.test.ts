import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CloudEvent, HTTP } from 'cloudevents';
import type { Message } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildEvent, withSequence } from '../../ingest/issuer-kit/build-event.ts';
import { SECRETS, createTestIntake } from '../support/intake.ts';
import type { TestIntake } from '../support/intake.ts';

// What others publish with: the SDK of CloudEvents and curl, over real HTTP to the real door. kcat: test/kafka/cluster.test.ts.
const SOURCE = 'https://broker.acme.example/eu1';
const run = promisify(execFile);
let intake: TestIntake;
let door = '';
let sequence = 0;

beforeAll(async () => {
  intake = await createTestIntake();
  door = `${await intake.app.listen({ host: '127.0.0.1', port: 0 })}/v1/ingest/cloudevents`;
});
afterAll(() => intake.app.close());

const data = {
  schema_version: 1,
  request_id: 'tr-1',
  requester: { kind: 'human', iss: 'https://idp.acme.example', sub: '00u1', display: 'Zoë' },
};
const attributes = {
  source: SOURCE,
  type: 'io.accessaudit.token.requested.v1',
  subject: 'request:tr-1',
  time: '2026-06-01T11:59:00.123Z',
  correlationid: 'tr-1',
} as const;

async function post(message: Message<unknown>): Promise<{ status: number; body: unknown }> {
  const headers = { ...(message.headers as Record<string, string>), authorization: `Bearer ${SECRETS.issuer}` };
  const body = typeof message.body === 'string' ? message.body : JSON.stringify(message.body);
  const answer = await fetch(door, { method: 'POST', headers, body });
  return { status: answer.status, body: await answer.json() };
}

describe('the CloudEvents SDK as publisher', () => {
  test('structured and binary are taken, and the same event in both forms is one', async () => {
    const event = new CloudEvent({ ...attributes, id: 'sdk-1', datacontenttype: 'application/json', data });
    expect(await post(HTTP.structured(event))).toMatchObject({ status: 202, body: { accepted: 1 } });
    // The same id with other content would be a 409: that it is none shows that both forms mean the same.
    expect(await post(HTTP.binary(event))).toMatchObject({ status: 202, body: { accepted: 1 } });
    const other = event.cloneWith({ data: { ...data, request_id: 'tr-2' } });
    expect(await post(HTTP.binary(other))).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });

  test('what breaks the contract is refused with the place and the remedy', async () => {
    const event = new CloudEvent({ ...attributes, id: 'sdk-2', data: { ...data, requester: { sub: 'x' } } });
    const answer = await post(HTTP.structured(event));
    expect(answer).toMatchObject({ status: 422, body: { reason: 'contract', path: 'data.requester.iss' } });
    expect(answer.body).toHaveProperty('remedy');
  });

  test('reads the events that the kit builds', () => {
    const built = withSequence(
      buildEvent(
        { type: 'requested', data: { request_id: 'tr-1', requester: { kind: 'human', iss: 'i', sub: 's' } } },
        SOURCE,
      ),
      7,
    );
    const read = HTTP.toEvent({
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(built),
    });
    expect(Array.isArray(read) ? [] : { ...read }).toMatchObject({
      id: built.id,
      source: SOURCE,
      sequence: built['sequence'],
    });
  });
});

describe('curl as publisher', () => {
  const curl = async (...args: readonly string[]): Promise<string> => {
    const auth = ['-sS', '--max-time', '20', '-o', '-', '-w', ' %{http_code}', '-H', `Authorization: Bearer ${SECRETS.issuer}`];
    return (await run('curl', [...auth, ...args, door])).stdout;
  };
  const envelope = (): string => JSON.stringify({ specversion: '1.0', id: `curl-${(sequence += 1)}`, ...attributes, data });

  test('structured, batch and binary', async () => {
    const structured = ['-H', 'Content-Type: application/cloudevents+json'];
    expect(await curl(...structured, '--data-binary', envelope())).toMatch(/"accepted":1.* 202$/);
    const batch = ['-H', 'Content-Type: application/cloudevents-batch+json'];
    expect(await curl(...batch, '--data-binary', `[${envelope()},${envelope()}]`)).toMatch(/"accepted":2.* 202$/);
    const named = { specversion: '1.0', id: 'curl-binary', ...attributes };
    const binary = Object.entries(named).flatMap(([name, value]) => ['-H', `ce-${name}: ${value}`]);
    expect(await curl(...binary, '-H', 'Content-Type: application/json', '--data-binary', JSON.stringify(data))).toMatch(/"accepted":1.* 202$/);
  });

  test('a wrong type and a missing credential are told', async () => {
    expect(await curl('-H', 'Content-Type: application/json', '--data-binary', envelope())).toMatch(/cloudevents\+json.* 415$/);
    const { stdout } = await run('curl', ['-sS', '-w', ' %{http_code}', '-H', 'Content-Type: application/cloudevents+json', '-d', envelope(), door]);
    expect(stdout).toMatch(/unauthenticated.* 401$/);
  });
}); // prettier-ignore
