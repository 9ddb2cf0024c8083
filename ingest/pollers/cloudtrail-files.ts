import { z } from 'zod';
import type { Round } from './poll-source.ts';

const DAY_MS = 86_400_000;

type List = (
  prefix: string,
  delimiter?: string,
) => AsyncIterable<{ readonly keys: readonly string[]; readonly prefixes: readonly string[] }>;

/**
 * The files of a trail from a moment (milliseconds) to now, by account, region and day (sources.md 1.8): names hold the
 * time at which a file was begun, and files come late, so whole days are listed. `kind` says which of the two sorts.
 */
export async function* listTrail(
  { poll, installation, now }: Round,
  list: List,
  kind: 'CloudTrail' | 'CloudTrail-Digest',
  from: number,
): AsyncGenerator<string, void, undefined> {
  const organisation = poll.organisation === undefined ? '' : `${poll.organisation}/`;
  for (const account of poll.accounts ?? [installation.instance]) {
    const base = `${poll.prefix}AWSLogs/${organisation}${account}/${kind}/`;
    const regions = poll.regions ?? (await regionsBelow(list, base));
    for (const region of regions) {
      for (let day = Math.floor(from / DAY_MS); day <= Math.floor(now / DAY_MS); day += 1) {
        const date = new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '/');
        for await (const { keys } of list(`${base}${region}/${date}/`))
          for (const key of keys) if (/\.json(?:\.gz)?$/.test(key)) yield key;
      }
    }
  }
}

async function regionsBelow(list: List, base: string): Promise<readonly string[]> {
  const regions: string[] = [];
  for await (const { prefixes } of list(base, '/'))
    for (const prefix of prefixes) regions.push(prefix.slice(base.length).replace(/\/$/, ''));
  return regions;
}

const eventSchema = z.object({
  Records: z.array(z.object({ s3: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }) })),
}); // prettier-ignore
const trailSchema = z.object({ s3Bucket: z.string(), s3ObjectKey: z.array(z.string()) });
const snsSchema = z.object({ Type: z.literal('Notification'), Message: z.string() });

/**
 * The files that a message of the queue tells of: a notice of S3, of CloudTrail by SNS, or of either within SNS. Those of
 * another bucket are none of ours. Undefined for a message that is no such notice.
 */
export function keysOfMessage(text: string, bucket: string): readonly string[] | undefined {
  const json = parse(text);
  const sns = snsSchema.safeParse(json);
  if (sns.success) return keysOfMessage(sns.data.Message, bucket);
  // S3 sends one when the notice is set up.
  if ((json as { Event?: unknown } | undefined)?.Event === 's3:TestEvent') return [];
  const trail = trailSchema.safeParse(json);
  if (trail.success) return trail.data.s3Bucket === bucket ? filesOf(trail.data.s3ObjectKey) : [];
  const event = eventSchema.safeParse(json);
  if (!event.success) return undefined;
  const ours = event.data.Records.filter(({ s3 }) => s3.bucket.name === bucket);
  // S3 writes keys in its notices as in a form.
  return filesOf(ours.map(({ s3 }) => decode(s3.object.key)));
}

function filesOf(keys: readonly string[]): readonly string[] {
  return keys.filter((key) => /\/CloudTrail(?:-Digest)?\/[^/]+\/\d{4}\/\d{2}\/\d{2}\/[^/]+\.json(?:\.gz)?$/.test(key));
}

function decode(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
