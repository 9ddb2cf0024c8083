import { stringify } from 'yaml';
import { HOSTS, PERIOD } from './organisation.ts';
import { createSecrets, packDeliveries } from './deliveries.ts';
import type { Delivery, DemoSecrets } from './delivery.ts';
import { PLANTED } from './planted.ts';
import type { Planting } from './planting.ts';
import { createDemoPolicy } from './policy.ts';
import { createRandom } from './random.ts';
import { tellStory } from './story.ts';

/** The demo organisation: its policy file, its senders' secrets, and a quarter of deliveries in order of arrival. */
export interface Demo {
  readonly policy: string;
  readonly secrets: string;
  readonly deliveries: readonly Delivery[];
  /** RFC 3339, UTC; `to` is the first moment that is not in the period. */
  readonly from: string;
  readonly to: string;
  readonly asOf: string;
  /** Key of a chain worth looking at first. */
  readonly showcase: string;
  /** What a control test must find, in order of time. */
  readonly planted: readonly Planting[];
}

export const DEMO_SEED = 20_260_701;

/** Makes the demo. The same seed always gives the same bytes, on every machine and in every time zone. */
export function createDemo(seed: number = DEMO_SEED): Demo {
  const story = tellStory(seed);
  const random = createRandom(seed ^ 0x5eed);
  const secrets = createSecrets(random);
  const deliveries = packDeliveries(story.events, secrets, random);
  return {
    policy: `# The policy file of the demo organisation (generated).\n${stringify(createDemoPolicy(story))}`,
    secrets: `# Secrets of the demo's senders (generated; good for nothing else).\n${stringify(secrets)}`,
    deliveries: [...deliveries, ...plantBadInput(deliveries, secrets)].toSorted((a, b) =>
      a.received_at < b.received_at ? -1 : a.received_at > b.received_at ? 1 : 0,
    ),
    from: new Date(PERIOD.from).toISOString(),
    to: new Date(PERIOD.to).toISOString(),
    asOf: new Date(PERIOD.to + 3 * 3_600_000).toISOString(),
    showcase: story.showcase,
    planted: PLANTED,
  };
}

/** Input that must not be believed: cut off, unsigned, forged, and a token sent where none may be. */
function plantBadInput(deliveries: readonly Delivery[], secrets: DemoSecrets): Delivery[] {
  const find = (source: string, text: string): Delivery => {
    const found = deliveries.find((delivery) => delivery.source === source && delivery.body.includes(text));
    if (!found) throw new RangeError(`the demo has no ${source} delivery with ${text}`);
    return found;
  };
  const audit = find('gitlab-audit', 'deployment_approved');
  const issuer = find('issuer', 'token.exchanged');
  const hook = find('gitlab-webhook', '"pipeline"');
  const later = (delivery: Delivery, id: string, changes: Partial<Delivery>): Delivery => ({
    ...delivery,
    delivery_id: id,
    received_at: new Date(Date.parse(delivery.received_at) + 90_000).toISOString(),
    ...changes,
  });
  const leaked = JSON.stringify({
    ...(JSON.parse(issuer.body) as object),
    id: '01981a2b-0000-7000-8000-00000000bad1',
    note: `eyJhbGciOiJFUzI1NiJ9.${'c3ViamVjdC1vZi10aGUtZGVtbw'.repeat(3)}.${'c2lnbmF0dXJl'.repeat(4)}`,
  });
  return [
    later(hook, 'demo-bad-cut', { body: hook.body.slice(0, hook.body.length / 2) }),
    later(hook, 'demo-bad-token', { headers: { ...hook.headers, 'x-gitlab-token': 'guessed' } }),
    later(audit, 'demo-forged', { body: audit.body.replace(/"author_id":\d+/, '"author_id":999') }),
    later(issuer, 'demo-leaked-token', { body: leaked }),
    later(issuer, 'demo-foreign-source', {
      body: issuer.body.replaceAll(HOSTS.brokerSource, 'https://elsewhere.example'),
      headers: { ...issuer.headers, authorization: `Bearer ${secrets.issuer}` },
    }),
  ];
}
