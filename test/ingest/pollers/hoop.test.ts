import { afterEach, describe, expect, test } from 'vitest';
import { POLL_NOW, createPollHarness, pollSource } from '../../support/poll-harness.ts';
import { seeded } from '../../support/random.ts';
import { hoopApi, hoopAudit, hoopReview, hoopSession } from '../../support/scripted-hoop.ts';
import { BADLY_BEHAVED, WELL_BEHAVED, startScriptedServer } from '../../support/scripted-server.ts';
import type { ScriptedServer } from '../../support/scripted-server.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

let server: ScriptedServer;
afterEach(() => server.close());

/** What was stored, by id and what tells the versions apart. */
function stored(records: readonly { readonly value: Buffer }[]): readonly string[] {
  return records
    .map(({ value }) => JSON.parse(value.toString('utf8')) as Record<string, unknown>)
    .map((row) => `${String(row['id'])} ${String(row['status'] ?? row['action'])}`)
    .toSorted();
}

describe('hoop by REST', () => {
  test('every version of a session and of a review is a fact, also long after its list', async () => {
    const hoop = hoopApi();
    const truth: string[] = [];
    const session = (number: number, ms: number, more: Record<string, unknown>): void => {
      const row = hoopSession(number, ms, more);
      hoop.sessions.set(String(row['id']), row);
      truth.push(`${String(row['id'])} ${String(row['status'])}`);
    };
    const review = (number: number, status: string, group: object | null): void => {
      const row = hoopReview(number, POLL_NOW, status, group);
      hoop.reviews.set(String(row['id']), row);
      truth.push(`${String(row['id'])} ${status}`);
    };
    const pending = { status: 'open', exit_code: null, end_date: null, review: { id: 'r', status: 'PENDING' } };
    session(1, POLL_NOW - MINUTE, pending);
    review(1, 'PENDING', null);
    server = await startScriptedServer(hoop.script);
    const { log, service, at } = createPollHarness([pollSource('hoop', server.url)]);
    const once = () => service.once('hoop/hoop.acme.example', () => undefined);
    await once();
    await once();
    // It is approved three days later, when no list of new sessions meets it any more, and runs a day after that.
    at(POLL_NOW + 3 * DAY);
    for (let number = 2; number < 40; number += 1) session(number, POLL_NOW + 3 * DAY - number * 1_000, {});
    await once();
    at(POLL_NOW + 3 * DAY + MINUTE);
    const by = { id: '00u8rob', name: 'Rob', email: 'rob@acme.example' };
    review(1, 'APPROVED', { status: 'APPROVED', reviewed_by: by, review_date: POLL_NOW + 3 * DAY });
    session(1, POLL_NOW - MINUTE, { ...pending, status: 'ready', review: { id: 'r', status: 'APPROVED' } });
    await once();
    at(POLL_NOW + 4 * DAY);
    session(1, POLL_NOW - MINUTE, { review: { id: 'r', status: 'EXECUTED' } });
    review(1, 'EXECUTED', { status: 'APPROVED', reviewed_by: by, review_date: POLL_NOW + 3 * DAY });
    await once();
    const asked = server.requests.filter(({ url }) => /\/api\/sessions\/./.test(url.pathname)).length;
    await once();
    // What is done is asked for no more.
    expect(server.requests.filter(({ url }) => /\/api\/sessions\/./.test(url.pathname)).length).toBe(asked);
    expect(stored(log.all())).toEqual(truth.toSorted());
  });

  test('0 lost and 0 twice from 10,500 sessions, more than its offsets reach, on a server that misbehaves', async () => {
    const hoop = hoopApi(seeded(5));
    for (let number = 0; number < 10_500; number += 1) {
      const row = hoopSession(number, POLL_NOW - (10_500 - number) * 20_000);
      hoop.sessions.set(String(row['id']), row);
    }
    for (let number = 0; number < 250; number += 1)
      hoop.audit.push(hoopAudit(number, POLL_NOW - (250 - number) * MINUTE));
    server = await startScriptedServer(hoop.script, { seed: 5, misbehaviour: BADLY_BEHAVED });
    const { log, service, at } = createPollHarness([pollSource('hoop', server.url, { max_pages: 30 })]);
    for (let round = 1; round < 4; round += 1) {
      await service.once('hoop/hoop.acme.example', () => undefined).catch(() => undefined);
      at(POLL_NOW + round * MINUTE);
      hoop.audit.push(hoopAudit(1_000 + round, POLL_NOW + round * MINUTE));
    }
    server.behave(WELL_BEHAVED);
    await service.once('hoop/hoop.acme.example', () => undefined);
    const truth = [...hoop.sessions.values(), ...hoop.audit].map((row) => `${String(row['id'])} ${String(row['status'] ?? row['action'])}`); // prettier-ignore
    expect(stored(log.all())).toEqual(truth.toSorted());
    for (const name of ['throttles', 'fails', 'drops', 'cuts'] as const) expect(server.counts[name]).toBeGreaterThan(0);
  });
});
