import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import { createSelfLog } from '../../ingest/self-log.ts';
import type { DatedAct } from '../../ingest/self-log.ts';
import type { CheckResult } from '../../model/control.ts';
import { policySchema } from '../../model/policy.ts';
import { createAccessLog } from '../../server/access-log.ts';
import type { Access } from '../../server/access-log.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { EVIDENCE_ROUTES, rememberCallers, watchAccess } from '../../server/watch-access.ts';
import { startOidcCallers } from '../support/oidc-callers.ts';
import type { OidcCallers } from '../support/oidc-callers.ts';
import { tempFolder } from '../support/temp-folder.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const access = (object: string, part: Partial<Access> = {}): Access => ({ actor: { kind: 'unknown', key: 'idp:user:https://idp.example/kim' }, action: 'query', object, outcome: 'success', ...part }); // prettier-ignore

describe('the access log', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const told: DatedAct[] = [];
  const state: { isAway: boolean; calls: number; asked: DatedAct[] } = { isAway: false, calls: 0, asked: [] };
  const full: boolean[] = [];
  const open = (most = 3): ReturnType<typeof createAccessLog> => {
    told.splice(0);
    full.splice(0);
    Object.assign(state, { isAway: false, calls: 0, asked: [] });
    const log = createAccessLog({
      self: {
        tellAll(acts) {
          state.calls += 1;
          state.asked.push(...acts);
          if (state.isAway) return Promise.reject(new Error('the log is away'));
          told.push(...acts);
          return Promise.resolve({ topic: 'custody.self', partition: 0, firstOffset: 0, lastOffset: acts.length - 1 });
        },
      },
      now: () => Date.now() * 1_000,
      onFull: (isFull) => full.push(isFull),
      most,
    });
    return log;
  };
  const objects = (): readonly unknown[] => told.map(({ act }) => (act.type === 'evidence.accessed' ? act.access.object : act.type)); // prettier-ignore

  test('notes nothing before it begins, tells equal ones as one with their number, and asks the log for nothing in between', async () => {
    const log = open();
    log.note(access('early'));
    log.start();
    for (let i = 0; i < 1_000; i += 1) log.note(access('a'));
    log.note(access('b'));
    expect(state.calls).toBe(0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(objects()).toEqual(['a', 'b']);
    expect(told[0]?.act).toMatchObject({ access: { times: 1_000, allowed: true } });
    expect(told[1]?.act).not.toHaveProperty('access.times');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(state.calls).toBe(1);
    await log.close();
  });

  test('what recurs is told at once the first time, then once a minute with its number', async () => {
    const log = open();
    log.start();
    for (let second = 0; second < 121; second += 1) {
      log.note(access('a'));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    await log.close();
    const times = told.map(({ act }) => (act.type === 'evidence.accessed' ? (act.access.times ?? 1) : 0));
    expect(times.length).toBeLessThanOrEqual(4);
    expect(times[0]).toBe(1);
    expect(times.reduce((sum, count) => sum + count, 0)).toBe(121);
  });

  test('what is told again after a failure has the same id, and is not mixed with what came since', async () => {
    const log = open();
    log.start();
    log.note(access('a'));
    state.isAway = true;
    await vi.advanceTimersByTimeAsync(1_000);
    const [first] = state.asked;
    log.note(access('a'));
    state.isAway = false;
    await log.close();
    expect(told.map(({ id }) => id)).toContain(first?.id);
    expect(new Set(told.map(({ id }) => id)).size).toBe(2);
    expect(told).toHaveLength(2);
  });

  test('whatever a caller is called and asks for fits the log: nobody can keep the others back', async () => {
    const appended: unknown[] = [];
    const self = createSelfLog({ append: (_topic, _key, records) => { appended.push(...records); return Promise.resolve({ topic: 'custody.self', partition: 0, firstOffset: 0, lastOffset: 0 }); } }, 'acme', () => 1_800_000_000_000_000); // prettier-ignore
    const untold: number[] = [];
    const log = createAccessLog({ self, now: () => 1_800_000_000_000_000, onUntold: (count) => untold.push(count) });
    log.start();
    const names = ['', ' ', '\0', '\ud800', '𐀀'.repeat(600), 'x'.repeat(5_000)];
    for (const name of names)
      log.note(access(`GET /${name}`, { actor: { kind: 'unknown', key: name, display: name }, address: name, purpose: name })); // prettier-ignore
    await log.close();
    expect(appended).toHaveLength(names.length);
    expect(untold).toEqual([]);
  });

  test('away: what waits is bounded, what comes beyond is counted, told and made good', async () => {
    const log = open(3);
    log.start();
    state.isAway = true;
    for (const name of ['a', 'b', 'c', 'd', 'e']) log.note(access(name));
    expect(log.state()).toEqual({ waiting: 3, unrecorded: 2 });
    expect(full).toEqual([true]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect([objects(), log.state().waiting]).toEqual([[], 3]);
    state.isAway = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(objects()).toEqual([expect.stringMatching(/^2 accesses that could not be recorded, /), 'a', 'b', 'c']);
    expect(told[0]?.act).not.toHaveProperty('actor');
    expect(full).toEqual([true, false]);
    expect(log.state()).toEqual({ waiting: 0, unrecorded: 2 });
    await log.close();
  });

  test('secrets in an address are replaced, long ones are cut, and what waits is told at the end', async () => {
    const log = open();
    log.start();
    const secret = ['glpat', 'x7Kq2mVb9Zr4tWn8Lp3s'].join('-');
    log.note(access(`GET /v1/events?where=${secret}`, { purpose: `because ${secret}`, address: '127.0.0.1' }));
    log.note(access(`GET /${'x'.repeat(5_000)}`));
    await log.close();
    expect(JSON.stringify(told)).not.toContain(secret);
    expect(told[0]?.act).toMatchObject({ access: { address: '127.0.0.1', object: expect.stringContaining('[REDACTED') as string } }); // prettier-ignore
    expect(String(objects()[1])).toHaveLength(512);
    log.note(access('late'));
    expect(log.state().waiting).toBe(0);
  });
});

test('an answer that the caller breaks off is recorded: what came until then was read', async () => {
  // Closing would else wait for a connection that the client kept.
  const app = fastify({ forceCloseConnections: true });
  const noted: Access[] = [];
  const callers = rememberCallers(() => Promise.resolve({ subject: 'kim', issuer: 'https://idp.example', permissions: ['read'] })); // prettier-ignore
  watchAccess(app, callers, { note: (one) => void noted.push(one) });
  app.get('/v1/export', async (request, reply) => {
    await callers.authorize(request.headers.authorization, 'read');
    // An export that is long: the first part, and then nothing for as long as anybody waits.
    const parts = new Readable({ read: () => undefined });
    parts.push('first');
    return reply.send(parts);
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const going = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}/v1/export?format=ndjson`, { signal: going.signal });
  expect(new TextDecoder().decode((await answer.body?.getReader().read())?.value)).toBe('first');
  expect(noted).toEqual([]);
  going.abort();
  await vi.waitFor(() => expect(noted).toHaveLength(1));
  expect(noted[0]).toMatchObject({ action: 'export', outcome: 'success', object: 'GET /v1/export?format=ndjson' });
  await app.close();
  expect(noted).toHaveLength(1);
});

describe('a server', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let callers: OidcCallers;
  let custody: Custody;
  let url = '';
  beforeAll(async () => {
    folder = await tempFolder('custody-access-');
    callers = await startOidcCallers();
    const policy = policySchema.parse({ tenant: 'acme', sources: [{ family: 'okta.log', instance: 'acme.okta.example' }] }); // prettier-ignore
    custody = await openCustody({ folder: join(folder.path, 'data'), policy, secrets: secretsFrom({}), oidc: callers.oidc, version: '0', logTo: 'nowhere' }); // prettier-ignore
    await custody.settled();
  });
  afterAll(async () => {
    await custody.close();
    await callers.close();
    await folder.remove();
  });
  const get = async (path: string, authorization: string, headers: Record<string, string> = {}): Promise<number> => (await fetch(`${url}${path}`, { headers: { authorization, ...headers } })).status; // prettier-ignore
  interface Told {
    readonly actor: string;
    readonly outcome: string;
    readonly facts: { readonly evidence_access?: { readonly action: string; readonly object: string; readonly purpose?: string; readonly address?: string } }; // prettier-ignore
  }
  async function recorded(count: number): Promise<readonly Told[]> {
    for (let round = 0; ; round += 1) {
      await custody.settled();
      const answer = await custody.app.inject({ url: '/v1/export?format=ndjson&from=2020-01-01T00:00:00Z&to=2190-01-01T00:00:00Z', headers: { host: 'localhost', authorization: await callers.bearer('looker', 'auditor') } }); // prettier-ignore
      const lines = answer.payload.split('\n').filter((line) => line.includes('"evidence_access"') && !line.includes('/looker')); // prettier-ignore
      if (lines.length >= count || round > 50) return lines.map((line) => JSON.parse(line) as Told);
      await sleep(300);
    }
  }

  test('every route that answers with evidence is watched, and none that is not there', () => {
    const there = new Set(custody.routes.map((route) => `${route.method} ${route.url}`));
    expect(Object.keys(EVIDENCE_ROUTES).filter((route) => !there.has(route))).toEqual([]);
    const free = /^(?:\/healthz|\/readyz|\/openapi\.json|\/metrics|\/v1\/(?:ingest\/|issuer-contract|log|polls|controls$|reports\/:id\/progress))/; // prettier-ignore
    const unwatched = custody.routes.filter(({ method, url: path }) => method === 'GET' && !free.test(path) && !EVIDENCE_ROUTES[`GET ${path}`]); // prettier-ignore
    expect(unwatched).toEqual([]);
  });

  test('in a process that serves nobody, reading is not recorded; once it listens, who, what, when, from where', async () => {
    const kim = await callers.bearer('kim', 'auditor');
    await custody.app.inject({ url: '/v1/sources', headers: { host: 'localhost', authorization: kim } });
    url = await custody.listen('127.0.0.1', 0);
    expect(await get('/v1/events?where=action%3Dsecret.*', kim)).toBe(200);
    expect(await get('/v1/trace?key=gitlab%3Ajob%3Agitlab.example%2F1', kim)).toBe(404);
    expect(await get('/v1/export?format=ndjson&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z', kim, { 'custody-purpose': 'audit of the quarter' })).toBe(200); // prettier-ignore
    expect(await get('/v1/reports', await callers.bearer('rae', 'responder'))).toBe(403);
    expect(await get('/v1/events', 'Bearer guessed')).toBe(401);
    expect(await get('/v1/events', `Bearer ${custody.token}`)).toBe(200);
    await get('/metrics', kim);
    await get('/v1/controls', kim);
    const found = await recorded(5);
    const shown = found.map(({ actor, outcome, facts }) => `${actor.split('/').at(-1)} ${outcome} ${facts.evidence_access?.action} ${facts.evidence_access?.object.split('?')[0]}`); // prettier-ignore
    expect(shown.slice(0, 4).toSorted()).toEqual([
      'kim failure view GET /v1/trace',
      'kim success export GET /v1/export',
      'kim success query GET /v1/events',
      'rae denied view GET /v1/reports',
    ]);
    expect(found).toHaveLength(5);
    expect(found[4]?.actor).toMatch(/^os:user:/);
    const exported = found.find(({ facts }) => facts.evidence_access?.action === 'export')?.facts.evidence_access;
    expect(exported).toMatchObject({ purpose: 'audit of the quarter', address: '127.0.0.1' });
    expect(JSON.stringify(found)).not.toContain(kim.slice('Bearer '.length));
  });

  test('a HEAD and a secret behind an encoding are recorded too; pages of a list are one access', async () => {
    const mia = await callers.bearer('mia', 'auditor');
    const secret = ['glpat', 'x7Kq2mVb9Zr4tWn8Lp3s'].join('-');
    await fetch(`${url}/v1/sources`, { method: 'HEAD', headers: { authorization: mia } });
    await get(`/v1/trace?key=${secret.replaceAll('g', '%67')}`, mia);
    for (const limit of [1, 2, 3]) await get(`/v1/events?limit=${limit}&where=outcome%3Ddenied`, mia);
    const found = (await recorded(8)).filter(({ actor }) => actor.endsWith('/mia'));
    const objects = found.map(({ facts }) => facts.evidence_access?.object ?? '');
    expect(objects.toSorted().map((object) => object.split('&')[0])).toEqual([
      'GET /v1/events?where=outcome=denied',
      expect.stringMatching(/^GET \/v1\/trace\?key=\[REDACTED/) as string,
      'HEAD /v1/sources',
    ]);
    expect(JSON.stringify(found)).not.toContain(secret);
  });

  test('T-37 judges what was recorded: an export without a purpose is an exception', async () => {
    await get('/v1/export?format=ndjson&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z', await callers.bearer('lee', 'auditor')); // prettier-ignore
    await recorded(9);
    const answer = await custody.app.inject({ url: '/v1/check?framework=all&from=2026-01-01T00:00:00Z&to=2190-01-01T00:00:00Z&tests=T-37', headers: { host: 'localhost', authorization: await callers.bearer('looker', 'auditor') } }); // prettier-ignore
    const [t37] = (JSON.parse(answer.payload) as CheckResult).tests;
    expect(t37?.items.filter(({ finding }) => !finding.includes('looker')).map(({ attribute }) => attribute)).toContain('no_purpose'); // prettier-ignore
    expect(t37?.population.count).toBeGreaterThanOrEqual(9);
    const timeline = await custody.app.inject({ url: '/v1/events?format=text&from=2026-01-01T00:00:00Z&where=action%3Devidence.access', headers: { host: 'localhost', authorization: await callers.bearer('looker', 'auditor') } }); // prettier-ignore
    expect(timeline.payload).toMatch(/lee took evidence out: GET \/v1\/export\?format=ndjson/);
    expect(timeline.payload).toMatch(/kim looked at the evidence: GET \/v1\/trace\S* - failed/);
  });
});
