import { performance } from 'node:perf_hooks';
import { policySchema } from '../../model/policy.ts';
import { buildChain } from '../../query/chains/build-chain.ts';
import { loadGraph, NO_AS_OF_MS } from '../../query/chains/load-graph.ts';
import { createRules } from '../../query/chains/rules.ts';
import { createIdentities } from '../../query/identity.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { findNames } from '../../store/queries/find-names.ts';
import { seeded } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** What was measured, in milliseconds; `ratio` is a chain's p50 against one lookup of one key. */
export interface ChainBench {
  readonly events: number;
  readonly keys: number;
  readonly edges: number;
  readonly fillSeconds: number;
  readonly lookup: Percentiles;
  readonly chain: Percentiles;
  readonly chainByEvent: Percentiles;
  readonly ratio: number;
  readonly eventsPerChain: number;
}

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

const PER_FLOW = 20;
const TENANT = 'bench';

/**
 * Fills a store with flows of 20 events each (request, approval, pipeline, two jobs, deployment, exchange, session, eight
 * calls; about five keys an event, users, roles and addresses as hubs) and times chains through random flows against
 * the plain lookup of one key in the same store. The engine makes the rows, so that filling takes seconds.
 */
export async function measureChains(events = 2_000_000, rounds = 200): Promise<ChainBench> {
  const folder = await tempFolder();
  const store = await openStore({ folder: folder.path });
  try {
    const begun = performance.now();
    await fill(store, events);
    const fillSeconds = (performance.now() - begun) / 1_000;
    const random = seeded(7);
    const flow = (): number => Math.floor((random() * events) / PER_FLOW);
    const rules = createRules(policySchema.parse({ tenant: TENANT }));
    const context = { identities: createIdentities(rules.policy, []), sources: [] };
    let told = 0;
    const trace = async (focal: string): Promise<void> => {
      const graph = await loadGraph(store.reader, TENANT, [focal], { rules });
      const chain = buildChain(graph, focal, rules, context);
      told += chain.events.length;
      if (chain.touched.length !== 8 || chain.approvers.length === 0)
        throw new Error(`not the chain that was made: ${focal}`);
    };
    const lookup = await time(rounds, () =>
      store.reader.read(findNames(TENANT, [accessKey(flow())], NO_AS_OF_MS, { perKey: 100, births: false })),
    );
    const chain = await time(rounds, () => trace(accessKey(flow())));
    const chainByEvent = await time(rounds, () => trace(`event:aws.cloudtrail/e${flow() * PER_FLOW + 15}`));
    return {
      events,
      keys: await count(store, 'event_keys'),
      edges: await count(store, 'edges'),
      fillSeconds,
      lookup,
      chain,
      chainByEvent,
      ratio: chain.p50 / lookup.p50,
      eventsPerChain: told / (2 * (rounds + 5)),
    };
  } finally {
    await store.close();
    await folder.remove();
  }
}

function accessKey(flow: number): string {
  return `aws:accesskey:ASIA${String(flow).padStart(16, '0')}`;
}

async function time(rounds: number, work: () => Promise<unknown>): Promise<Percentiles> {
  for (let warm = 0; warm < 5; warm += 1) await work();
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    await work();
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}

async function count(store: Store, table: string): Promise<number> {
  const answer = await store.writer.bytes({ sql: `SELECT count() FROM ${table} FORMAT TSVRaw`, params: {} });
  return Number(answer.toString('utf8'));
}

// Names of a flow's things by its number f, as SQL.
const K = {
  request: "concat('access-request:okta:idp.example/r', toString(f))",
  session: "concat('okta:session:idp.example/s', toString(intDiv(f, 3)))",
  pipeline: "concat('gitlab:pipeline:gitlab.example/', toString(f + 1000000))",
  build: "concat('gitlab:job:gitlab.example/', toString(f * 2 + 5000000))",
  job: "concat('gitlab:job:gitlab.example/', toString(f * 2 + 5000001))",
  deployment: "concat('gitlab:deployment:gitlab.example/', toString(f + 2000000))",
  idToken: "concat('token:jti:https://gitlab.example/', lower(hex(MD5(concat('t', toString(f))))))",
  token: "concat('token:jti:https://broker.example/', lower(hex(MD5(concat('b', toString(f))))))",
  role: "concat('aws:session:111122223333/AROA', toString(f % 50), ':gl-', toString(f))",
  key: "concat('aws:accesskey:ASIA', leftPad(toString(f), 16, '0'))",
  asker: "concat('idp:user:https://idp.example/u', toString(f % 5000))",
  approver: "concat('idp:user:https://idp.example/a', toString(f % 300))",
  user: "concat('gitlab:user:gitlab.example/', toString(f % 5000 + 1))",
  ip: "concat('ip:198.51.100.', toString(f % 250))",
  arn: "concat('aws:role:arn:aws:iam::111122223333:role/r', toString(f % 50))",
} as const;

