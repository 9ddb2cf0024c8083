import { createConnection } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import fastify from 'fastify';
import { createIntake } from '../../../ingest/intake/routes.ts';
import { limitUploads, serverOptions } from '../../../ingest/intake/server-options.ts';
import { answerProblems } from '../../../server/problem-reply.ts';
import { createTestIntake, SECRETS } from '../../support/intake.ts';
import type { TestIntake } from '../../support/intake.ts';
import { jobHook, streamEvent, tokenEvent } from '../../support/intake-samples.ts';

const hook = {
  url: '/v1/ingest/gitlab.webhook',
  headers: { 'content-type': 'application/json', 'x-gitlab-token': SECRETS.hook },
};
const stream = {
  url: '/v1/ingest/gitlab.audit-stream',
  headers: { 'content-type': 'application/json', 'x-gitlab-event-streaming-token': SECRETS.stream },
};

describe('what arrives is stored as it arrived', () => {
  // Interpreters that such a text could be meant for: SQL, shells, templates, logs, spreadsheets, terminals, browsers.
  const HOSTILE = [
    `x' OR 1=1 --`,
    `'; INSERT INTO FUNCTION file('/tmp/x') SELECT 1; --`,
    '{x:String}',
    '{{7*7}} ${7*7} #{7*7} <%= 7*7 %>',
    '$(touch /tmp/x) `id` | & ;',
    '=HYPERLINK("http://evil.example")',
    '\r\nlevel=error forged=1',
    '\u001b[2J\u001b[1;31m',
    '\u202Eexe.gpj\u2028\u2029',
    '<script>alert(1)</script>',
    '../../../../etc/passwd',
    ') /URI (x',
    'constructor',
    '\u0000',
    '%00%0a%s%n',
    '\uD83D\uDE00 ж 中',
  ];

  test.each(HOSTILE)('%j', async (payload) => {
    const { send, log } = await createTestIntake();
    const body = JSON.stringify({ ...streamEvent, author_name: payload, [`field ${payload}`]: payload });
    expect((await send(stream.url, stream.headers, body)).statusCode).toBe(202);
    expect(log.all()[0]?.value.equals(Buffer.from(body))).toBe(true);
  });

  test('unknown fields, odd types, spaces, order, escapes and digits come back byte for byte', async () => {
    const { send, log } = await createTestIntake();
    const odd =
      ' { "object_kind" : "build" , "n": 12345678901234567890, "f":1.50e+2, "neg":-0, "s":"\\u0041\\/\\ud800", "u":null,\n\t"b":true, "nested":{"id":"7","extra":[{},[],"",0]}, "secret_count": 3 } ';
    expect((await send(hook.url, hook.headers, odd)).statusCode).toBe(202);
    expect(log.all()[0]?.value.toString()).toBe(odd.trim());
  });

  test('numbers stay numbers, and text stays text: nothing is coerced or filled in', async () => {
    const { send, log } = await createTestIntake();
    const body = JSON.stringify({
      ...jobHook,
      commit: null,
      build_id: '5001',
      allow_failure: 'false',
      project_id: 7.0,
      unknown: { a: [1, '1', null] },
    });
    await send(hook.url, hook.headers, body);
    expect(log.all()[0]?.value.toString()).toBe(body);
  });

  test('the prototype of objects is out of reach', async () => {
    const { send, inject } = await createTestIntake();
    for (const body of [
      '{"__proto__":{"polluted":1}}',
      '{"constructor":{"prototype":{"polluted":1}}}',
      '{"a":{"__proto__":{"polluted":1}}}',
      '{"toString":1,"valueOf":1,"hasOwnProperty":1}',
    ]) {
      await send(hook.url, hook.headers, body);
      await send(
        '/v1/ingest/cloudevents',
        { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${SECRETS.issuer}` },
        body,
      );
    }
    await inject({
      method: 'POST',
      url: '/v1/ingest/okta.log?__proto__[polluted]=1&constructor[prototype][polluted]=1',
    });
    await inject({ method: 'POST', url: '/v1/ingest/__proto__' });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('polluted');
  });

  test('random bodies are refused or stored, and never break the server', async () => {
    const { send, log } = await createTestIntake();
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
    const whole = JSON.stringify(tokenEvent);
    const answers = new Map<number, number>();
    let stored = 0;
    for (let round = 0; round < 600; round += 1) {
      const bytes = Buffer.from(whole);
      for (let change = 0; change <= random(4); change += 1) bytes[random(bytes.length)] = random(256);
      const issuer = { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${SECRETS.issuer}` };
      const answer = await send(
        '/v1/ingest/cloudevents',
        issuer,
        bytes.subarray(0, random(3) === 0 ? random(bytes.length) : bytes.length),
      );
      answers.set(answer.statusCode, (answers.get(answer.statusCode) ?? 0) + 1);
      if (answer.statusCode === 202 || answer.statusCode === 409) stored += 1;
    }
    expect([...answers.keys()].filter((status) => status >= 500)).toEqual([]);
    expect(log.all()).toHaveLength(stored);
  });
});

describe('slow and broken senders', () => {
  let intake: TestIntake;
  let port = 0;
  let close = async (): Promise<void> => undefined;
  beforeAll(async () => {
    intake = await createTestIntake();
    const app = fastify(serverOptions());
    limitUploads(app, 300);
    answerProblems(app);
    await app.register(createIntake(intake.deps));
    await app.listen({ port: 0, host: '127.0.0.1' });
    port = (app.server.address() as AddressInfo).port;
    close = () => app.close();
  });
  afterAll(() => close());

  /** Writes raw bytes to the server and gives all that comes back until the socket closes. */
  const talk = (head: string, then: (socket: ReturnType<typeof createConnection>) => void): Promise<string> =>
    new Promise((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.write(head);
        then(socket);
      });
      let got = '';
      socket.on('data', (chunk) => (got += chunk.toString()));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(got));
    });
  const headOf = (length: number, token: string): string =>
    `POST /v1/ingest/gitlab.webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Gitlab-Token: ${token}\r\nContent-Length: ${length}\r\n\r\n`;

  test('a body that never ends is cut off, and nothing is stored', async () => {
    const started = Date.now();
    await talk(headOf(1_000, SECRETS.hook), (socket) => socket.write('{"object_kind":'));
    expect(Date.now() - started).toBeLessThan(5_000);
    expect(intake.log.all()).toEqual([]);
  });

  test('an upload that is broken off stores nothing', async () => {
    await talk(headOf(1_000, SECRETS.hook), (socket) => {
      socket.write(JSON.stringify(jobHook).slice(0, 500));
      setTimeout(() => socket.destroy(), 50);
    });
    expect(intake.log.all()).toEqual([]);
  });

  test('who is not known is answered before the body is sent', async () => {
    const answer = await talk(headOf(20_000_000, 'nobody-knows-this-token'), () => undefined);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(intake.log.all()).toEqual([]);
  });

  test('a body announced larger than the limit is refused before it is sent', async () => {
    const answer = await talk(headOf(30_000_000, SECRETS.hook), () => undefined);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/"reason":"too_large"/);
  });

  test('a body that turns out larger than the limit is refused', async () => {
    const head = `POST /v1/ingest/cloudevents HTTP/1.1\r\nHost: x\r\nContent-Type: application/cloudevents+json\r\nAuthorization: Bearer ${SECRETS.issuer}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `${(65_536).toString(16)}\r\n${' '.repeat(65_536)}\r\n`;
    const answer = await talk(head, (socket) => socket.write(chunk.repeat(40)));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(intake.log.all()).toEqual([]);
  });

  test('after all of that an honest sender is served', async () => {
    const body = JSON.stringify(jobHook);
    const answer = await fetch(`http://127.0.0.1:${port}${hook.url}`, { method: 'POST', headers: hook.headers, body });
    expect(answer.status).toBe(202);
    expect(intake.log.all()).toHaveLength(1);
  });
});
