import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { scanDelivery } from '../../../ingest/intake/json-scan.ts';
import { limitsOf } from '../../../ingest/intake/scan-types.ts';
import { hoopEvent } from '../../../ingest/sources/hoop-event.ts';
import type { ActorRef } from '../../../model/actor.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { PERFECT, statedFit } from '../../support/fit.ts';

/** What a real hoop gateway answered (../shared/corpus/hoop/hoop-e939597), with what was done to it. */
const FOLDER = join(SHARED, 'corpus/hoop/hoop-e939597');

interface Act {
  readonly case: string;
  readonly user: string;
  readonly act: string;
  readonly started: string;
  readonly time: string;
  readonly got: { readonly http?: number; readonly id?: string; readonly session_id?: string };
  readonly request_body?: { readonly connection?: string; readonly status?: string; readonly script?: string };
}

interface Row {
  readonly json: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly event: AuditEvent;
}

function rowsOf(file: string): readonly Row[] {
  return ((readLines(join(FOLDER, file)) ?? []) as readonly Row['json'][]).map((json) => {
    const parsed = hoopEvent.parse(inputOf(json, { instance: 'hoop.acme.test' }));
    if (!parsed.ok || !parsed.events[0]) throw new Error(parsed.ok ? 'none' : `${parsed.reason} ${parsed.detail}`);
    return { json, event: parsed.events[0] };
  });
}

// Keys and agents have names, people addresses; the truth writes `apikey:` and `aiagent:` before the former.
const nameOf = (actor: ActorRef | undefined): string => actor?.email ?? actor?.display ?? '';
const userOf = (act: Act): string => act.user.replace(/^(?:apikey|aiagent|machine):/, '');

const pairOf = (ids: readonly string[]): string => ids.toSorted((a, b) => (a < b ? -1 : 1)).join(' ');

