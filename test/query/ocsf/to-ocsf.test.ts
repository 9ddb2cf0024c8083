import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ACTIONS } from '../../../model/action.ts';
import { OCSF_PLACES } from '../../../query/ocsf/classes.ts';
import { toOcsf } from '../../../query/ocsf/to-ocsf.ts';
import type { StoredEvent } from '../../../store/stored-event.ts';
import { SHARED } from '../../support/adapter-input.ts';
import { corpusEvents, sampleEvents } from '../../support/all-events.ts';
import { readScenarioGraph, storeEvent } from '../../support/memory-graph.ts';
import { hasOcsfSchemas, judgeOcsf, ocsfFaults } from '../../support/ocsf-schemas.ts';
import { told } from '../../support/worked-chains.ts';
import { policyFromFacts } from '../../scenario/policy-from-facts.ts';
import type { ScenarioFacts } from '../../scenario/policy-from-facts.ts';

const stored = (spec: Parameters<typeof told>[0]): StoredEvent => storeEvent(told(spec), '1', 0);
const why = hasOcsfSchemas ? '' : ' (skipped: the published schemas of OCSF are not beside the project)';

describe.skipIf(!hasOcsfSchemas)(`events as OCSF 1.8.0, by the published schemas${why}`, () => {
  test('every sample of every source', () => {
    const { faults, classes } = judgeOcsf(sampleEvents());
    expect([...faults.keys()]).toEqual([]);
    expect([...classes.keys()].toSorted((a, b) => a - b)).toEqual([
      3001, 3002, 3003, 3004, 3005, 3006, 6001, 6002, 6003,
    ]);
  });

  test('every event of the corpus and of the real servers', () => {
    const { faults, classes } = judgeOcsf(corpusEvents());
    expect([...faults.keys()]).toEqual([]);
    expect([...classes.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(4_000);
  });

  // acme-quarter has 30,000 events more, and none of another kind: npm run ocsf.
  test.each(['acme-small', 'acme-edges'])('every event of %s', { timeout: 120_000 }, async (name) => {
    const folder = join(SHARED, 'scenarios', name);
    const facts = JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8')) as ScenarioFacts;
    const { events } = await readScenarioGraph(folder, policyFromFacts(facts).policy);
    expect([...judgeOcsf(events).faults.keys()]).toEqual([]);
    expect(events.length).toBeGreaterThan(3_000);
  });

  test('the schema refuses what is not OCSF, so that the tests above can fail', () => {
    const [event] = [...sampleEvents()];
    if (!event) throw new Error('there are no samples');
    const good = toOcsf(event, 'acme');
    expect(ocsfFaults({ ...good, time: undefined })).not.toEqual([]);
    expect(ocsfFaults({ ...good, jti: 'not an attribute' })).not.toEqual([]);
    expect(ocsfFaults({ ...good, status_id: 3 })).not.toEqual([]);
  });
});

describe('the mapping', () => {
  const event = (more: Partial<Parameters<typeof told>[0]> = {}): StoredEvent =>
    stored({ id: '1', family: 'ce', at: '2026-08-20T09:15:38.010442Z', action: 'token.exchange', actor: { kind: 'ai_agent', key: 'idp:user:https://agents.example/release', model: 'm-1' }, onBehalfOf: { kind: 'human', key: 'idp:user:https://idp.example/mara', email: 'mara@corp.example' }, keys: [], ...more }); // prettier-ignore

  test('has a place for every action and for no other', () => {
    expect(Object.keys(OCSF_PLACES).toSorted()).toEqual(Object.keys(ACTIONS).toSorted());
  });

  test('says who acts and whose rights are used, and keeps what OCSF has no place for', () => {
    const { actor, user, unmapped, time, time_dt: exact, type_uid: type } = toOcsf(event(), 'acme');
    expect(actor).toMatchObject({ user: { uid: 'idp:user:https://agents.example/release', type_id: 99, type: 'AI Agent' } }); // prettier-ignore
    expect(user).toMatchObject({ uid: 'idp:user:https://idp.example/mara', email_addr: 'mara@corp.example', type_id: 1 }); // prettier-ignore
    expect(unmapped).toMatchObject({ action: 'token.exchange', stage: 'credential', precision: 'us' });
    expect([time, exact, type]).toEqual([Date.parse('2026-08-20T09:15:38.010Z'), '2026-08-20T09:15:38.010442Z', 300203]); // prettier-ignore
  });

  test('a call by an agent whose model is known carries the profile of AI operations', () => {
    const ocsf = toOcsf(event({ action: 'api.read' }), 'acme');
    expect(ocsf['metadata']).toMatchObject({ profiles: ['ai_operation', 'datetime'], version: '1.8.0' });
    expect(ocsf['ai_model']).toEqual({ name: 'm-1', ai_provider: 'not recorded' });
  });

  test.each([
    ['denied', 3, 2],
    ['success', 1, 1],
    ['pending', 1, 99],
  ])('an outcome %s has severity %i and status %i', (outcome, severity, status) => {
    const ocsf = toOcsf({ ...event(), outcome }, 'acme');
    expect([ocsf['severity_id'], ocsf['status_id']]).toEqual([severity, status]);
  });

  test('an action of a later version is a call whose name is kept', () => {
    expect(toOcsf({ ...event(), action: 'moon.landing' }, 'acme')).toMatchObject({ class_uid: 6003, activity_id: 99, activity_name: 'moon.landing' }); // prettier-ignore
  });

  test('reads the schemas where they lie', () => {
    expect(hasOcsfSchemas).toBe(existsSync(join(SHARED, 'reference/schemas/ocsf-1.8.0')));
  });
});
