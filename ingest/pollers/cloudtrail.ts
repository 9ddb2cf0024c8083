import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { deleteMessage, getObject, keysUrl, listObjects, listPublicKeys, receiveMessages } from './aws-api.ts';
import { digestFaults, readDigest, sha256Hex } from './cloudtrail-digest.ts';
import { keysOfMessage, listTrail } from './cloudtrail-files.ts';
import { firstMs } from './poll-source.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const cursorSchema = z.object({
  /** The time up to which the trail was listed, milliseconds. */
  watermark: z.number(),
  /** Files that were read, by a digest of their key, with the day of their name and the SHA-256 of what they hold. */
  files: z.record(z.string(), z.tuple([z.number(), z.string()])).default({}),
  /** The last digest file that was verified, for each account and region. */
  chains: z.record(z.string(), z.object({ object: z.string(), hash: z.string(), signature: z.string() })).default({}),
  verified: z.number().default(0),
  faults: z.number().default(0),
  last_faults: z.array(z.string()).default([]),
});
type Cursor = z.output<typeof cursorSchema>;

const OVERLAP_S = 86_400;
// The cursor holds what was read; it is written with every so many files, and those after it are read again after a kill.
const WRITE_EVERY = 25;
const LAST_FAULTS = 20;

/**
 * CloudTrail from the bucket that a trail writes into (sources.md 1.8), found by listing its days or by the messages of a
 * queue. Digest files are verified: their signature and chain, and the SHA-256 of every log file that they name. A file
 * that fits no digest, or a digest that fits no chain, is a fault that is told and kept; its records are taken in all the
 * same, because they too are evidence.
 */
export const pollCloudtrail: PollSource = {
  what: 'log and digest files of a trail',
  reads: 'on',
  origins: (poll) => {
    const region = poll.auth.kind === 'aws' ? [poll.auth.region] : [];
    const keys = [...new Set([...(poll.regions ?? []), ...region])].map((one) => new URL(keysUrl(poll, one)).origin);
    return poll.queue_url === undefined ? keys : [...keys, new URL(poll.queue_url).origin];
  },
  round,
};

interface Reading {
  readonly given: Round;
  readonly bucket: string;
  cursor: Cursor;
  unwritten: number;
  readonly keys: Map<string, ReadonlyMap<string, KeyObject>>;
}

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const { poll, now } = given;
  const { bucket } = poll;
  if (bucket === undefined) throw new Problem('configuration', 'The poll of aws.cloudtrail needs poll.bucket.');
  const cursor = cursorSchema.safeParse(given.cursor).data ?? cursorSchema.parse({ watermark: firstMs(given) });
  const reading: Reading = { given, bucket, cursor: structuredClone(cursor), unwritten: 0, keys: new Map() };
  if (poll.queue_url === undefined) {
    const from = cursor.watermark - (poll.overlap_seconds ?? OVERLAP_S) * 1_000;
    const list = (prefix: string, delimiter?: string) => listObjects(given.http, poll, bucket, prefix, delimiter);
    for (const kind of ['CloudTrail', 'CloudTrail-Digest'] as const)
      for await (const key of listTrail(given, list, kind, from)) yield* readFile(reading, key);
  } else {
    yield* readQueue(reading, poll.queue_url);
  }
  forget(reading, now);
  reading.cursor.watermark = now;
  yield portionOf(reading, Buffer.alloc(0), true);
}

async function* readQueue(reading: Reading, queue: string): AsyncGenerator<Portion, void, undefined> {
  const { http, say } = reading.given;
  for (;;) {
    const messages = await receiveMessages(http, queue);
    if (messages.length === 0) return;
    const done: string[] = [];
    const named: string[] = [];
    for (const { body, handle } of messages) {
      const keys = keysOfMessage(body, reading.bucket);
      // It stays in the queue, whose own rules take it out: nothing else would tell that something came.
      if (!keys) say('A message of the queue is no notice of a file in the bucket; it was left there');
      named.push(...(keys ?? []));
      if (keys) done.push(handle);
    }
    // A queue keeps no order; names hold the time, and a digest is told to follow the one before it.
    for (const key of named.toSorted()) yield* readFile(reading, key);
    // A message is deleted only when what it named is durable, cursor and all.
    yield portionOf(reading, Buffer.alloc(0), true);
    for (const handle of done) await deleteMessage(http, queue, handle);
    if (done.length === 0) return;
  }
}

