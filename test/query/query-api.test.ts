import { randomBytes } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../../model/problem.ts';
import { createQueryApi } from '../../query/query-api.ts';
import { chainSchema, pageSchema, problemSchema, sourceSchema } from '../../query/response-schemas.ts';
import { answerProblems } from '../../server/problem-reply.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { fillStore } from '../support/fill-store.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { chainA, KEYS, MARA, nameOf, told, workedPolicy } from '../support/worked-chains.ts';

const policy = workedPolicy();
const formula = told({ id: 'formula', family: 'ce', at: '2026-08-21T00:00:00Z', action: 'token.use', actor: { kind: 'human', key: 'idp:user:x/=cmd', display: '=HYPERLINK("http://x.example","\u202eclick")' }, resource: '+1+1', keys: [] }); // prettier-ignore
const samples = [told({ id: 'same:ResponseComplete@2026-08-21T00:00:01.000001Z', family: 'k8s.audit', at: '2026-08-21T00:00:01.000001Z', action: 'api.read', keys: [] }), formula]; // prettier-ignore
const numbered = Array.from({ length: 25 }, (_, index) => told({ id: `n${index}`, family: 'ce', at: '2026-08-22T00:00:00Z', action: 'token.use', sequence: String(index < 10 ? index + 1 : index + 3), keys: [] })); // prettier-ignore
const events = [...chainA(), ...samples, ...numbered];

let store: Store;
let app: FastifyInstance;
let remove: () => Promise<void>;
const get = async (url: string, token = 'good'): Promise<{ status: number; type: string; text: string; json: () => unknown }> => {
  const answer = await app.inject({ method: 'GET', url, headers: token === '' ? {} : { authorization: `Bearer ${token}` } });
  return { status: answer.statusCode, type: String(answer.headers['content-type']), text: answer.payload, json: () => JSON.parse(answer.payload) as unknown };
}; // prettier-ignore

beforeAll(async () => {
  const folder = await tempFolder();
  remove = folder.remove;
  store = await openStore({ folder: folder.path });
  await fillStore(store, events, { tenant: policy.tenant, folder: folder.path });
  app = fastify({ genReqId: () => '00000000-0000-4000-8000-000000000000' });
  answerProblems(app);
  const authorize = (authorization: string | undefined): Promise<void> =>
    authorization === 'Bearer good' ? Promise.resolve() : Promise.reject(new Problem('unauthenticated', 'No.'));
  await app.register(
    createQueryApi({ reader: store.reader, policy, authorize, cursorKey: randomBytes(32), version: '1.2.3' }),
  );
});
afterAll(async () => {
  await app.close();
  await store.close();
  await remove();
});

describe('the door', () => {
  test.each(['/v1/events', '/v1/events/event:ce/9', '/v1/trace?key=x', '/v1/chains/0', '/v1/entities/ip:1', '/v1/sources', '/v1/dead-letters', '/v1/dead-letters/ce/0/1'])('%s needs a credential', async (url) => {
    const answer = await get(url, '');
    expect(answer.status).toBe(401);
    expect(answer.type).toContain('application/problem+json');
    expect(problemSchema.parse(answer.json()).code).toBe('unauthenticated');
  }); // prettier-ignore

  test.each(['/healthz', '/readyz', '/openapi.json'])('%s needs none', async (url) =>
    expect((await get(url, '')).status).toBe(200),
  );

  test('is described, with every route and no dangling reference', async () => {
    const document = (await get('/openapi.json')).json() as { paths: object; components: { schemas: object } };
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/v1/dead-letters/replay',
        '/v1/dead-letters/{id}',
        '/v1/ingest/{source}',
        '/v1/trace',
        '/v1/events/{id}',
        '/v1/check',
        '/v1/reports',
      ]),
    );
    const named = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      (found) => found[1] ?? '',
    );
    expect(named.filter((name) => !(name in document.components.schemas))).toEqual([]);
  });

  test('tells not ready when the store does not answer', async () => {
    const broken = fastify();
    answerProblems(broken);
    const reader = { read: () => Promise.reject(new Error('gone')) };
    await broken.register(
      createQueryApi({ reader, policy, authorize: () => Promise.resolve(), cursorKey: randomBytes(32), version: '0' }),
    );
    expect((await broken.inject('/readyz')).statusCode).toBe(503);
    const failed = await broken.inject('/v1/sources');
    expect(failed.statusCode).toBe(500);
    expect(failed.payload).not.toContain('gone');
    await broken.close();
  });
});

