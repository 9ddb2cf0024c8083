import { afterEach, describe, expect, test } from 'vitest';
import {
  entraApi,
  entraEvent,
  gitlabApi,
  gitlabEvent,
  keycloakApi,
  keycloakEvent,
  oktaApi,
  oktaEvent,
} from '../../support/scripted-apis.ts';
import type { ScriptedApi } from '../../support/scripted-apis.ts';
import { BADLY_BEHAVED, WELL_BEHAVED, startScriptedServer } from '../../support/scripted-server.ts';
import type { ScriptedServer } from '../../support/scripted-server.ts';
import { POLL_NOW, createPollHarness, pollSource } from '../../support/poll-harness.ts';

// One scripted server, whatever the system: it pages, throttles, fails, drops connections before and within its answers,
// repeats and reorders. The list behind it is the truth.
const SYSTEMS: readonly {
  readonly family: string;
  readonly api: (count: number, seed: number) => ScriptedApi;
  readonly event: (number: number, ms: number) => Record<string, unknown>;
  readonly idOf: (json: Record<string, unknown>) => unknown;
}[] = [
  { family: 'okta.log', api: (count, seed) => oktaApi(count, POLL_NOW, seed), event: oktaEvent, idOf: (json) => json['uuid'] },
  { family: 'gitlab.audit', api: (count, seed) => gitlabApi(count, POLL_NOW, seed), event: gitlabEvent, idOf: (json) => json['id'] },
  { family: 'keycloak', api: (count, seed) => keycloakApi(count, POLL_NOW, seed, { tokenUses: 9 }), event: keycloakEvent, idOf: (json) => json['id'] },
  { family: 'entra', api: (count, seed) => entraApi(count, POLL_NOW, seed), event: entraEvent, idOf: (json) => json['id'] },
]; // prettier-ignore

let server: ScriptedServer;
afterEach(() => server.close());

describe.each(SYSTEMS)('$family against a server that misbehaves', ({ family, api, event, idOf }) => {
  test.each([1, 2, 3])('0 lost and 0 twice, seed %i, with events that come between rounds', async (seed) => {
    const { events, script } = api(700, seed);
    server = await startScriptedServer(script, { seed, misbehaviour: BADLY_BEHAVED });
    const { log, service, at } = createPollHarness([pollSource(family, server.url, { max_pages: 5 })]);
    const [id = ''] = service.ids;
    for (let round = 1; round <= 4; round += 1) {
      for (let tries = 0; ; tries += 1) {
        try {
          await service.once(id, () => undefined);
          break;
        } catch (error) {
          // A server that failed seven times in a row: the next round goes on where this one was.
          if (tries === 5) throw error;
        }
      }
      at(POLL_NOW + round * 60_000);
      for (let more = 0; more < 7; more += 1)
        events.push(event(events.length, POLL_NOW + round * 60_000 - more * 1_000));
    }
    server.behave(WELL_BEHAVED);
    const last = await service.once(id, () => undefined);
    expect(last.settled.accepted).toBe(7);
    const ids = log
      .all()
      .map((record) => String(idOf(JSON.parse(record.value.toString('utf8')) as Record<string, unknown>)));
    expect(ids.toSorted()).toEqual(events.map((one) => String(idOf(one))).toSorted());
    const [view] = service.views();
    expect(view).toMatchObject({ records: events.length, failures: 0 });
    // The server did all of it.
    for (const name of ['throttles', 'fails', 'drops', 'cuts'] as const) expect(server.counts[name]).toBeGreaterThan(0);
  });

  test('what was seen is known after a restart, so that nothing comes twice', async () => {
    const { events, script } = api(120, 4);
    server = await startScriptedServer(script);
    const harness = createPollHarness([pollSource(family, server.url)]);
    const [id = ''] = harness.service.ids;
    await harness.service.once(id, () => undefined);
    const again = await harness.restart().once(id, () => undefined);
    expect([again.records, harness.log.all().length]).toEqual([0, events.length]);
  });

  test('no credential is in what is stored, in what is told, or in an address', async () => {
    const { script } = api(20, 5);
    server = await startScriptedServer(script);
    const told: unknown[] = [];
    const harness = createPollHarness([pollSource(family, server.url)]);
    const [id = ''] = harness.service.ids;
    await harness.service.once(id, (step) => told.push(step));
    server.behave({ ...WELL_BEHAVED, fails: 100 });
    await harness.service.once(id, (step) => told.push(step)).catch((error: unknown) => told.push(String(error)));
    const all = JSON.stringify([
      told,
      harness.service.views(),
      harness.log.all().map((record) => [record.headers, record.value.toString('utf8')]),
      server.requests.map((request) => request.url.href),
    ]);
    expect(all).not.toMatch(/okta-api-token|glpat-|client-secret|graph-token|token-\d/);
    expect(server.requests.length).toBeGreaterThan(1);
  });
});
