import { ACCOUNTS, HOSTS } from './organisation.ts';
import { LATE_FILE } from './planted-acts.ts';
import type { DemoSecrets, Unnumbered } from './delivery.ts';
import type { NativeEvent, NativeSource } from './emit.ts';
import type { Random } from './random.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** How long what is sent in batches gathers, and how long a batch then takes (ms). */
const GATHER = { windowMs: 3_000, lateMs: 1_000 } as const;

/** Gathers what Kubernetes and Vault send in batches. */
export function packBatches(
  events: readonly NativeEvent[],
  source: 'kubernetes' | 'vault',
  secrets: DemoSecrets,
): Unnumbered[] {
  return gathered(events, source).map((batch) => {
    const { instance } = batch[0];
    const bodies = batch.map((event) => event.body);
    const [transport, body] =
      source === 'vault'
        ? ['file_collector', `${bodies.map((one) => JSON.stringify(one)).join('\n')}\n`]
        : ['webhook', JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items: bodies })];
    const headers = { ...JSON_TYPE, authorization: `Bearer ${secrets[source]}` };
    return { at: arrivalOf(batch), source, transport, method: 'POST', path_hint: `${source}/${instance}`, headers, body };
  });
} // prettier-ignore

/** Okta's event hook: what happens within seconds comes in one call. */
export function packOktaHooks(events: readonly NativeEvent[], secrets: DemoSecrets, random: Random): Unnumbered[] {
  return gathered(events, 'okta').map((batch) => {
    const at = arrivalOf(batch);
    const body = {
      eventType: 'com.okta.event_hook',
      eventTypeVersion: '1.0',
      cloudEventsVersion: '0.1',
      source: `https://${HOSTS.okta}/api/v1/eventHooks/demo`,
      eventId: random.uuid(),
      data: { events: batch.map((event) => event.body) },
      eventTime: new Date(at).toISOString(),
      contentType: 'application/json',
    };
    return {
      at,
      source: 'okta',
      transport: 'event_hook',
      method: 'POST',
      path_hint: 'okta/event-hook',
      headers: { ...JSON_TYPE, authorization: secrets.okta_hook },
      body: JSON.stringify(body),
    };
  });
}

function gathered(events: readonly NativeEvent[], source: NativeSource): [NativeEvent, ...NativeEvent[]][] {
  return groupBy(
    events.filter((event) => event.source === source),
    (event) => `${event.instance} ${Math.floor(event.at / GATHER.windowMs)}`,
  );
}

function arrivalOf([first]: readonly [NativeEvent, ...NativeEvent[]]): number {
  return (Math.floor(first.at / GATHER.windowMs) + 1) * GATHER.windowMs + GATHER.lateMs;
}

/** Whether EventBridge lost it, so that only the file tells it. */
export function isInLateFile({ source, instance, at }: NativeEvent): boolean {
  return source === 'cloudtrail' && instance === ACCOUNTS.production && at >= LATE_FILE.from && at < LATE_FILE.to;
}

/** The file of CloudTrail that makes good what EventBridge lost, hours later. */
export function packLateFile(events: readonly NativeEvent[], random: Random): Unnumbered[] {
  const at = LATE_FILE.to + LATE_FILE.laterMs;
  const day = new Date(LATE_FILE.to).toISOString().slice(0, 10);
  const name = `${ACCOUNTS.production}_CloudTrail_eu-north-1_${day.replaceAll('-', '')}T1700Z_${random.word(16)}.json.gz`;
  return [
    {
      at,
      source: 'cloudtrail',
      transport: 's3',
      method: 'PULL',
      path_hint: `AWSLogs/${ACCOUNTS.production}/CloudTrail/eu-north-1/${day.replaceAll('-', '/')}/${name}`,
      headers: JSON_TYPE,
      body: JSON.stringify({ Records: events.filter(isInLateFile).map((event) => event.body) }),
    },
  ];
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
