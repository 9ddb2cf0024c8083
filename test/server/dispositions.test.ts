import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { CheckResult } from '../../model/control.ts';
import type { ShownDisposition } from '../../model/disposition.ts';
import { exceptionIdOf } from '../../model/exception-id.ts';
import { policySchema } from '../../model/policy.ts';
import type { StoredRun } from '../../query/controls/period-figures.ts';
import type { ExceptionsPage, ShownExceptionState } from '../../query/dispositions/exceptions-api.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { trailRecord } from '../support/intake-samples.ts';
import { startOidcCallers } from '../support/oidc-callers.ts';
import type { OidcCallers } from '../support/oidc-callers.ts';
import { ownStore } from '../support/own-store.ts';
import { tempFolder } from '../support/temp-folder.ts';

// A real folder, real access tokens: two writes on production that no chain explains are exceptions of T-25.
const ACCOUNT = trailRecord.recipientAccountId;
const DAY = trailRecord.eventTime.slice(0, 10);
const NEXT = new Date(Date.parse(`${DAY}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
const AFTER = new Date(Date.parse(`${DAY}T00:00:00Z`) + 2 * 86_400_000).toISOString().slice(0, 10);
const MARA = 'idp:user:https://idp.example/mara';
const policy = policySchema.parse({
  tenant: 'acme',
  sources: [{ family: 'aws.cloudtrail', instance: ACCOUNT }],
  environments: { aws_accounts: { [ACCOUNT]: 'production' } },
  identities: [
    { person: MARA, aliases: [`aws:user:arn:aws:iam::${ACCOUNT}:user/mara`] },
    { person: 'idp:user:https://idp.example/kim', aliases: ['idp:user:https://idp.example/kim-admin'] },
    { person: 'idp:user:https://idp.example/grc-bot', kind: 'service' },
  ],
});

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
let folder: Awaited<ReturnType<typeof tempFolder>>;
let callers: OidcCallers;
let custody: Custody;
let mine = '';
let other = '';

async function open(): Promise<void> {
  custody = await openCustody({ folder: join(folder.path, 'data'), policy, secrets: secretsFrom({}), oidc: callers.oidc, version: '0', logTo: 'nowhere' }); // prettier-ignore
  await custody.settled();
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: ShownExceptionState & { readonly id: string; readonly code: string; readonly detail: string };
}
async function ask(by: string | undefined, method: 'GET' | 'POST', url: string, payload?: object, key?: string): Promise<Answer> {
  const authorization = by ?? `Bearer ${custody.token}`;
  const headers = { host: 'localhost', authorization, ...(key === undefined ? {} : { 'idempotency-key': key }) };
  const answer = await custody.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
  const isJson = /\/(?:problem\+)?json/.test(String(answer.headers['content-type']));
  return { status: answer.statusCode, text: answer.payload, body: (isJson ? JSON.parse(answer.payload) : {}) as Answer['body'] };
} // prettier-ignore
const as = (subject: string, role = 'manager'): Promise<string> => callers.bearer(subject, role);
/** On a slow machine an answer may come before what is durable can be read back (202): then it is waited for. */
const say = async (subject: string, id: string, body: object, key?: string): Promise<Answer> => {
  const answer = await ask(await as(subject), 'POST', `/v1/exceptions/${id}/dispositions`, body, key);
  if (answer.status === 202) await custody.settled();
  return answer.status === 202 ? { ...answer, status: 201 } : answer;
};
const get = async <Body>(url: string): Promise<Body> => {
  const answer = await ask(undefined, 'GET', url);
  expect(answer.status, answer.text).toBe(200);
  return answer.body as unknown as Body;
};
const history = async (id: string): Promise<readonly ShownDisposition[]> =>
  (await get<{ dispositions: readonly ShownDisposition[] }>(`/v1/exceptions/${id}/dispositions`)).dispositions;
const check = async (from: string, to: string): Promise<CheckResult> => {
  const url = `/v1/check?framework=all&from=${from}T00:00:00Z&to=${to}T00:00:00Z&as_of=${AFTER}T00:00:00Z&tests=T-25`;
  const answer = await ask(undefined, 'POST', url);
  expect(answer.status, answer.text).toBe(200);
  return answer.body as unknown as CheckResult;
};
const response = { kind: 'response', agreement: 'partly', text: 'The bucket was written by hand.', owner: 'platform', correction_due: '2026-07-01', severity: 'high' }; // prettier-ignore
const classify = { kind: 'classification', class: 'true_deviation', text: 'Nobody approved it.', root_cause: 'operation' }; // prettier-ignore

beforeAll(async () => {
  folder = await tempFolder('custody-dispositions-');
  callers = await startOidcCallers();
  await open();
  const user = { type: 'IAMUser', arn: `arn:aws:iam::${ACCOUNT}:user/mara`, accountId: ACCOUNT, userName: 'mara', accessKeyId: 'AKIATESTKEY000000001' }; // prettier-ignore
  const records = [{ ...trailRecord, eventID: 'id-a' }, { ...trailRecord, eventID: 'id-b', eventTime: `${DAY}T12:00:00Z`, userIdentity: user }]; // prettier-ignore
  const payload = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  const url = `/v1/imports?source=aws.cloudtrail&instance=${ACCOUNT}&received_at=${NEXT}T00:00:00Z`;
  const headers = { authorization: `Bearer ${custody.token}`, 'content-type': 'application/octet-stream' };
  expect((await custody.app.inject({ method: 'POST', url, headers, payload })).payload).toContain('"accepted":2');
  await custody.settled();
});
afterAll(async () => {
  await custody.close();
  await callers.close();
  await folder.remove();
});

describe('exceptions that kept checks found', () => {
  test('none before a check; then each with the id that anybody can compute, by moment', async () => {
    expect(await get<ExceptionsPage>('/v1/exceptions')).toEqual({ exceptions: [], next: null });
    expect((await ask(undefined, 'GET', '/v1/exceptions?format=text')).text).toMatch(/custody check runs the tests/);
    const [t25] = (await check(DAY, NEXT)).tests;
    const found = (t25?.items ?? []).map((item) => exceptionIdOf('acme', 'T-25', item));
    const { exceptions, next } = await get<ExceptionsPage>('/v1/exceptions?test=T-25');
    expect(exceptions.map(({ exception }) => exception.id).toSorted()).toEqual(found.toSorted());
    expect(exceptions).toHaveLength(2);
    expect(next).toBeNull();
    [other = '', mine = ''] = exceptions.map(({ exception }) => exception.id);
    expect(exceptions[0]?.dispositions).toMatchObject({ state: 'open', classification: { state: 'none' }, history: [] });
    const page = await get<ExceptionsPage>('/v1/exceptions?limit=1');
    expect(page.next).toBe(other);
    expect((await get<ExceptionsPage>(`/v1/exceptions?limit=1&after=${page.next}`)).exceptions.map(({ exception }) => exception.id)).toEqual([mine]);
    // What was not kept by then was not known by then.
    expect((await get<ExceptionsPage>(`/v1/exceptions?as_of=${DAY}T00:00:00Z`)).exceptions).toEqual([]);
  }); // prettier-ignore

  test('another tenant of the same store has an id of its own, and is not found', async () => {
    const { storeCheckRun } = await import('../../store/check-runs.ts');
    const { exceptions } = await get<ExceptionsPage>('/v1/exceptions');
    const [one] = exceptions;
    const { item, attribute, at, finding } = one?.exception ?? expect.unreachable();
    const row = {
      run: 'foreign', createdAt: 1, test: 'T-25', testVersion: 1, framework: 'all', from: 0, to: 1, asOf: 2, catalogue: 'c', policy: 'p', engine: 'e',
      parameters: {}, population: 1, populationSha256: 's', passed: 0, exceptions: 1, undetermined: 0, excluded: {}, result: 'exceptions_noted', reason: '', digest: 'x',
      items: [{ item, attribute, at, finding, aliases: [], verdict: 'exception' as const, evidence: [] }],
    }; // prettier-ignore
    await storeCheckRun(ownStore(custody).writer, custody.store.reader, 'rival', [row]);
    const theirs = exceptionIdOf('rival', 'T-25', { item, attribute, at });
    expect(theirs).not.toBe(one?.exception.id);
    expect(await ask(await as('kim'), 'GET', `/v1/exceptions/${theirs}`)).toMatchObject({ status: 404 });
    expect(await say('kim', theirs, response)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await say('kim', other, { kind: 'retest', run: 'foreign' })).toMatchObject({ status: 404 });
    expect((await get<ExceptionsPage>('/v1/exceptions')).exceptions).toHaveLength(2);
  });
});

describe('saying something of an exception', () => {
  test('needs the permission, an exception that was found, and a body of the shape', async () => {
    const url = `/v1/exceptions/${other}/dispositions`;
    for (const role of ['auditor', 'operator', 'responder', 'nothing'])
      expect((await ask(await as('ada', role), 'POST', url, response)).status, role).toBe(403);
    expect((await ask('Bearer none', 'POST', url, response)).status).toBe(401);
    for (const id of ['T-25-000000000000000000000000', 'T-25', 'x'.repeat(200), `${other}'`, '..%2f..'])
      expect((await say('kim', encodeURIComponent(id), response)).status, id).toBe(404);
    for (const body of [{}, { ...response, by: 'ceo' }, { ...response, agreement: 'yes' }, { ...response, text: ' ' }, { ...response, correction_due: 'soon' }, { ...classify, class: 'fine' }, { kind: 'retest' }, { ...response, text: 'x'.repeat(4_001) }])
      expect((await say('kim', other, body)).status, JSON.stringify(body).slice(0, 80)).toBe(400);
    expect((await say('kim', other, { ...response, text: 'x'.repeat(40_000) })).status).toBe(413);
    const secret = ['glpat', 'x7Kq2mVb9Zr4tWn8Lp3s'].join('-');
    const leaked = await say('kim', other, { ...response, text: `we rotated ${secret}` });
    expect(leaked).toMatchObject({ status: 400, body: { detail: expect.stringContaining('text holds what looks like a secret') as string } });
    expect(leaked.text).not.toContain(secret);
    expect((await say('kim', other, response, 'a key')).status).toBe(400);
    expect(await history(other)).toEqual([]);
  }); // prettier-ignore

  test('a response is kept, answered again for its key, and refused for other content', async () => {
    const first = await say('kim', other, response, 'r-1');
    expect(first).toMatchObject({ status: 201, body: { dispositions: { state: 'answered' } } });
    expect(await say('kim', other, response, 'r-1')).toMatchObject({ status: 200, body: { id: first.body.id } });
    const changed = await say('kim', other, { ...response, agreement: 'agree' }, 'r-1');
    expect(changed).toMatchObject({ status: 409, body: { code: 'conflict' } });
    // The key is the caller's: the same of somebody else is another act.
    const theirs = await say('lee', other, response, 'r-1');
    expect(theirs.status).toBe(201);
    expect(theirs.body.id).not.toBe(first.body.id);
    expect(await history(other)).toMatchObject([
      { id: first.body.id, by: { key: 'idp:user:https://idp.example/kim' }, disposition: response, effect: 'stands' },
      { id: theirs.body.id, by: { key: 'idp:user:https://idp.example/lee' } },
    ]);
  });

  test('many at once with one key are one act', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => say('lee', mine, response, 'burst')));
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['200', '200', '200', '200', '201']);
    expect(await history(mine)).toHaveLength(1);
  });

  test('a classification waits for another person: not the same, not by a second account, not a machine', async () => {
    const proposed = await say('kim', other, classify);
    expect(proposed).toMatchObject({ status: 201, body: { dispositions: { classification: { state: 'proposed', class: 'true_deviation' } } } }); // prettier-ignore
    const confirm = { kind: 'confirmation', of: proposed.body.id, decision: 'confirmed' };
    const before = (await history(other)).length;
    expect(await say('kim', other, confirm)).toMatchObject({ status: 403, body: { code: 'forbidden', detail: expect.stringMatching(/may not be the one who confirms/) as string } }); // prettier-ignore
    expect((await say('kim-admin', other, confirm)).status).toBe(403);
    expect(await say('grc-bot', other, confirm)).toMatchObject({ status: 403, body: { detail: expect.stringMatching(/of kind service/) as string } }); // prettier-ignore
    // The token of the folder names no person at all.
    expect(await ask(undefined, 'POST', `/v1/exceptions/${other}/dispositions`, confirm)).toMatchObject({ status: 403, body: { detail: expect.stringMatching(/not known whether/) as string } }); // prettier-ignore
    expect(await say('lee', other, { ...confirm, of: '00000000-0000-4000-8000-000000000000' })).toMatchObject({ status: 404 }); // prettier-ignore
    expect(await say('lee', other, { ...classify, class: 'data_defect' })).toMatchObject({ status: 409 });
    expect(await history(other)).toHaveLength(before);
    expect(await say('lee', other, confirm)).toMatchObject({ status: 201, body: { dispositions: { state: 'classified', classification: { state: 'confirmed', confirmed_by: { person: 'idp:user:https://idp.example/lee' } } } } }); // prettier-ignore
    expect(await say('pat', other, { ...confirm, decision: 'rejected' })).toMatchObject({ status: 409 });
  });

  test('a reclassification stays visible, and the confirmed one stands until it is confirmed too', async () => {
    const again = await say('lee', other, { ...classify, class: 'accepted_risk' });
    expect(again.body.dispositions).toMatchObject({ classification: { class: 'true_deviation' }, pending: { class: 'accepted_risk' } }); // prettier-ignore
    const rejected = await say('kim', other, { kind: 'confirmation', of: again.body.id, decision: 'rejected', text: 'No.' }); // prettier-ignore
    expect(rejected.body.dispositions).toMatchObject({
      classification: { class: 'true_deviation', state: 'confirmed' },
    });
    expect(rejected.body.dispositions.pending).toBeUndefined();
    expect((await history(other)).map(({ disposition }) => disposition.kind)).toEqual(['response', 'response', 'classification', 'confirmation', 'classification', 'confirmation']); // prettier-ignore
  });

  test('nobody says anything of what is about himself, by whichever account', async () => {
    for (const body of [response, classify])
      expect(await say('mara', mine, body)).toMatchObject({ status: 403, body: { detail: expect.stringMatching(/is about whoever says this/) as string } }); // prettier-ignore
    expect((await say('mara', other, response)).status).toBe(201);
  });

  test('a re-test is what a kept run of the time since found; nobody says it himself', async () => {
    const runsOf = async (from: string, to: string): Promise<string> => {
      await check(from, to);
      const url = `/v1/check/runs?from=${from}T00:00:00Z&to=${to}T00:00:00Z&as_of=${AFTER}T00:00:00Z`;
      return (await get<{ runs: StoredRun[] }>(url)).runs[0]?.run ?? '';
    };
    const same = await runsOf(DAY, NEXT);
    expect(await say('kim', other, { kind: 'retest', run: same })).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/time behind the exception/) as string } }); // prettier-ignore
    expect((await say('kim', other, { kind: 'retest', run: 'none' })).status).toBe(404);
    expect((await say('kim', other, { kind: 'retest', run: same, result: 'no_exceptions_noted' })).status).toBe(400);
    const since = await runsOf(NEXT, AFTER);
    const tested = await say('kim', other, { kind: 'retest', run: since, text: 'After the fix.' }, 'rt');
    expect(tested.body.dispositions.retest).toMatchObject({ disposition: { result: 'did_not_operate', population: 0, exceptions: 0, recurred: false, from: `${NEXT}T00:00:00.000000Z` } }); // prettier-ignore
    expect((await say('kim', other, { kind: 'retest', run: since, text: 'After the fix.' }, 'rt')).status).toBe(200);
  });
});