describe('/v1/trace', () => {
  test('gives the chain of an event, of a key, and by its id', async () => {
    const chain = chainSchema.parse(
      (await get(`/v1/trace?key=${encodeURIComponent('event:aws.cloudtrail/13')}`)).json(),
    );
    expect(chain.authorization).toBe('complete');
    expect(chain.approvers.map((party) => party.display)).toEqual(['Jon Oka']);
    const byKey = chainSchema.parse((await get(`/v1/trace?key=${encodeURIComponent(KEYS.AK)}`)).json());
    expect(byKey.id).toBe(chain.id);
    const byId = chainSchema.parse((await get(`/v1/chains/${chain.id}`)).json());
    expect(byId.root).toBe(chain.root);
    expect(byId.touched).toEqual(chain.touched);
  });

  test('tells it as text', async () => {
    const answer = await get(`/v1/trace?key=${encodeURIComponent(KEYS.J)}&format=text`);
    expect(answer.type).toContain('text/plain');
    expect(answer.text).toContain('Mara Lind');
  });

  test.each([
    ['key=nonsense', 400, 'invalid_request'],
    [`key=${encodeURIComponent(MARA.key)}`, 400, 'invalid_request'],
    ['key=event:ce/nowhere', 404, 'not_found'],
    ['key=gitlab:job:gitlab.example/1', 404, 'not_found'],
    ['', 400, 'invalid_request'],
    ['key=token:jti:x/y&as_of=yesterday', 400, 'invalid_request'],
    ['key=token:jti:x/y&more=1', 400, 'invalid_request'],
    [`key=${encodeURIComponent("token:jti:x/' OR 1=1 --")}`, 404, 'not_found'],
  ])('%s: %i %s', async (query, status, code) => {
    const answer = await get(`/v1/trace?${query}`);
    expect(answer.status).toBe(status);
    expect(problemSchema.parse(answer.json()).code).toBe(code);
  });

  test('a chain that nobody has is not found', async () => {
    expect((await get(`/v1/chains/${'0'.repeat(32)}`)).status).toBe(404);
    expect((await get('/v1/chains/abc')).status).toBe(400);
  });
});

