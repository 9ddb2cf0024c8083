import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { secretsFrom } from '../../ingest/intake/secrets.ts';
import type { CheckResult, SourceState } from '../../model/control.ts';
import { policySchema } from '../../model/policy.ts';
import { openCustody } from '../../server/open-custody.ts';
import type { Custody } from '../../server/open-custody.ts';
import { POLL_SECRETS, pollSource } from '../support/poll-harness.ts';
import { gitlabApi } from '../support/scripted-apis.ts';
import { startScriptedServer } from '../support/scripted-server.ts';
import type { ScriptedServer } from '../support/scripted-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

// GitLab's stream through the door and its saved events through the poll, into the real log and store: only GitLab is a
// script. The clock stands three hours after the last event, so that nothing may still be on its way.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });
const END = Date.UTC(2026, 7, 20, 12);
const NOW = END + 3 * 3_600_000;
const LEFT_OUT = [4, 5, 9];
const STREAM_TOKEN = 'gitlab-stream-token-0001';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let server: ScriptedServer;
let custody: Custody;
const gitlab = gitlabApi(12, END);

beforeAll(async () => {
  folder = await tempFolder();
  server = await startScriptedServer(gitlab.script);
  const source = {
    ...pollSource('gitlab.audit', server.url, { page_size: 5 }),
    lateness_s: 900,
    reconcile_with: 'gitlab.audit-rest',
    credentials: [{ kind: 'gitlab_token', secret: 'gitlab_stream' }],
  };
  custody = await openCustody({
    folder: folder.path,
    policy: policySchema.parse({ tenant: 'acme', sources: [source] }),
    secrets: secretsFrom({ ...POLL_SECRETS, gitlab_stream: STREAM_TOKEN }),
    oidc: undefined,
    version: 'test',
    logTo: 'nowhere',
    now: () => NOW * 1_000,
  });
});
afterAll(async () => {
  await custody?.close();
  await server?.close();
  await folder?.remove();
});

/** The same event as the stream writes it (sources.md 1.1): the id a text, the details' names beside them too. */
async function stream(number: number): Promise<void> {
  const { event_name: type, details, id, ...rest } = gitlab.events[number] as { event_name: string; id: number; details: Record<string, unknown> }; // prettier-ignore
  const { author_name, entity_path, target_id, target_type, target_details } = details;
  const body = { ...rest, id: String(id), event_type: type, author_name, entity_path, target_id, target_type, target_details, details }; // prettier-ignore
  const answer = await custody.app.inject({
    method: 'POST',
    url: '/v1/ingest/gitlab.audit-stream',
    headers: { 'x-gitlab-event-streaming-token': STREAM_TOKEN, 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  });
  expect(answer.statusCode).toBe(202);
}

async function get<Answer>(url: string): Promise<Answer> {
  const answer = await custody.app.inject({
    method: 'GET',
    url,
    headers: { authorization: `Bearer ${custody.token}` },
  });
  expect(answer.statusCode).toBe(200);
  return JSON.parse(answer.payload) as Answer;
}
const source = async (): Promise<SourceState | undefined> =>
  (await get<{ sources: SourceState[] }>('/v1/sources')).sources.find(({ family }) => family === 'gitlab.audit');
/** The verdicts of T-31 on GitLab's day; a check reads sealed rows only. */
async function continuity(): Promise<readonly string[]> {
  await custody.signed();
  const period = 'from=2026-08-20T00:00:00Z&to=2026-08-21T00:00:00Z';
  const { tests } = await get<CheckResult>(`/v1/check?framework=all&${period}&as_of=2026-08-20T15:00:00Z&tests=T-31`);
  return (tests[0]?.items ?? []).map(({ verdict, attribute }) => `${verdict} ${attribute ?? ''}`);
}

test('what GitLab saved and never streamed is a gap, told by sources and T-31, until the stream brings it', async () => {
  const numbers = gitlab.events.map((_, number) => number);
  for (const number of numbers) if (!LEFT_OUT.includes(number)) await stream(number);
  await custody.settled();
  expect(await source()).toMatchObject({
    accepted: 9,
    gaps: [],
    continuity: { reconciliation: { saved: 0, missing: 0 } },
  });

  const [poll = ''] = custody.polls?.ids ?? [];
  const end = await custody.polls?.once(poll, () => undefined);
  expect(end).toMatchObject({ records: 12, settled: { accepted: 3, duplicate: 9, conflict: 0, rejected: {} } });
  const found = await source();
  expect(found?.continuity?.reconciliation).toMatchObject({ saved: 12, confirmed: 9, missing: 3, pending: 0 });
  expect(found?.gaps.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
    'reconciliation 2 saved events (the first 5) were never streamed; a second pull holds what the stream left out',
    expect.stringContaining('reconciliation 1 saved event (10) was never streamed'),
  ]);
  const text = await custody.app.inject({ method: 'GET', url: '/v1/sources?format=text', headers: { authorization: `Bearer ${custody.token}` } }); // prettier-ignore
  expect(text.payload).toContain('12 saved: 9 streamed too, 3 never streamed');
  expect((await continuity()).join()).toContain('exception reconciliation_gap');

  // Late, in another order, and one of them twice.
  for (const number of [9, 5, 4, 5]) await stream(number);
  await custody.settled();
  const mended = await source();
  expect(mended).toMatchObject({ accepted: 12, conflict: 0, gaps: [] });
  expect(mended?.continuity?.reconciliation).toMatchObject({ saved: 12, confirmed: 12, missing: 0 });
  expect((await continuity()).join()).not.toContain('exception');
});
