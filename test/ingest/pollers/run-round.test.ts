import { afterEach, expect, test } from 'vitest';
import type { RoundStep } from '../../../ingest/pollers/run-round.ts';
import { createPollHarness, POLL_NOW, pollSource } from '../../support/poll-harness.ts';
import type { PollHarness } from '../../support/poll-harness.ts';
import { keycloakApi } from '../../support/scripted-apis.ts';
import { startScriptedServer } from '../../support/scripted-server.ts';
import type { ScriptedServer } from '../../support/scripted-server.ts';

const ID = 'keycloak/sso.acme.example/realms/acme';
// Sixteen user events a page of five and their admin events: what an overlap of everything reads again each round.
const EVENTS = 24;

let server: ScriptedServer;
afterEach(() => server.close());

async function open(more: object): Promise<PollHarness> {
  server = await startScriptedServer(keycloakApi(EVENTS, POLL_NOW, 5, { isTidy: true }).script, { seed: 3 });
  return createPollHarness([pollSource('keycloak', server.url, { page_size: 5, overlap_seconds: 604_800, ...more })]);
}

const pagesOf = (steps: readonly RoundStep[]): number => steps.filter((step) => 'page' in step).length;
const idsOf = ({ log }: PollHarness): unknown[] =>
  log.all().map(({ value }) => (JSON.parse(value.toString('utf8')) as { id: unknown }).id);

test('a list of exactly as many pages as a round may have comes to its end, and the next time too', async () => {
  const counting = await open({});
  const all: RoundStep[] = [];
  await counting.service.once(ID, (step) => void all.push(step));
  const pages = pagesOf(all);
  expect(pages).toBeGreaterThan(4);
  await server.close();
  for (const max_pages of [pages - 1, pages, pages + 1]) {
    const harness = await open({ max_pages });
    for (const records of [EVENTS, 0]) {
      const steps: RoundStep[] = [];
      const signal = AbortSignal.timeout(5_000);
      const told = await harness.service.once(ID, (step) => void steps.push(step), signal);
      expect(told).toMatchObject({ records, pages });
      expect(pagesOf(steps)).toBe(pages);
    }
    expect(new Set(idsOf(harness)).size).toBe(EVENTS);
    await server.close();
  }
});

test.each([1, 2, 3])(
  'a process that ends behind page %i: nothing of an overlap is told again, then or later',
  async (most) => {
    const harness = await open({ max_pages: 50 });
    const ending = new AbortController();
    const first = harness.service.once(
      ID,
      (step) => void ('page' in step && step.page === most && ending.abort()),
      ending.signal,
    );
    await expect(first).rejects.toThrow();
    expect(idsOf(harness).length).toBeLessThan(EVENTS);
    for (let start = 0; start < 3; start += 1) {
      const again = harness.restart();
      for (let round = 0; round < 2; round += 1) await again.once(ID, () => undefined);
    }
    expect(idsOf(harness)).toHaveLength(EVENTS);
  },
);
