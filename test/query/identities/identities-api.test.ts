import { randomBytes } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { policySchema } from '../../../model/policy.ts';
import { Problem } from '../../../model/problem.ts';
import { createQueryApi } from '../../../query/query-api.ts';
import type { AccountAnswer, PageAnswer } from '../../../query/identities/identities-answers.ts';
import { chainSchema, pageSchema } from '../../../query/response-schemas.ts';
import { answerProblems } from '../../../server/problem-reply.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { fillStore } from '../../support/fill-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { told } from '../../support/worked-chains.ts';

const OKTA = 'idp:user:https://idp.example/';
const [MARA, EVE, JON] = [`${OKTA}mara`, `${OKTA}eve`, `${OKTA}jon`];
const [MARA_GIT, EVE_GIT] = ['gitlab:user:git.example/1', 'gitlab:user:git.example/2'];
const AGENT = 'idp:user:https://agents.example/release';
const BROKER = 'idp:user:https://broker.example/broker';
const [P, C] = ['token:jti:https://broker.example/parent', 'token:jti:https://broker.example/child'];

const policy = policySchema.parse({
  tenant: 'acme',
  identities: [
    { person: MARA, display: 'Mara Lindqvist', aliases: [MARA_GIT], method: 'scim' },
    { person: AGENT, kind: 'ai_agent', display: 'Release agent', sponsor: MARA },
    // Two persons of the policy file are said to have one account.
    { person: JON, aliases: ['gitlab:user:git.example/3'] },
    { person: `${OKTA}jane`, aliases: ['gitlab:user:git.example/3'] },
  ],
});
const person = (key: string, email?: string): AuditEvent['actor'] => ({ kind: 'human', key, ...(email !== undefined && { email }) }); // prettier-ignore
const exchanged: AuditEvent = {
  ...told({ id: 'exchange', family: 'ce', at: '2026-08-20T09:00:02Z', action: 'token.exchange', actor: { kind: 'service', key: BROKER }, onBehalfOf: person(MARA), keys: [['uses', P], ['creates', C]], edges: [[P, 'exchanged', C, 'E14']], facts: { credential: { key: C } } }),
  actChain: [{ kind: 'service', key: BROKER }],
}; // prettier-ignore
const issued: AuditEvent = {
  ...told({ id: 'issue', family: 'ce', at: '2026-08-20T09:00:01Z', action: 'token.issue', actor: { kind: 'ai_agent', key: AGENT, sponsor: MARA }, onBehalfOf: person(MARA), keys: [['creates', P]], facts: { credential: { key: P } } }),
  actChain: [{ kind: 'ai_agent', key: AGENT }],
}; // prettier-ignore
const events: readonly AuditEvent[] = [
  told({ id: 'login', family: 'okta.log', at: '2026-08-20T08:00:00Z', action: 'session.login', actor: person(MARA, 'mara@corp.example'), keys: [] }),
  told({ id: 'push', family: 'gitlab.audit', at: '2026-08-20T08:01:00Z', action: 'repo.write', actor: person(MARA_GIT), keys: [] }),
  told({ id: 'eve', family: 'okta.log', at: '2026-08-20T08:00:00Z', action: 'session.login', actor: person(EVE), keys: [] }),
  told({ id: 'eve-git', family: 'gitlab.audit', at: '2026-08-20T08:02:00Z', action: 'repo.write', actor: person(EVE_GIT), keys: [] }),
  told({ id: 'three', family: 'gitlab.audit', at: '2026-08-20T08:03:00Z', action: 'repo.write', actor: person('gitlab:user:git.example/3'), keys: [] }),
  told({ id: 'nobody', family: 'gitlab.audit', at: '2026-08-20T08:04:00Z', action: 'repo.write', actor: person('gitlab:user:git.example/77'), keys: [] }),
  told({ id: 'merge', family: 'ce', at: '2026-08-20T07:00:00Z', action: 'identity.merge', keys: [], facts: { identity: { change: 'merge', accounts: [[EVE], [EVE_GIT]], method: 'scim' } } }),
  told({ id: 'split', family: 'ce', at: '2026-08-21T07:00:00Z', action: 'identity.split', keys: [], facts: { identity: { change: 'split', accounts: [[EVE], [EVE_GIT]], method: 'admin' } } }),
  issued,
  exchanged,
]; // prettier-ignore

let store: Store;
let app: FastifyInstance;
let remove: () => Promise<void>;
const text = async (url: string): Promise<string> =>
  (await app.inject({ method: 'GET', url, headers: { authorization: 'Bearer good' } })).payload;
const json = async <Answer>(url: string): Promise<Answer> => JSON.parse(await text(url)) as Answer;
const of = (key: string, more = ''): string => `/v1/identities/${encodeURIComponent(key)}${more}`;

beforeAll(async () => {
  const folder = await tempFolder();
  remove = folder.remove;
  store = await openStore({ folder: folder.path });
  await fillStore(store, events, { tenant: policy.tenant, folder: folder.path });
  app = fastify();
  answerProblems(app);
  const authorize = (authorization: string | undefined): Promise<void> =>
    authorization === 'Bearer good' ? Promise.resolve() : Promise.reject(new Problem('unauthenticated', 'No.'));
  await app.register(createQueryApi({ reader: store.reader, policy, authorize, cursorKey: randomBytes(32), version: '1' })); // prettier-ignore
});
afterAll(async () => {
  await app.close();
  await store.close();
  await remove();
});