describe.skipIf(!existsSync(FOLDER))('a real hoop gateway (needs ../shared/corpus)', () => {
  const isHere = existsSync(FOLDER);
  const sessions = isHere ? rowsOf('sessions_detail.ndjson.gz') : [];
  const reviews = isHere ? rowsOf('reviews.ndjson.gz') : [];
  const acts = (isHere ? (readLines(join(FOLDER, 'truth.ndjson.gz')) ?? []) : []) as readonly Act[];
  const asked = acts.filter((act) => act.act === 'POST /api/sessions' && act.got.http === 200 && act.got.session_id);
  const sessionOf = (name: string): Row | undefined =>
    sessions.find((row) => row.json.id === acts.find((act) => act.case === name)?.got.session_id);
  const findingsOf = (row: Row | undefined): readonly string[] =>
    (row?.event.facts.findings ?? []).map((finding) => finding.kind);

  test('every row is read without rest', () => {
    const all = [...sessions, ...reviews, ...rowsOf('sessions.ndjson.gz'), ...rowsOf('audit.ndjson.gz')];
    expect(all).toHaveLength(94 + 35 + 94 + 73);
    expect(all.flatMap(({ event }) => event.unread)).toEqual([]);
  });

  test('people: each session is its requester’s, on the connection that was asked for', () => {
    const found = sessions
      .filter(({ json }) => asked.some((act) => act.got.session_id === json.id))
      .map(({ json, event }) => `${json.id} ${nameOf(event.actor)} on ${event.resource?.display}`);
    const truth = asked.map((act) => `${act.got.session_id} ${userOf(act)} on ${act.request_body?.connection}`);
    expect(truth.length).toBeGreaterThan(50);
    expect(statedFit('hoop, people of sessions', found, truth)).toEqual(PERFECT);
  });

  test('approvals: people, never the status of the review', () => {
    const truth = new Map<string, Map<string, string>>();
    for (const act of acts) {
      const id = /^PUT \/api\/(?:reviews\/([0-9a-f-]{36})|sessions\/[0-9a-f-]{36}\/review)$/.exec(act.act);
      const review = id === null ? undefined : (id[1] ?? act.got.id);
      if (review === undefined || act.got.http !== 200) continue;
      const status = { APPROVED: 'approved', REJECTED: 'denied', REVOKED: 'revoked' }[act.request_body?.status ?? ''];
      if (status !== undefined) truth.set(review, new Map(truth.get(review)).set(userOf(act), status));
    }
    const found = reviews.flatMap(({ json, event }) =>
      (event.facts.decisions ?? []).map((one) => `${json.id} ${nameOf(one.by)} ${one.decided}`),
    );
    const told = [...truth].flatMap(([id, people]) => [...people].map(([who, what]) => `${id} ${who} ${what}`));
    const isOverwritten = (one: string): boolean => one.endsWith(' rob@acme.test approved');
    const wasSeen = (one: string): boolean => !one.endsWith(' ci-bot approved');
    const fit = statedFit('hoop, approvals', found, told);
    // hoop writes over: where Sue, who is in both groups, decided after Rob, the row no longer knows of Rob. And one review
    // of a runbook was decided while the session was made, which no act of the truth is.
    expect(fit.missed.filter((one) => !isOverwritten(one))).toEqual([]);
    expect(fit.missed).toHaveLength(5);
    for (const one of fit.missed) {
      const people = [...(truth.get(one.split(' ')[0] ?? '')?.keys() ?? [])];
      expect(people.indexOf('sue@acme.test'), one).toBeGreaterThan(people.indexOf('rob@acme.test'));
    }
    expect(fit.invented.map((one) => one.replace(/^\S+ /, ''))).toEqual(['ci-bot approved']);
    const still = told.filter((one) => !(isOverwritten(one) && fit.missed.includes(one)));
    expect(statedFit('hoop, approvals that its rows still hold', found.filter(wasSeen), still)).toEqual(PERFECT);
    // Where a row says APPROVED or EXECUTED and no group of it does, nobody has approved.
    const bare = reviews.filter(({ json }) => /^(?:APPROVED|EXECUTED)$/.test(String(json['status'])) && (json['review_groups_data'] as readonly { status: string }[]).every(({ status }) => status !== 'APPROVED')); // prettier-ignore
    expect(bare.length).toBeGreaterThan(0);
    expect(bare.flatMap(({ event }) => (event.facts.decisions ?? []).filter(({ decided }) => decided === 'approved'))).toEqual([]); // prettier-ignore
  });

  test('one person who stands for two groups is one person', () => {
    const row = sessionOf('rev_onepersontwogroups.request');
    const review = reviews.find(({ json }) => json.id === (row?.json['review'] as { id: string } | undefined)?.id);
    expect(review?.event.facts.decisions).toMatchObject([{ decided: 'approved', by: { email: 'sue@acme.test' }, scope: ['dba', 'secops'] }]); // prettier-ignore
  });

  test('edges: each review belongs to its session and to no other', () => {
    const found = sessions.flatMap(({ json, event }) =>
      event.edges
        .filter((edge) => edge.parent.key.startsWith('hoop:review:') || edge.child.key.startsWith('hoop:review:'))
        .map((edge) => pairOf([edge.parent.key, edge.child.key].map((key) => key.split('/').at(-1) ?? '')))
        .map((pair) => `${pair} of ${json.id}`),
    ); // prettier-ignore
    const truth = reviews.map(({ json }) => {
      const session = String(json['session']);
      return `${pairOf([json.id, session])} of ${session}`;
    });
    expect(statedFit('hoop, edges of reviews', found, truth)).toEqual(PERFECT);
  });

  test('window: what ran at once is told at a moment between its request and its answer', () => {
    const ran = asked.flatMap((act) => {
      const row = sessions.find(({ json }) => json.id === act.got.session_id && json['review'] === null);
      return row && typeof row.json['end_date'] === 'string' ? [{ act, row }] : [];
    });
    expect(ran.length).toBeGreaterThan(15);
    // The act's own stamps are its client's, on the same machine; hoop writes the end down while it answers.
    const [early, late] = [1_000, 20_000];
    const outside = ran.filter(({ act, row: { event } }) => {
      const [from, to] = [act.started, act.time].map((text) => Date.parse(text) * 1_000);
      return event.occurred.at < (from ?? 0) - early || event.occurred.at > (to ?? 0) + late;
    });
    // The webhook plugin kept this one from running, and hoop closed it three minutes later.
    expect(outside.map(({ act }) => act.case)).toEqual(['api_exec_review_plugin_oss']);
  });

  test('outcome: what hoop itself recorded of the run, and pending is not done', () => {
    const found: string[] = [];
    const truth: string[] = [];
    for (const { json, event } of sessions) {
      const { exit_code: code, review } = json as unknown as { exit_code: number | null; review: unknown };
      const isOpen = code === null && event.outcome === 'unknown';
      found.push(`${json.id} ${event.outcome}`);
      truth.push(`${json.id} ${code === 0 ? 'success' : code !== null ? 'failure' : review === null || isOpen ? 'unknown' : 'pending'}`); // prettier-ignore
    }
    expect(statedFit('hoop, outcomes of sessions', found, truth)).toEqual(PERFECT);
  });

  test.each([
    ['api_exec_ok', 'success'],
    ['api_exec_fail', 'failure'],
    ['api_exec_sql', 'success'],
    ['api_exec_sql_err', 'failure'],
    ['rev_exec_fails.request', 'failure'],
    ['rev_reject.request', 'failure'],
    ['rev_pending.request', 'pending'],
    ['rev_flip.request', 'failure'],
  ])('what %s came to: %s', (name, outcome) => {
    expect(sessionOf(name)?.event.outcome).toBe(outcome);
  });

  test.each([
    ['rev_two.request', 'executed_without_approval'],
    ['rev_reject.request', 'executed_without_approval'],
    ['rev_onepersontwogroups.request', 'fewer_approvers_than_required'],
    ['rev_force.request', 'forced_review'],
    ['rev_admin_self.request', 'self_approval'],
    ['rev_window.request', 'outside_time_window'],
  ])('the planted misuse %s is a finding: %s', (name, kind) => {
    expect(findingsOf(sessionOf(name))).toContain(kind);
  });

  test('a live session that went on after its review was revoked is a finding, and the only one of its kind', () => {
    const revoked = sessions.filter((row) => findingsOf(row).includes('used_after_revocation'));
    expect(revoked).toHaveLength(1);
    expect(revoked[0]?.json).toMatchObject({ review: { status: 'REVOKED' }, verb: 'connect' });
  });

  test.each([['rev_not_required'], ['api_exec_ok'], ['cli_exec_ok']])('%s is none', (name) => {
    expect(findingsOf(sessionOf(name))).toEqual([]);
  });

  test('no secret survives that was put into scripts, arguments, variables and users', () => {
    const secrets = ['hunter2-in-script', 'arg-s3cret', 'env-s3cret', Buffer.from('env-s3cret').toString('base64')];
    const passwords = acts.flatMap((act) => /"password":\s*"([^"]+)"/.exec(JSON.stringify(act))?.[1] ?? []);
    expect(passwords.length).toBeGreaterThan(3);
    for (const file of ['sessions_detail', 'sessions', 'reviews', 'audit']) {
      const bytes = gunzipSync(readFileSync(join(FOLDER, `${file}.ndjson.gz`)));
      const limits = { ...limitsOf('hoop.event'), bytes: Number.MAX_SAFE_INTEGER };
      const scan = scanDelivery(bytes, { containers: hoopEvent.containers, redact: hoopEvent.redact, limits, secrets: 'redact', format: 'lines' }); // prettier-ignore
      if (!scan.ok) throw new Error(scan.reason);
      const kept = scan.elements.map((element) => element.value.toString()).join('\n');
      expect(kept.length).toBeGreaterThan(1_000);
      for (const secret of [...secrets, ...passwords]) expect(kept.includes(secret), `${file} ${secret}`).toBe(false);
    }
  });
});
