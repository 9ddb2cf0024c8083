import { HOSTS } from './organisation.ts';
import type { DemoSecrets, Unnumbered } from './delivery.ts';
import type { NativeEvent, NativeSource } from './emit.ts';
import type { Random } from './random.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** Sources that send batches, and how long one gathers (ms). CloudTrail's files come minutes late. */
const GATHER: Partial<Record<NativeSource, { windowMs: number; lateMs: number }>> = {
  cloudtrail: { windowMs: 15 * 60_000, lateMs: 5 * 60_000 },
  kubernetes: { windowMs: 30_000, lateMs: 2_000 },
  vault: { windowMs: 60_000, lateMs: 1_500 },
};

/** Gathers what a source sends in batches. */
export function packBatches(
  events: readonly NativeEvent[],
  source: 'cloudtrail' | 'kubernetes' | 'vault',
  secrets: DemoSecrets,
  random: Random,
): Unnumbered[] {
  const gather = GATHER[source] ?? { windowMs: 60_000, lateMs: 1_000 };
  const windowOf = (event: NativeEvent): number => Math.floor(event.at / gather.windowMs);
  const batches = groupBy(
    events.filter((event) => event.source === source),
    (event) => `${event.instance} ${windowOf(event)}`,
  );
  return batches.map((batch) =>
    packBatch(batch, source, (windowOf(batch[0]) + 1) * gather.windowMs + gather.lateMs, secrets, random),
  );
}

function packBatch(
  batch: readonly [NativeEvent, ...NativeEvent[]],
  source: 'cloudtrail' | 'kubernetes' | 'vault',
  at: number,
  secrets: DemoSecrets,
  random: Random,
): Unnumbered {
  const { instance } = batch[0];
  const bodies = batch.map((event) => event.body);
  if (source === 'cloudtrail') {
    const stamp = new Date(at).toISOString();
    const path = `AWSLogs/${instance}/CloudTrail/eu-north-1/${stamp.slice(0, 10).replaceAll('-', '/')}/${instance}_CloudTrail_eu-north-1_${stamp.slice(0, 16).replace(/[-:]/g, '')}Z_${random.word(16)}.json.gz`;
    return {
      at,
      source,
      transport: 's3',
      method: 'PULL',
      path_hint: path,
      headers: JSON_TYPE,
      body: JSON.stringify({ Records: bodies }),
    };
  }
  const headers = { ...JSON_TYPE, authorization: `Bearer ${secrets[source]}` };
  if (source === 'vault')
    return {
      at,
      source,
      transport: 'file_collector',
      method: 'POST',
      path_hint: `vault/${instance}`,
      headers,
      body: `${bodies.map((body) => JSON.stringify(body)).join('\n')}\n`,
    };
  return {
    at,
    source,
    transport: 'webhook',
    method: 'POST',
    path_hint: `kubernetes/${instance}`,
    headers,
    body: JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: bodies }),
  };
}

/** Once an hour the System Log is read: everything, also what a hook already brought. */
export function packOktaPolls(events: readonly NativeEvent[]): Unnumbered[] {
  const hour = 3_600_000;
  const hourOf = (event: NativeEvent): number => Math.floor(event.at / hour);
  return groupBy(
    events.filter((event) => event.source === 'okta'),
    hourOf,
  ).map((page) => ({
    at: (hourOf(page[0]) + 1) * hour + 4_000,
    source: 'okta',
    transport: 'poll',
    method: 'PULL',
    path_hint: 'okta/api/v1/logs',
    headers: { ...JSON_TYPE, link: `<https://${HOSTS.okta}/api/v1/logs?after=${hourOf(page[0])}>; rel="next"` },
    body: JSON.stringify(page.map((event) => event.body)),
  }));
}

// Map.groupBy needs Node 21.
function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string | number): [Item, ...Item[]][] {
  const groups = new Map<string | number, [Item, ...Item[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return [...groups.values()];
}