const key = (name: keyof typeof K, role: string, type = 'chain'): string => `(${K[name]}, '${type}', '${role}')`;
const edge = (parent: keyof typeof K, child: keyof typeof K, relation: string, rule: string, confidence = 'exact', from = 'chain'): string =>
  `(${K[parent]}, '${from}', ${K[child]}, '${relation}', '${rule}', '${confidence}')`; // prettier-ignore

// Keys of the event at each place in its flow; the last serves the calls.
const KEYS_BY_PLACE = [
  [
    key('session', 'uses', 'session'),
    key('request', 'subject'),
    key('asker', 'actor', 'hub'),
    key('ip', 'place', 'hub'),
  ],
  [key('request', 'decides'), key('approver', 'actor', 'hub'), key('ip', 'place', 'hub')],
  [
    key('pipeline', 'subject'),
    key('request', 'uses'),
    key('build', 'mentions'),
    key('job', 'mentions'),
    key('user', 'actor', 'hub'),
  ],
  [key('pipeline', 'subject'), key('build', 'mentions'), key('job', 'mentions'), key('user', 'actor', 'hub')],
  [key('build', 'subject'), key('pipeline', 'uses'), key('user', 'actor', 'hub')],
  [key('build', 'subject'), key('pipeline', 'uses'), key('user', 'actor', 'hub')],
  [key('job', 'subject'), key('pipeline', 'uses'), key('user', 'actor', 'hub')],
  [key('job', 'subject'), key('pipeline', 'uses'), key('user', 'actor', 'hub')],
  [key('deployment', 'subject'), key('job', 'uses'), key('user', 'actor', 'hub')],
  [key('deployment', 'decides'), key('approver', 'actor', 'hub')],
  [
    key('token', 'creates'),
    key('idToken', 'uses'),
    key('job', 'uses'),
    key('pipeline', 'uses'),
    key('request', 'uses'),
  ],
  [
    key('key', 'creates'),
    key('role', 'creates'),
    key('token', 'uses'),
    key('arn', 'target', 'hub'),
    key('ip', 'place', 'hub'),
  ],
  [
    key('key', 'uses'),
    key('role', 'uses'),
    key('token', 'uses'),
    key('arn', 'actor', 'hub'),
    key('ip', 'place', 'hub'),
  ],
];
const EDGES_BY_PLACE: readonly (readonly string[])[] = [
  [edge('session', 'request', 'requested', 'E2', 'exact', 'session')], [],
  [edge('request', 'pipeline', 'authorised', 'E5', 'asserted'), edge('pipeline', 'build', 'contains', 'E10'), edge('pipeline', 'job', 'contains', 'E10')],
  [edge('pipeline', 'build', 'contains', 'E10'), edge('pipeline', 'job', 'contains', 'E10')],
  [edge('pipeline', 'build', 'contains', 'E10')], [edge('pipeline', 'build', 'contains', 'E10')],
  [edge('pipeline', 'job', 'contains', 'E10')], [edge('pipeline', 'job', 'contains', 'E10')],
  [edge('deployment', 'job', 'gates', 'E12')], [],
  [edge('job', 'idToken', 'issued_to', 'E13'), edge('idToken', 'token', 'exchanged', 'E14'), edge('request', 'token', 'authorised', 'E33')],
  [edge('token', 'key', 'assumed', 'E15'), edge('role', 'key', 'issued', 'E18')],
]; // prettier-ignore
const ACTIONS = ['access.request', 'access.approve', 'pipeline.update', 'pipeline.finish', 'job.start', 'job.finish', 'job.start', 'job.finish', 'deployment.start', 'deployment.approve', 'token.exchange', 'session.assume', 'api.read']; // prettier-ignore
const STAGES = [
  'request',
  'approve',
  'run',
  'run',
  'run',
  'run',
  'run',
  'run',
  'run',
  'approve',
  'credential',
  'credential',
  'touch',
];
const FAMILIES = ['okta.log', 'okta.log', 'gitlab.hook', 'gitlab.hook', 'gitlab.hook', 'gitlab.hook', 'gitlab.hook', 'gitlab.hook', 'gitlab.hook', 'gitlab.audit', 'ce', 'aws.cloudtrail', 'aws.cloudtrail']; // prettier-ignore