describe('what stays as it was', () => {
  test('no result, no item and no digest of a check', async () => {
    const [before, after] = [await check(DAY, NEXT), await check(DAY, NEXT)];
    expect(after).toEqual(before);
    expect(before.tests[0]).toMatchObject({ result: 'exceptions_noted', exceptions: 2 });
  });

  test('the acts are evidence: accepted events of our own, that T-37 looks at', async () => {
    await custody.settled();
    const { events } = await get<{ events: { type: string; action: string; actor: { key: string } }[] }>('/v1/events?where=action%3Devidence.access&limit=100'); // prettier-ignore
    const acts = events.filter(({ type }) => type === 'exception.disposition');
    expect(acts).toHaveLength((await history(other)).length + (await history(mine)).length);
    const { tests } = await get<CheckResult>('/v1/check?framework=all&from=2026-01-01T00:00:00Z&to=2190-01-01T00:00:00Z&tests=T-37'); // prettier-ignore
    expect(tests[0]?.population.count).toBe(acts.length);
    expect(tests[0]?.exceptions).toBe(0);
  });

  test('a restart and a rebuild give the same states, and an as-of shows what was known then', async () => {
    const [before, list] = [await get<ExceptionsPage>('/v1/exceptions'), await history(other)];
    await custody.close();
    await open();
    expect(await get<ExceptionsPage>('/v1/exceptions')).toEqual(before);
    expect((await ask(undefined, 'POST', '/v1/rebuild')).status).toBe(200);
    expect(await get<ExceptionsPage>('/v1/exceptions')).toEqual(before);
    expect((await get<ExceptionsPage>('/v1/exceptions?state=classified')).exceptions.map(({ exception }) => exception.id)).toEqual([other]); // prettier-ignore
    const third = list[2]?.at ?? '';
    const then = await get<ShownExceptionState>(`/v1/exceptions/${other}?as_of=${third}`);
    expect(then.dispositions.history.length).toBeLessThan(list.length);
    expect((await ask(undefined, 'GET', `/v1/exceptions/${other}?format=text`)).text).toMatch(/classified: management agrees in part; true deviation, confirmed/); // prettier-ignore
  });
});