describe('GET /v1/identities', () => {
  test('lists persons with their accounts and why each is theirs', async () => {
    const page = await json<PageAnswer>('/v1/identities');
    if (page.view !== 'persons') throw new Error('another view');
    const mara = page.items.find((one) => one.person === MARA);
    expect(mara).toMatchObject({ display: 'Mara Lindqvist', kind: 'human' });
    expect(mara?.accounts.map((account) => [account.key, account.grade, account.reasons.map((reason) => reason.method)])).toEqual([[MARA_GIT, 'exact', ['scim']], [MARA, 'exact', []]]); // prettier-ignore
    expect(page.items.find((one) => one.person === AGENT)).toMatchObject({ kind: 'ai_agent', sponsor: MARA });
    expect(page.counts).toEqual({ persons: page.items.length, unresolved: 2, conflicts: 1 });
  });

  test('pages by key without losing or repeating anybody', async () => {
    const seen: string[] = [];
    let after = '';
    for (let turn = 0; turn < 20; turn += 1) {
      const page = await json<PageAnswer>(`/v1/identities?limit=1${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`); // prettier-ignore
      seen.push(...page.items.map((item) => ('person' in item ? item.person : item.key)));
      if (page.next === null) break;
      after = page.next;
    }
    const all = await json<PageAnswer>('/v1/identities');
    expect(seen).toEqual(all.items.map((item) => ('person' in item ? item.person : item.key)));
    expect(seen.length).toBeGreaterThan(3);
  });

  test('shows accounts of nobody, and accounts that two are said to be with both reasons', async () => {
    const unresolved = await json<PageAnswer>('/v1/identities?view=unresolved');
    expect(unresolved.items.map((item) => ('key' in item ? item.key : ''))).toEqual([EVE_GIT, 'gitlab:user:git.example/77']); // prettier-ignore
    const conflicts = await json<PageAnswer>('/v1/identities?view=conflicts');
    expect(conflicts.items).toMatchObject([{ key: 'gitlab:user:git.example/3', claims: [{ person: JON }, { person: `${OKTA}jane` }] }]); // prettier-ignore
    expect(await text('/v1/identities?view=conflicts&format=text')).toContain('the policy file');
  });

  test('at an earlier time two accounts were one person still, and the event that ended it is named', async () => {
    const before = await json<AccountAnswer>(of(EVE_GIT, '?at=2026-08-20T12:00:00Z'));
    expect(before.explanation).toMatchObject({ person: { person: EVE }, reasons: [{ to: EVE, grade: 'exact', method: 'scim', event: 'event:ce/merge', ended_by: 'event:ce/split' }] }); // prettier-ignore
    expect((await json<AccountAnswer>(of(EVE_GIT))).person).toBeUndefined();
  });

  test('as of before the split was received nothing of it is known', async () => {
    const then = await json<AccountAnswer>(of(EVE_GIT, '?as_of=2026-08-20T23:00:00Z'));
    expect(then.explanation.person?.person).toBe(EVE);
    expect(then.explanation.reasons[0]?.ended_by).toBeUndefined();
  });

  test.each([
    [MARA_GIT, 'mara@corp.example', true],
    [AGENT, MARA_GIT, true],
    [AGENT, EVE, false],
    [MARA, 'gitlab:user:git.example/77', 'unknown'],
  ])('%s and %s are one party: %s', async (key, other, same) => {
    const answer = await json<AccountAnswer>(of(key, `?with=${encodeURIComponent(other)}`));
    expect(answer.compared?.same).toBe(same);
  });

  test('tells a person why, in words', async () => {
    const answer = await text(of(MARA_GIT, '?format=text'));
    expect(answer).toContain('is Mara Lindqvist');
    expect(answer).toContain(`= ${MARA}: exact, by SCIM`);
    expect(await text(of(EVE_GIT, '?format=text'))).toContain('is nobody that is known');
  });

  test.each([
    [of('gitlab:user:git.example/404'), 404],
    [of('no-key-and-no-address'), 400],
    ['/v1/identities?view=everything', 400],
    ['/v1/identities?limit=0', 400],
  ])('%s is answered %i', async (url, status) => {
    const answer = await app.inject({ method: 'GET', url, headers: { authorization: 'Bearer good' } });
    expect(answer.statusCode).toBe(status);
  });

  test.each(['/v1/identities', of(MARA)])('%s needs a credential', async (url) => {
    expect((await app.inject({ method: 'GET', url })).statusCode).toBe(401);
  });
});

describe('a broken chain of actors', () => {
  const wrong = { kind: 'act_chain_broken', detail: expect.stringContaining(AGENT) as string };

  test('is a finding of the chain', async () => {
    const chain = chainSchema.parse(await json(`/v1/trace?key=${encodeURIComponent(C)}`));
    expect(chain.findings).toContainEqual({ ...wrong, event: 'event:ce/exchange' });
  });

  test('stands beside the event on the timeline, in JSON, text and CSV', async () => {
    const list = '/v1/events?where=action%3Dtoken.exchange';
    const page = pageSchema.parse(await json(list));
    expect(page.events.map((event) => event.findings)).toEqual([[wrong]]);
    expect(await text(`${list}&format=text`)).toContain('! act_chain_broken: ');
    expect(await text(`${list}&format=csv`)).toContain('act_chain_broken: ');
  });

  test('an agent is shown with the person who answers for it', async () => {
    const page = pageSchema.parse(await json('/v1/events?where=action%3Dtoken.issue'));
    expect(page.events[0]?.actor).toMatchObject({ kind: 'ai_agent', sponsor: MARA });
    expect(await text('/v1/events?where=action%3Dtoken.issue&format=text')).toContain('on behalf of');
  });
});
