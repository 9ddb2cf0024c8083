import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildChain } from '../../../query/chains/build-chain.ts';
import type { Graph } from '../../../query/chains/graph.ts';
import { loadGraph } from '../../../query/chains/load-graph.ts';
import { createRules } from '../../../query/chains/rules.ts';
import { createIdentities } from '../../../query/identity.ts';
import { openStore } from '../../../store/clickhouse.ts';
import type { Store } from '../../../store/clickhouse.ts';
import type { Query, Reader } from '../../../store/query.ts';
import { fillStore } from '../../support/fill-store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { chainA, chainB, chainC, graphOf, KEYS, nameOf, told, workedPolicy } from '../../support/worked-chains.ts';

const policy = workedPolicy();
const rules = createRules(policy);
const noise = told({
  id: 'other',
  family: 'ce',
  at: '2026-08-20T09:00:00Z',
  action: 'token.issue',
  keys: [['creates', 'token:jti:https://broker.example/else']],
});
const shared = chainA().slice(0, 8);
const events = [...shared, ...chainA().slice(8), ...chainB().slice(8), ...chainC().slice(8), noise];
let store: Store;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const { path: folder, remove } = await tempFolder();
  removeFolder = remove;
  store = await openStore({ folder });
  await fillStore(store, events, { tenant: policy.tenant, folder });
});
afterAll(async () => {
  await store.close();
  await removeFolder();
});

const load = (seed: string, options = {}): Promise<Graph> =>
  loadGraph(store.reader, policy.tenant, [seed], { rules, ...options });
const context = { identities: createIdentities(policy, []), sources: [] };

describe('loadGraph', () => {
  test.each(events.map(nameOf))('fetches for %s what the whole graph would tell', async (focal) => {
    const whole = buildChain(graphOf(events), focal, rules, context);
    expect(buildChain(await load(focal), focal, rules, context)).toEqual(whole);
  });

  test.each(Object.values(KEYS))('fetches for the key %s what the whole graph would tell', async (focal) => {
    expect(buildChain(await load(focal), focal, rules, context)).toEqual(
      buildChain(graphOf(events), focal, rules, context),
    );
  });

  test('leaves out what has nothing to do with the flow', async () => {
    const graph = await load('event:aws.cloudtrail/13');
    expect(graph.eventsNamed(nameOf(noise))).toEqual([]);
  });

  test('as of a moment it knows only what had been received by then', async () => {
    const asOf = Date.parse('2026-08-20T09:16:02Z') * 1_000;
    const chain = buildChain(await load(KEYS.J, { asOf }), KEYS.J, rules, context);
    expect(chain.touched).toContain('event:aws.cloudtrail/11');
    expect(chain.touched).not.toContain('event:aws.cloudtrail/12');
  });

  test('another tenant sees nothing', async () => {
    const graph = await loadGraph(store.reader, 'other', [KEYS.J], { rules });
    expect(graph.events.size).toBe(0);
  });

  test('a key with more links than the bound is shown as a hub', async () => {
    const graph = await load(KEYS.J, { limits: { fanOut: 1 } });
    expect(graph.findings.map((finding) => finding.kind)).toContain('fan_out');
    expect(graph.classOf(KEYS.J)).toBe('hub');
  });

  test('asks once a hop, however many keys there are', async () => {
    let queries = 0;
    const counting: Reader = {
      read<Row>(query: Query<Row>): Promise<Row[]> {
        queries += 1;
        return store.reader.read(query);
      },
    };
    await loadGraph(counting, policy.tenant, events.map(nameOf), { rules });
    const alone = queries;
    await loadGraph(counting, policy.tenant, ['event:aws.cloudtrail/13'], { rules });
    expect(alone).toBeLessThan(20);
    expect(queries - alone).toBeLessThan(20);
  });
});