async function fill(store: Store, events: number): Promise<void> {
  const byPlace = (rows: readonly (readonly string[])[], empty: string): string =>
    `multiIf(${rows.map((row, place) => `k = ${place}, ${row.length === 0 ? empty : `[${row.join(', ')}]`}`).join(', ')}, ${rows.at(-1)?.length ? `[${rows.at(-1)?.join(', ')}]` : empty})`;
  const noEdge = "CAST([], 'Array(Tuple(String, String, String, String, String, String))')";
  const list = (words: readonly string[]): string =>
    `[${words.map((word) => `'${word}'`).join(', ')}][least(k, 12) + 1]`;
  const from = `SELECT number AS n, intDiv(number, ${PER_FLOW}) AS f, number % ${PER_FLOW} AS k,
    fromUnixTimestamp64Micro(toInt64(1767225600000000 + f * 4000000 + k * 30000000), 'UTC') AS at FROM numbers(${events})`;
  const received = "toDateTime64(at, 3, 'UTC') AS received_at, at AS ingested_at";
  const keysOf = byPlace(KEYS_BY_PLACE, '[]');
  await store.writer
    .run(`INSERT INTO events (tenant, ref, event_id, content_hash, disposition, first_ref, family, source, instance, native_id, type,
      occurred_at, precision, received_at, ingested_at, action, stage, outcome, actor_kind, actor_key, actor, facts, keys, source_ip, user_agent)
    SELECT '${TENANT}', n, generateUUIDv4(n), unhex(hex(MD5(toString(n)))), 1, n, ${list(FAMILIES)}, 'bench', 'bench', concat('e', toString(n)), ${list(ACTIONS)},
      at, 3, ${received}, ${list(ACTIONS)}, ${list(STAGES)}, 'success', 'human', if(k IN (1, 9), ${K.approver}, ${K.asker}),
      concat('{"kind":"human","key":"', if(k IN (1, 9), ${K.approver}, ${K.asker}), '"}'),
      multiIf(k IN (1, 9), '{"decision":{"decided":"approved","mode":"human"}}', k IN (2, 3), '{"pipeline":{"status":"running"}}', k IN (4, 5, 6, 7), '{"job":{"status":"running","environment":"production"}}',
        k = 10, concat('{"credential":{"key":"', ${K.token}, '"}}'), k = 11, concat('{"credential":{"key":"', ${K.key}, '"},"call":{"service":"sts","operation":"AssumeRole","write":false,"login":true}}'),
        k > 11, '{"call":{"service":"ecs","operation":"DescribeServices","write":false}}', '{}'),
      concat('[', arrayStringConcat(arrayMap(x -> concat('["', x.1, '","', x.2, '","', x.3, '","exact","bench"]'), ${keysOf}), ','), ']'), '198.51.100.7', 'aws-cli/2'
    FROM (${from})`);
  await store.writer
    .run(`INSERT INTO event_keys (tenant, key, occurred_at, ref, class, role, confidence, field, received_at, ingested_at)
    SELECT '${TENANT}', x.1, at, n, x.2, x.3, 'exact', 'bench', ${received} FROM (${from}) ARRAY JOIN ${keysOf} AS x`);
  for (const [own, other, otherClass, direction] of [['e.1', 'e.3', "'chain'", 'down'], ['e.3', 'e.1', 'e.2', 'up']] as const) {
    await store.writer.run(`INSERT INTO edges (tenant, key, direction, other, other_class, relation, confidence, rule, principal, ref, occurred_at, received_at, ingested_at)
      SELECT '${TENANT}', ${own}, '${direction}', ${other}, ${otherClass}, e.4, e.6, e.5, '', n, at, ${received} FROM (${from}) ARRAY JOIN ${byPlace([...EDGES_BY_PLACE, []], noEdge)} AS e`);
  } // prettier-ignore
}

/** Prints what `measureChains` found; the first argument is how many events. */
export async function benchChain(args: readonly string[]): Promise<void> {
  const result = await measureChains(Number(args[0] ?? 2_000_000));
  const line = (name: string, { p50, p95, max }: Percentiles): string =>
    `${name.padEnd(28)} p50 ${p50.toFixed(1)} ms  p95 ${p95.toFixed(1)} ms  max ${max.toFixed(1)} ms`;
  console.log(
    `${result.events} events, ${result.keys} keys, ${result.edges} edge rows, made in ${result.fillSeconds.toFixed(1)} s`,
  );
  console.log(line('lookup of one key', result.lookup));
  console.log(line(`chain of ${result.eventsPerChain.toFixed(0)} events, by key`, result.chain));
  console.log(line('chain, by event', result.chainByEvent));
  console.log(`a chain costs ${result.ratio.toFixed(1)} lookups`);
}
