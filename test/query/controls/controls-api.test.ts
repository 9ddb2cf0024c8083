import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult } from '../../../model/control.ts';
import { emptyPolicy } from '../../../model/policy.ts';
import { Problem } from '../../../model/problem.ts';
import { CATALOGUE } from '../../../query/controls/catalogue.ts';
import { createControlsApi } from '../../../query/controls/controls-api.ts';
import { answerProblems } from '../../../server/problem-reply.ts';
import { at } from '../../support/control-fixture.ts';

const PERIOD = 'from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z';
let app: FastifyInstance;
const kept: CheckResult[] = [];

beforeAll(async () => {
  app = fastify();
  answerProblems(app);
  // A store that holds nothing: what is answered then is a matter of the routes and the rules alone.
  const reader = { read: () => Promise.resolve([]) };
  const record = (result: CheckResult): Promise<void> => Promise.resolve(void kept.push(result));
  const mayKeep = (authorization: string | undefined): Promise<unknown> =>
    authorization === 'Bearer auditor' ? Promise.resolve() : Promise.reject(new Problem('forbidden', 'not you'));
  const deps = { reader, policy: emptyPolicy(), now: () => at('2026-05-01T00:00:00Z'), mayKeep };
  await app.register(createControlsApi({ ...deps, record }));
  await app.register(createControlsApi(deps), { prefix: '/reading-only' });
});
afterAll(() => app.close());

const get = async (url: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const answer = await app.inject({ method: 'GET', url });
  return { status: answer.statusCode, body: answer.json() };
};

describe('GET /v1/controls', () => {
  test('shows the catalogue and the frameworks', async () => {
    const { status, body } = await get('/v1/controls');
    expect(status).toBe(200);
    expect(body['tests']).toHaveLength(CATALOGUE.length);
    expect(body['catalogue_version']).toMatch(/^[0-9a-f]{64}$/);
    expect((body['frameworks'] as { id: string }[]).map((framework) => framework.id)).toEqual(['soc2', 'iso27001']);
  });

  test('shows one test, or its result over a period', async () => {
    expect((await get('/v1/controls/T-09')).body).toMatchObject({ test: 'T-09', key: true });
    const { body } = await get(`/v1/controls/T-09?${PERIOD}&as_of=2026-04-02T00:00:00Z`);
    expect(body).toMatchObject({
      as_of: '2026-04-02T00:00:00.000000Z',
      tests: [{ test: 'T-09', result: 'not_in_scope' }],
    });
    expect(await get('/v1/controls/T-99')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});

describe('GET /v1/check', () => {
  test('runs the tests of a framework, as of now unless asked', async () => {
    const { status, body } = await get(`/v1/check?framework=soc2&${PERIOD}`);
    expect(status).toBe(200);
    const check = body as unknown as CheckResult;
    expect(check).toMatchObject({
      frameworks: ['soc2'],
      from: '2026-03-01T00:00:00.000000Z',
      as_of: '2026-05-01T00:00:00.000000Z',
    });
    expect(check.tests.map((one) => one.test)).toEqual(CATALOGUE.map((one) => one.id));
  });

  test('runs only the tests that are named', async () => {
    const { body } = await get(`/v1/check?framework=all&tests=T-25,T-01&${PERIOD}`);
    expect((body['tests'] as { test: string }[]).map((one) => one.test)).toEqual(['T-01', 'T-25']);
  });

  test.each([
    ['no framework', PERIOD, 400],
    ['an unknown framework', `framework=pci&${PERIOD}`, 400],
    ['no period', 'framework=soc2', 400],
    ['a time without a zone', 'framework=soc2&from=2026-03-01T00:00:00&to=2026-04-01T00:00:00Z', 400],
    ['an empty period', 'framework=soc2&from=2026-04-01T00:00:00Z&to=2026-04-01T00:00:00Z', 400],
    ['an unknown parameter', `framework=soc2&${PERIOD}&asof=2026-04-01T00:00:00Z`, 400],
    ['a test that is no test', `framework=soc2&${PERIOD}&tests=T-1;drop`, 400],
    ['a test that is not built', `framework=soc2&${PERIOD}&tests=T-99`, 404],
  ])('refuses %s', async (_what, query, status) => {
    expect((await get(`/v1/check?${query}`)).status).toBe(status);
  });
});

describe('POST /v1/check', () => {
  const post = (path: string, authorization?: string) =>
    app.inject({ method: 'POST', url: path, ...(authorization === undefined ? {} : { headers: { authorization } }) });
  const url = `/v1/check?framework=soc2&${PERIOD}`;

  test('to look changes nothing: only what is posted is kept, and it is what GET answers', async () => {
    const { body } = await get(url);
    await get(`/v1/controls/T-09?${PERIOD}`);
    expect(kept).toEqual([]);
    const answer = await post(url, 'Bearer auditor');
    expect([answer.statusCode, answer.json()]).toEqual([200, body]);
    expect(kept).toHaveLength(1);
  });

  test('whoever may only read cannot have anything kept', async () => {
    const before = kept.length;
    for (const authorization of [undefined, 'Bearer reader'])
      expect((await post(url, authorization)).json()).toMatchObject({ status: 403, code: 'forbidden' });
    expect(kept).toHaveLength(before);
  });

  test('a process that only reads its store says so, and does not pretend', async () => {
    const answer = await post(`/reading-only${url}`, 'Bearer auditor');
    expect(answer.json()).toMatchObject({
      status: 403,
      detail: expect.stringMatching(/keeps no results.*GET/) as string,
    });
  });
});
