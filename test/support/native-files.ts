import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDemo } from '../../deploy/demo/generate.ts';
import type { Delivery } from '../../deploy/demo/delivery.ts';
import type { Source } from '../../model/source.ts';

/** Files as the systems of a made-up organisation would leave them, one a source, and its policy. */
export interface NativeFiles {
  readonly policy: string;
  readonly files: Readonly<Partial<Record<Source, string>>>;
  /** All deliveries as captured, one a line, without those that the door refuses. */
  readonly deliveries: string;
  /** The key of a job that deployed. */
  readonly showcase: string;
  readonly from: string;
  readonly to: string;
  readonly asOf: string;
}

/** Received after all that the files tell of. */
export const RECEIVED_AT = '2026-10-01T06:00:00Z';

/**
 * Writes the beginning of the demo organisation's quarter into a folder: that many deliveries, the same as native files,
 * and policy and secrets. `only` keeps that many lines of each file. Every line is a native document: an event, a page of
 * them, or an envelope.
 */
export function writeNativeFiles(folder: string, deliveryCount: number, only = deliveryCount): NativeFiles {
  mkdirSync(folder, { recursive: true });
  const demo = createDemo();
  const policy = join(folder, 'custody.yaml');
  writeFileSync(policy, demo.policy);
  writeFileSync(join(folder, 'custody.secrets.yaml'), demo.secrets, { mode: 0o600 });
  const good = demo.deliveries.filter(({ delivery_id: id }) => !id.startsWith('demo-bad')).slice(0, deliveryCount);
  const deliveries = join(folder, 'deliveries.ndjson');
  writeFileSync(deliveries, good.map((delivery) => `${JSON.stringify(delivery)}\n`).join(''));
  const lines = new Map<Source, string[]>();
  for (const delivery of good) {
    const source = sourceOf(delivery);
    const held = lines.get(source) ?? [];
    if (held.length < only) held.push(delivery.body.trim());
    lines.set(source, held);
  }
  const files: Partial<Record<Source, string>> = {};
  for (const [source, texts] of lines) {
    const path = join(folder, `${source}.ndjson`);
    writeFileSync(path, `${texts.join('\n')}\n`);
    files[source] = path;
  }
  return {
    policy,
    files,
    deliveries,
    showcase: lastJob(good),
    from: demo.from,
    to: demo.to,
    asOf: demo.asOf,
  };
}

/**
 * Writes a file of GitLab hooks in which everything occurs that can happen to an event: new, repeated, in conflict, from
 * the future, no JSON, of an unknown kind. Several seeds give several quarters. At most `most` lines of it are written.
 */
export function writeMixedHooks(
  path: string,
  seeds: readonly number[],
  most = Number.MAX_SAFE_INTEGER,
): { readonly lines: number } {
  const lines = seeds.flatMap((seed) =>
    createDemo(seed)
      .deliveries.filter(({ source }) => source === 'gitlab-webhook')
      .map(({ body }) => body.trim()),
  );
  const mixed = lines.flatMap((line, index) => {
    if (index % 97 === 13) return [line, line];
    if (index % 101 === 17) return [line, line.replace(/"ref":"[^"]*"/, '"ref":"elsewhere"')];
    if (index % 103 === 19) return [line, line.slice(0, line.length / 2)];
    if (index % 107 === 23) return [line.replaceAll('2026-', '2031-'), line];
    if (index % 109 === 29) return [line, '{"object_kind":"unheard_of"}'];
    return [line];
  });
  const written = mixed.slice(0, most);
  writeFileSync(path, `${written.join('\n')}\n`);
  return { lines: written.length };
}

function lastJob(deliveries: readonly Delivery[]): string {
  const job = deliveries.findLast(({ body }) => /"build_name":"deploy:production/.test(body));
  const { build_id: id } = JSON.parse(job?.body ?? '{}') as { build_id?: number };
  if (!job || id === undefined) throw new RangeError('no job deployed so far');
  return `gitlab:job:${new URL(job.headers['x-gitlab-instance'] ?? '').host}/${id}`;
}

const SOURCE_OF: Readonly<Record<string, Source>> = {
  cloudtrail: 'aws.cloudtrail',
  okta: 'okta.log',
  'gitlab-webhook': 'gitlab.webhook',
  'gitlab-audit': 'gitlab.audit-stream',
  issuer: 'issuer.cloudevents',
  kubernetes: 'kubernetes.audit',
  vault: 'vault.audit',
  hoop: 'hoop.event',
};

function sourceOf({ source }: Delivery): Source {
  const found = SOURCE_OF[source];
  if (!found) throw new RangeError(`what is ${source}?`);
  return found;
}
