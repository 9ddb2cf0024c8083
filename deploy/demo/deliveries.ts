import { createHmac } from 'node:crypto';
import { HOSTS } from './organisation.ts';
import type { NativeEvent, NativeSource } from './emit.ts';
import { packBatches, packOktaPolls } from './batches.ts';
import type { Delivery, DemoSecrets, Unnumbered } from './delivery.ts';
import type { Random } from './random.ts';

/** Made from the seed, like all else here. */
export function createSecrets(random: Random): DemoSecrets {
  return {
    gitlab_stream: random.word(32),
    gitlab_hook: random.word(32),
    okta_hook: random.word(32),
    issuer: random.word(32),
    kubernetes: random.word(32),
    vault: random.word(32),
    hoop: `whsec_${Buffer.from(random.word(32)).toString('base64')}`,
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const HOOK_OF: Record<string, string> = {
  pipeline: 'Pipeline Hook',
  build: 'Job Hook',
  deployment: 'Deployment Hook',
  merge_request: 'Merge Request Hook',
};

/**
 * Packs native events as their systems deliver them: Okta by hook and again by poll, GitLab from two hooks, CloudTrail
 * as files, Kubernetes and Vault in batches. Ordered by arrival.
 */
export function packDeliveries(events: readonly NativeEvent[], secrets: DemoSecrets, random: Random): Delivery[] {
  const packed: Unnumbered[] = [];
  const sequence = { next: 1 };
  for (const event of events)
    packed.push(...PACKERS[event.source](event, event.at + random.int(300, 2_500), { secrets, random, sequence }));
  for (const source of ['cloudtrail', 'kubernetes', 'vault'] as const)
    packed.push(...packBatches(events, source, secrets, random));
  packed.push(...packOktaPolls(events));
  return packed
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, ...delivery }, index) => ({
      delivery_id: `demo-${String(index + 1).padStart(6, '0')}`,
      received_at: new Date(at).toISOString(),
      ...delivery,
    }));
}

interface Packing {
  readonly secrets: DemoSecrets;
  readonly random: Random;
  /** The issuer's own counter, in order of its events. */
  readonly sequence: { next: number };
}

type Packer = (event: NativeEvent, at: number, packing: Packing) => Unnumbered[];

/** How each system sends one event at once; those that send only batches send nothing here. */
const PACKERS: Record<NativeSource, Packer> = {
  okta: packOktaHook,
  'gitlab-webhook': packGitlabHook,
  'gitlab-audit': packGitlabStream,
  issuer: packCloudEvent,
  hoop: packSvix,
  cloudtrail: () => [],
  kubernetes: () => [],
  vault: () => [],
};

function packOktaHook(event: NativeEvent, at: number, { secrets, random }: Packing): Unnumbered[] {
  if (!String(event.body['eventType']).startsWith('access.')) return [];
  const body = {
    eventType: 'com.okta.event_hook',
    eventTypeVersion: '1.0',
    cloudEventsVersion: '0.1',
    source: `https://${HOSTS.okta}/api/v1/eventHooks/demo`,
    eventId: random.uuid(),
    data: { events: [event.body] },
    eventTime: new Date(at).toISOString(),
    contentType: 'application/json',
  };
  const headers = { ...JSON_TYPE, authorization: secrets.okta_hook };
  return [post(at, 'okta', 'event_hook', 'okta/event-hook', headers, JSON.stringify(body))];
}

function packGitlabHook(event: NativeEvent, at: number, { secrets, random }: Packing): Unnumbered[] {
  const headers = (): Record<string, string> => ({
    ...JSON_TYPE,
    'user-agent': 'GitLab/19.2.1-ee',
    'x-gitlab-event': HOOK_OF[String(event.body['object_kind'])] ?? 'Push Hook',
    'x-gitlab-instance': `https://${HOSTS.gitlab}`,
    'x-gitlab-event-uuid': random.uuid(),
    'idempotency-key': random.uuid(),
    'x-gitlab-token': secrets.gitlab_hook,
  });
  const body = JSON.stringify(event.body);
  const once = post(at, 'gitlab-webhook', 'project_hook', 'gitlab/webhook', headers(), body);
  // A project with a hook of its own and one of its group sends the same fact twice.
  return random.chance(0.3) ? [once, { ...once, at: at + 1_100, transport: 'group_hook', headers: headers() }] : [once];
}

function packGitlabStream(event: NativeEvent, at: number, { secrets }: Packing): Unnumbered[] {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-gitlab-event-streaming-token': secrets.gitlab_stream,
    'x-gitlab-audit-event-type': String(event.body['event_type']),
  };
  return [post(at, 'gitlab-audit', 'stream', 'gitlab/audit-stream', headers, JSON.stringify(event.body))];
}

function packCloudEvent(event: NativeEvent, at: number, { secrets, sequence }: Packing): Unnumbered[] {
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    authorization: `Bearer ${secrets.issuer}`,
  };
  const body = JSON.stringify({ ...event.body, sequence: String(sequence.next++).padStart(20, '0') });
  return [post(at, 'issuer', 'cloudevents', 'cloudevents', headers, body)];
}

function packSvix(event: NativeEvent, at: number, { secrets, random }: Packing): Unnumbered[] {
  const id = `msg_${random.word(24)}`;
  const seconds = String(Math.floor(at / 1_000));
  const body = JSON.stringify(event.body);
  const key = Buffer.from(secrets.hoop.slice('whsec_'.length), 'base64');
  const signature = `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`;
  const headers = { ...JSON_TYPE, 'svix-id': id, 'svix-timestamp': seconds, 'svix-signature': signature };
  return [post(at, 'hoop', 'svix', 'hoop/webhook', headers, body)];
}

function post(
  at: number,
  source: string,
  transport: string,
  path: string,
  headers: Record<string, string>,
  body: string,
): Unnumbered {
  return { at, source, transport, method: 'POST', path_hint: path, headers, body };
}
