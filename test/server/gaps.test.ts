import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readArguments } from '../../cli/command.ts';
import { gapsCommand } from '../../cli/commands/gaps.ts';
import { readSettings } from '../../cli/settings.ts';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { CheckResult, SourceState, TestResult } from '../../model/control.ts';
import type { GapStanding } from '../../model/gap-explanation.ts';
import { policySchema } from '../../model/policy.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { trailRecord } from '../support/intake-samples.ts';
import { startOidcCallers } from '../support/oidc-callers.ts';
import type { OidcCallers } from '../support/oidc-callers.ts';
import { tempFolder } from '../support/temp-folder.ts';

// A real folder, real access tokens, and a server that listens. The trail is expected to speak every six hours, and is
// silent for eleven and a half, twice. What the rules are is tested in test/query/gaps.test.ts.
const ACCOUNT = trailRecord.recipientAccountId;
const DAY = trailRecord.eventTime.slice(0, 10);
const NEXT = new Date(Date.parse(`${DAY}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
const AFTER = new Date(Date.parse(`${DAY}T00:00:00Z`) + 2 * 86_400_000).toISOString().slice(0, 10);
const policy = policySchema.parse({
  tenant: 'acme',
  sources: [{ family: 'aws.cloudtrail', instance: ACCOUNT, expected_interval_s: 21_600 }],
  environments: { aws_accounts: { [ACCOUNT]: 'production' } },
  identities: [{ person: 'idp:user:https://idp.example/kim', aliases: ['idp:user:https://idp.example/kim-admin'] }],
});

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
let folder: Awaited<ReturnType<typeof tempFolder>>;
let callers: OidcCallers;
let custody: Custody;
let url = '';
let first = '';
let second = '';

async function open(): Promise<void> {
  custody = await openCustody({ folder: join(folder.path, 'data'), policy, secrets: secretsFrom({}), oidc: callers.oidc, version: '0', logTo: 'nowhere' }); // prettier-ignore
  url = await custody.listen('127.0.0.1', 0);
  await custody.settled();
}
async function bring(time: string, received: string): Promise<void> {
  const record = { ...trailRecord, eventID: `id-${time}`, eventTime: `${DAY}T${time}Z`, eventName: 'DescribeInstances', eventSource: 'ec2.amazonaws.com', readOnly: true }; // prettier-ignore
  const at = received === '' ? '' : `&received_at=${received}T00:00:00Z`;
  const answer = await fetch(`${url}/v1/imports?source=aws.cloudtrail&instance=${ACCOUNT}${at}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${custody.token}`, 'content-type': 'application/octet-stream' },
    body: `${JSON.stringify(record)}\n`,
  });
  expect(await answer.text()).toContain('"accepted":1');
  await custody.settled();
}
async function get<Body>(path: string): Promise<Body> {
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${custody.token}` } });
  expect(answer.status, await answer.clone().text()).toBe(200);
  return (await answer.json()) as Body;
}
async function say(subject: string, gap: string, body: object, role = 'manager', key?: string): Promise<{ status: number; body: { id: string; detail: string; standing: GapStanding } }> {
  const answer = await fetch(`${url}/v1/gaps/${gap}/explanations`, {
    method: 'POST',
    headers: { authorization: await callers.bearer(subject, role), 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body: JSON.stringify(body),
  });
  if (answer.status === 202) await custody.settled();
  return { status: answer.status === 202 ? 201 : answer.status, body: (await answer.json()) as { id: string; detail: string; standing: GapStanding } };
} // prettier-ignore
async function check(asOf?: string): Promise<TestResult> {
  const at = asOf === undefined ? '' : `&as_of=${asOf}`;
  const { tests } = await get<CheckResult>(`/v1/check?framework=all&from=${DAY}T00:00:00Z&to=${NEXT}T00:00:00Z&tests=T-25${at}`); // prettier-ignore
  return tests[0] ?? expect.unreachable();
}
async function gapIds(): Promise<readonly string[]> {
  const { sources } = await get<{ sources: readonly SourceState[] }>(`/v1/sources?from=${DAY}T00:00:00Z&to=${NEXT}T00:00:00Z`); // prettier-ignore
  return sources.flatMap(({ gaps }) => gaps.map(({ id = 'none' }) => id));
}
/** Runs `custody gaps` as a manager of this name. */
async function cli(person: string, ...args: string[]): Promise<string> {
  const token = (await callers.bearer(person, 'manager', 'auditor')).replace('Bearer ', '');
  let stdout = '';
  const context = { settings: { ...readSettings({ url }), token }, out: (text: string) => Promise.resolve(void (stdout += text)), say: () => undefined, live: false }; // prettier-ignore
  await gapsCommand.run(readArguments(gapsCommand, args), context);
  return stdout;
}
const explanation = { kind: 'explanation', cause: 'planned_stop', text: 'The account was frozen for its move.', reference: 'CHG-1204' }; // prettier-ignore
const PERIOD = ['--from', DAY, '--to', NEXT];

beforeAll(async () => {
  folder = await tempFolder('custody-gaps-');
  callers = await startOidcCallers();
  await open();
  for (const time of ['00:30:00', '12:00:00', '23:30:00']) await bring(time, NEXT);
});
afterAll(async () => {
  await custody?.close();
  await callers?.close();
  await folder?.remove();
});

test('a gap has an id by which it is found, and blocks until two people explained it', async () => {
  [first = '', second = ''] = await gapIds();
  expect(await gapIds()).toHaveLength(2);
  expect(await check()).toMatchObject({ result: 'unable_to_conclude', gaps: [{}, {}] });
  expect(await cli('kim', 'list', ...PERIOD)).toMatch(new RegExp(`${first}[\\s\\S]*unexplained[\\s\\S]*2 gaps, 2 unexplained`)); // prettier-ignore

  for (const role of ['auditor', 'operator', 'responder'])
    expect((await say('kim', first, explanation, role)).status, role).toBe(403);
  for (const id of [`${first}0`, first.replace(/.$/, (end) => (end === '0' ? '1' : '0')), 'G-1-2', 'x'.repeat(60)])
    expect((await say('kim', id, explanation)).status, id).toBe(404);
  for (const body of [{}, { ...explanation, text: ' ' }, { ...explanation, reference: '' }, { ...explanation, cause: 'fine' }, { ...explanation, by: 'ceo' }])
    expect((await say('kim', first, body)).status, JSON.stringify(body)).toBe(400);
  const secret = ['glpat', 'x7Kq2mVb9Zr4tWn8Lp3s'].join('-');
  expect((await say('kim', first, { ...explanation, text: `we used ${secret}` })).status).toBe(400);
  expect((await get<GapStanding>(`/v1/gaps/${first}`)).history).toEqual([]);

  const told = await say('kim', first, explanation, 'manager', 'e-1');
  expect(told).toMatchObject({ status: 201, body: { standing: { state: 'proposed' } } });
  expect(await say('kim', first, explanation, 'manager', 'e-1')).toMatchObject({ status: 200, body: { id: told.body.id } }); // prettier-ignore
  expect((await say('kim', first, { ...explanation, text: 'Other.' }, 'manager', 'e-1')).status).toBe(409);
  expect(await check()).toMatchObject({ result: 'unable_to_conclude', gaps: [{}, {}] });

  const confirm = { kind: 'confirmation', of: told.body.id, decision: 'confirmed' };
  for (const same of ['kim', 'kim-admin']) expect((await say(same, first, confirm)).status, same).toBe(403);
  expect((await say('lee', second, confirm)).status, 'of another gap').toBe(404);
  expect(await cli('lee', 'confirm', first, '--of', told.body.id, '--text', 'Seen in the change calendar.')).toContain('explained'); // prettier-ignore
  await custody.settled();
  expect(await check()).toMatchObject({ result: 'unable_to_conclude', gaps: [{}], explained_gaps: [expect.stringMatching(/frozen for its move.*CHG-1204/)] }); // prettier-ignore
}); // prettier-ignore

test('what was said later than as-of is not seen, so the past stays what it was', async () => {
  expect(await check(`${AFTER}T00:00:00Z`)).toMatchObject({ result: 'unable_to_conclude', gaps: [{}, {}] });
  const { history } = await get<GapStanding>(`/v1/gaps/${first}`);
  const confirmedAt = history[1]?.at ?? '';
  const before = new Date(Date.parse(confirmedAt) - 1).toISOString();
  expect((await check(before)).gaps).toHaveLength(2);
});

test('a gap of which the missing arrived is none; one that changed is another, and blocks again', async () => {
  await bring('18:00:00', '');
  expect(await gapIds()).toEqual([first]);
  expect(await check()).toMatchObject({ result: 'did_not_operate', gaps: [], explained_gaps: [{}] });
  await bring('03:00:00', '');
  const [changed = ''] = await gapIds();
  expect(changed).not.toBe(first);
  const now = await check();
  expect(now).toMatchObject({ result: 'unable_to_conclude', gaps: [{}] });
  expect(now).not.toHaveProperty('explained_gaps');
  expect((await say('kim', first, explanation)).status).toBe(404);
});

test('a restart and a rebuild lose nothing of it; withdrawn, it blocks again; the acts are looked at by T-37', async () => {
  const [changed = ''] = await gapIds();
  const told = await cli('kim', 'explain', changed, '--cause', 'planned_stop', '--text', 'Frozen.', '--reference', 'CHG-1204', '--format', 'json'); // prettier-ignore
  await custody.settled();
  const { id } = JSON.parse(told) as { id: string };
  await cli('lee', 'confirm', changed, '--of', id);
  await custody.settled();
  const before = await get<GapStanding>(`/v1/gaps/${changed}`);
  expect((await check()).result).toBe('did_not_operate');
  await custody.close();
  await open();
  const rebuilt = await fetch(`${url}/v1/rebuild`, { method: 'POST', headers: { authorization: `Bearer ${custody.token}` } }); // prettier-ignore
  expect(rebuilt.status, await rebuilt.text()).toBe(200);
  expect(await get<GapStanding>(`/v1/gaps/${changed}`)).toEqual(before);
  expect((await check()).result).toBe('did_not_operate');

  expect(await cli('pat', 'withdraw', changed, '--of', id, '--text', 'It was up.')).toContain('open');
  await custody.settled();
  expect((await check()).result).toBe('unable_to_conclude');
  expect(await cli('pat', 'show', changed)).toMatch(/Frozen\.[\s\S]*confirmation {2}by lee[\s\S]*It was up\./);
  const { tests } = await get<CheckResult>('/v1/check?framework=all&from=2026-01-01T00:00:00Z&to=2190-01-01T00:00:00Z&tests=T-37'); // prettier-ignore
  expect(tests[0]?.strata['disposition: success']).toBe(5);
});
