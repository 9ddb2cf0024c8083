import { createHmac } from 'node:crypto';
import { HOSTS } from './organisation.ts';
import type { NativeEvent, NativeSource } from './emit.ts';
import { isInLateFile, packBatches, packLateFile, packOktaHooks, packOktaPolls } from './batches.ts';
import type { Delivery, DemoSecrets, Unnumbered } from './delivery.ts';
import type { Random } from './random.ts';

/** Made from the seed, like all else here. */
export function createSecrets(random: Random): DemoSecrets {
  return {
    gitlab_stream: random.word(32),
    gitlab_hook: random.word(32),
    okta_hook: random.word(32),
    issuer: random.word(32),
    eventbridge: random.word(32),
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
 * through EventBridge, Kubernetes and Vault in batches of seconds. Ordered by arrival.
 */
export function packDeliveries(events: readonly NativeEvent[], secrets: DemoSecrets, random: Random): Delivery[] {
  const packed: Unnumbered[] = [];
  const sequence = { next: 1 };
  for (const event of events)
    packed.push(...PACKERS[event.source](event, event.at + random.int(300, 2_500), { secrets, random, sequence }));
  for (const source of ['kubernetes', 'vault'] as const) packed.push(...packBatches(events, source, secrets));
  packed.push(...packOktaHooks(events, secrets, random), ...packOktaPolls(events), ...packLateFile(events, random));
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
  okta: () => [],
  'gitlab-webhook': packGitlabHook,
  'gitlab-audit': packGitlabStream,
  issuer: packCloudEvent,
  hoop: packSvix,
  cloudtrail: packEventBridge,
  kubernetes: () => [],
  vault: () => [],
};

function packEventBridge(event: NativeEvent, at: number, { secrets, random }: Packing): Unnumbered[] {
  if (isInLateFile(event)) return [];
  const { eventTime, eventSource, awsRegion } = event.body;
  const body = {
    version: '0',
    id: random.uuid(),
    'detail-type': 'AWS API Call via CloudTrail',
    source: `aws.${String(eventSource).split('.')[0] ?? ''}`,
    account: event.instance,
    time: eventTime,
    region: awsRegion,
    resources: [],
    detail: event.body,
  };
  const headers = { ...JSON_TYPE, authorization: `Bearer ${secrets.eventbridge}` };
  return [post(at, 'cloudtrail', 'eventbridge', 'aws.cloudtrail', headers, JSON.stringify(body))];
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