async function* readFile(reading: Reading, key: string): AsyncGenerator<Portion, void, undefined> {
  const { given, bucket, cursor } = reading;
  const name = nameOf(key);
  if (cursor.files[name] !== undefined) return;
  const file = await getObject(given.http, given.poll, bucket, key);
  if (!file) {
    fault(reading, `${key} was named and is not in the bucket`);
    return;
  }
  if (key.includes('/CloudTrail-Digest/')) yield* readDigestFile(reading, key, file.content, file.headers);
  cursor.files[name] = [given.now, sha256Hex(file.content)];
  yield portionOf(reading, file.content);
}

async function* readDigestFile(
  reading: Reading,
  key: string,
  content: Buffer,
  headers: Headers,
): AsyncGenerator<Portion, void, undefined> {
  const { cursor, bucket, given } = reading;
  const digest = readDigest(content);
  if (!digest) {
    fault(reading, `${key} is no digest file that can be read`);
    return;
  }
  const [, place = '', region = ''] =
    /AWSLogs\/((?:o-[a-z0-9]+\/)?\d{12}\/CloudTrail-Digest\/([^/]+))\//.exec(key) ?? [];
  const publicKey = (await publicKeys(reading, region, digest.digestEndTime)).get(digest.digestPublicKeyFingerprint);
  const signature = (headers.get('x-amz-meta-signature') ?? '').toLowerCase();
  const file = { digest, content, bucket, key, signature };
  const { previousDigestS3Object: before } = digest;
  const isApart = before && cursor.chains[place] !== undefined && cursor.chains[place].object !== before;
  // Its notice may come after this one's: only what is not in the bucket is missing. Only a signed digest leads back.
  if (isApart && cursor.files[nameOf(before)] === undefined && digestFaults(file, publicKey, undefined).length === 0)
    yield* readFile(reading, before);
  const faults = digestFaults(file, publicKey, cursor.chains[place]);
  const faultsBefore = cursor.faults;
  for (const what of faults) fault(reading, `the digest ${key} ${what}`);
  for (const { s3Bucket, s3Object, hashValue } of digest.logFiles) {
    if (s3Bucket !== bucket) continue;
    // What the listing has not met yet (or forgot) is read now.
    if (cursor.files[nameOf(s3Object)] === undefined) yield* readFile(reading, s3Object);
    const held = cursor.files[nameOf(s3Object)];
    if (held && held[1] !== hashValue.toLowerCase())
      fault(reading, `${s3Object} does not hold what its digest says: it was changed`);
  }
  // Only now, with the digest itself: what is read again after a kill must not be told to follow itself.
  cursor.chains[place] = { object: key, hash: sha256Hex(content), signature };
  const isVerified = cursor.faults === faultsBefore;
  if (isVerified) cursor.verified += 1;
  given.say(`digest ${digest.digestEndTime}: ${digest.logFiles.length} files, ${isVerified ? '' : 'NOT '}verified`);
}

async function publicKeys(reading: Reading, region: string, end: string): Promise<ReadonlyMap<string, KeyObject>> {
  const held = reading.keys.get(region);
  if (held) return held;
  const { http, poll, now, say } = reading.given;
  const isAllowed = poll.keys_url !== undefined || poll.regions?.includes(region) === true || (poll.auth.kind === 'aws' && poll.auth.region === region); // prettier-ignore
  if (!isAllowed) say(`Name ${region} in poll.regions, so that its digests can be verified`);
  const from = Math.min(Date.parse(end) || now, now) - 30 * 86_400_000;
  const keys = isAllowed ? await listPublicKeys(http, poll, region, from, now) : new Map<string, KeyObject>();
  reading.keys.set(region, keys);
  return keys;
}

function portionOf(reading: Reading, body: Buffer, write = false): Portion {
  const every = Math.min(WRITE_EVERY, reading.given.poll.max_pages);
  reading.unwritten += 1;
  const cursor = write || reading.unwritten >= every ? structuredClone(reading.cursor) : undefined;
  if (cursor) reading.unwritten = 0;
  return { source: 'aws.cloudtrail', body, cursor };
}

function fault({ cursor, given }: Reading, text: string): void {
  cursor.faults += 1;
  cursor.last_faults = [...cursor.last_faults, `${new Date(given.now).toISOString()} ${text}`].slice(-LAST_FAULTS);
  given.say(`FAULT: ${text}`);
}

// Three overlaps after it was read no listing meets a file again.
function forget({ cursor, given }: Reading, now: number): void {
  const before = now - 3 * Math.max(86_400, given.poll.overlap_seconds ?? OVERLAP_S) * 1_000;
  for (const [name, [read]] of Object.entries(cursor.files)) if (read < before) delete cursor.files[name];
}

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}