describe('/v1/events', () => {
  test('pages by cursor, each event once, in order', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 20; page += 1) {
      const body = pageSchema.parse(
        (await get(`/v1/events?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)).json(),
      );
      seen.push(...body.events.map((event) => event.event));
      if (body.next === null) break;
      cursor = body.next;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(events.length);
    expect(seen[0]).toBe('event:okta.log/1');
  });

  test('a cursor of another list is refused', async () => {
    const { next } = pageSchema.parse((await get('/v1/events?limit=2')).json());
    expect((await get(`/v1/events?limit=2&where=family%3Dce&cursor=${next}`)).status).toBe(400);
  });

  test('filters by period and by who, over all accounts of a person', async () => {
    const body = pageSchema.parse(
      (
        await get('/v1/events?from=2026-08-20T00:00:00Z&to=2026-08-20T09:12:00Z&where=actor%3Dmara@corp.example')
      ).json(),
    );
    expect(body.events.map((event) => event.event)).toEqual([
      'event:okta.log/1',
      'event:okta.log/2',
      'event:gitlab.hook/5',
      'event:gitlab.hook/6',
    ]);
  });

  test('finds events by a key and by the stage of their action', async () => {
    const byKey = pageSchema.parse(
      (await get(`/v1/events?where=${encodeURIComponent(`key=${KEYS.AK} action=touch.*`)}`)).json(),
    );
    expect(byKey.events.map((event) => event.event)).toEqual([
      'event:aws.cloudtrail/11',
      'event:aws.cloudtrail/12',
      'event:aws.cloudtrail/13',
    ]);
  });

  test('CSV starts no formula and turns no direction', async () => {
    const { text } = await get('/v1/events?format=csv&from=2026-08-21T00:00:00Z&to=2026-08-21T00:00:01Z');
    const [header, line] = text.split('\r\n');
    expect(header).toContain('occurred_at');
    expect(line).toContain(`"'+1+1"`);
    expect(line).toContain(`"'=HYPERLINK(""http://x.example"",""\\u{202e}click"")`);
    expect(text).not.toContain('\u202e');
  });

  test('NDJSON streams to the limit', async () => {
    const { text, type } = await get('/v1/events?format=ndjson&limit=12');
    expect(type).toContain('application/x-ndjson');
    expect(text.trim().split('\n').map((line) => (JSON.parse(line) as { event: string }).event)).toHaveLength(12); // prettier-ignore
  });

  test('an empty list says what was asked and when anybody was heard', async () => {
    const { text } = await get('/v1/events?format=text&where=action%3Dnothing');
    expect(text).toContain('No events');
    expect(text).toContain('action=nothing');
    expect(text).toContain('okta.log idp.example: 2026-08-20');
  });

  test.each(['limit=0', 'limit=1e3', 'limit=9999999', 'format=xml', 'where=nope%3D1', 'cursor=AAAA', 'from=now'])('refuses %s', async (query) => {
    expect((await get(`/v1/events?${query}`)).status).toBe(400);
  }); // prettier-ignore
});

describe('one event', () => {
  test('by name, by identity, by place: with its record and leaf', async () => {
    const byName = (await get(`/v1/events/${encodeURIComponent(nameOf(events[8] ?? formula))}`)).json() as Record<
      string,
      unknown
    >;
    expect(byName).toMatchObject({
      event: 'event:ce/9',
      record: { topic: 'ce', encoding: 'utf8', value: '{"id":"9","type":"token.exchange"}' },
    });
    expect((byName['record'] as { leaf: string }).leaf).toMatch(/^[0-9a-f]{64}$/);
    for (const id of [byName['event_id'], byName['ref']])
      expect((await get(`/v1/events/${String(id)}`)).json()).toEqual(byName);
  });

  test('a Kubernetes name without its time still finds it', async () => {
    expect((await get(`/v1/events/${encodeURIComponent('event:k8s.audit/same:ResponseComplete')}`)).status).toBe(200);
  });

  test.each([['event:ce/none', 404], ['0', 404], ['99999999999999999999', 400], ['DROP TABLE', 400], ['00000000-0000-8000-8000-000000000000', 404]])('%s: %i', async (id, status) => {
    expect((await get(`/v1/events/${encodeURIComponent(id)}`)).status).toBe(status);
  }); // prettier-ignore
});

describe('entities and sources', () => {
  test('tells how often and as what a key is named, and who it is', async () => {
    const found = (await get(`/v1/entities/${encodeURIComponent(MARA.key)}`)).json();
    expect(found).toMatchObject({ key: MARA.key, class: 'hub', events: 2, person: { person: MARA.key } });
    expect((await get(`/v1/entities/${encodeURIComponent(KEYS.J)}`)).json()).toMatchObject({
      class: 'chain',
      parents: [
        { key: KEYS.D, relation: 'gates' },
        { key: KEYS.P, relation: 'contains' },
      ],
    });
    expect((await get('/v1/entities/ip:198.51.100.9')).status).toBe(404);
  });

  test('counts each source and shows the holes in its counter', async () => {
    const dense = workedPolicy({
      sources: [{ family: 'ce', instance: 'https://broker.example/eu1', integrity: 'dense_seq' }],
    });
    const other = fastify();
    await other.register(
      createQueryApi({
        reader: store.reader,
        policy: dense,
        authorize: () => Promise.resolve(),
        cursorKey: randomBytes(32),
        version: '0',
      }),
    );
    const { sources } = JSON.parse((await other.inject('/v1/sources')).payload) as { sources: unknown[] };
    const ce = sources.map((source) => sourceSchema.parse(source)).find((source) => source.family === 'ce');
    expect(ce).toMatchObject({ accepted: 27, registered: true });
    expect(ce?.gaps.map((gap) => gap.reason)).toEqual(['the source counted on, but numbers 11 to 12 never came']);
    const text = (await other.inject('/v1/sources?format=text')).payload;
    for (const line of ['numbers 11 to 12 never came', '1 to 27: 25 came, 2 missing', 'lateness', '1 gap\n'])
      expect(text).toContain(line);
    // The numbers 11 and 12 are missing on the 22nd; a period before it has neither them nor what came then.
    const before = (await other.inject('/v1/sources?to=2026-08-22T00:00:00Z')).payload;
    expect((JSON.parse(before) as { sources: { family: string; accepted: number; gaps: unknown[] }[] }).sources.find(({ family }) => family === 'ce')).toMatchObject({ accepted: 2, gaps: [] }); // prettier-ignore
    expect((await other.inject('/v1/sources?from=2026-08-22T00:00:00Z&to=2026-08-21T00:00:00Z')).statusCode).toBe(400);
    // The timeline of people marks the stretch, before the events that came after it began; files hold events alone.
    const timeline = (await other.inject('/v1/events?format=text&from=2026-08-21T00:00:00Z')).payload;
    expect(timeline).toMatch(/\/{10} gap of ce https:\/\/broker.example\/eu1 until 2026-08-22 00:00:00: the source counted on/); // prettier-ignore
    expect((await other.inject('/v1/events?format=ndjson&from=2026-08-21T00:00:00Z')).payload).not.toContain('gap of');
    await other.close();
  });
});
