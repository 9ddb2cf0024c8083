import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { keysOfMessage } from '../../../ingest/pollers/cloudtrail-files.ts';
import { POLL_NOW, createPollHarness, pollSource } from '../../support/poll-harness.ts';
import type { PollHarness } from '../../support/poll-harness.ts';
import { seeded } from '../../support/random.ts';
import { trailApi } from '../../support/scripted-trail.ts';
import type { ScriptedTrail } from '../../support/scripted-trail.ts';
import { BADLY_BEHAVED, startScriptedServer } from '../../support/scripted-server.ts';
import type { Misbehaviour, ScriptedServer } from '../../support/scripted-server.ts';

const HOUR = 3_600_000;
const ID = 'aws.cloudtrail/111122223333';

let server: ScriptedServer;
afterEach(() => server.close());

/** A trail of four hours: two files of five events an hour, and a digest over each. */
function fill(trail: ScriptedTrail): { readonly files: string[]; readonly digests: string[] } {
  const files: string[] = [];
  const digests: string[] = [];
  for (let hour = 4; hour > 0; hour -= 1) {
    files.push(trail.addFile(POLL_NOW - hour * HOUR, 5), trail.addFile(POLL_NOW - hour * HOUR + HOUR / 2, 5));
    digests.push(trail.addDigest(POLL_NOW - (hour - 1) * HOUR));
  }
  return { files, digests };
}

async function pollOf(
  trail: ScriptedTrail,
  more: object = {},
  misbehaviour?: Misbehaviour,
): Promise<PollHarness & { once: () => Promise<string[]> }> {
  server = await startScriptedServer(trail.script, { seed: 3, ...(misbehaviour && { misbehaviour }) });
  const harness = createPollHarness([pollSource('aws.cloudtrail', server.url, { bucket: 'acme-trail', keys_url: `${server.url}/`, from: '2026-08-19T00:00:00Z', ...more })]); // prettier-ignore
  const once = async (): Promise<string[]> => {
    const said: string[] = [];
    await harness.service.once(ID, (step) => void ('say' in step && said.push(step.say)));
    return said;
  };
  return { ...harness, once };
}

const stateOf = ({ service }: PollHarness) =>
  service.views()[0]?.cursor as { verified: number; faults: number; last_faults: string[] };

const idsIn = ({ log }: PollHarness): string[] =>
  log
    .all()
    .map((record) => (JSON.parse(record.value.toString('utf8')) as { eventID?: string }).eventID ?? 'digest')
    .toSorted();

function truth(trail: ScriptedTrail, digests: number): string[] {
  return [
    ...trail.events.map((event) => String(event['eventID'])),
    ...Array.from({ length: digests }, () => 'digest'),
  ].toSorted();
}

describe('CloudTrail from the bucket', () => {
  test('every file is read once and every digest verified, also on a server that misbehaves', async () => {
    const trail = trailApi();
    fill(trail);
    const harness = await pollOf(trail, { max_pages: 5 }, BADLY_BEHAVED);
    for (let tries = 0; tries < 3; tries += 1) await harness.once().catch(() => undefined);
    expect(stateOf(harness)).toMatchObject({ verified: 4, faults: 0, last_faults: [] });
    // A file that comes late has an older name than what was read.
    trail.addFile(POLL_NOW - 3 * HOUR, 2);
    trail.addDigest(POLL_NOW + HOUR);
    harness.at(POLL_NOW + 2 * HOUR);
    for (let tries = 0; tries < 3; tries += 1) await harness.once().catch(() => undefined);
    expect(stateOf(harness)).toMatchObject({ verified: 5, faults: 0 });
    expect(idsIn(harness)).toEqual(truth(trail, 5));
  });

  const change = (trail: ScriptedTrail, key: string, edit: (text: string) => string): void => {
    const stored = trail.objects.get(key);
    if (stored) stored.bytes = gzipSync(edit(gunzipSync(stored.bytes).toString('utf8')));
  };

  test.each([
    [
      'a log file that was changed',
      /does not hold what its digest says/,
      (trail: ScriptedTrail, at: ReturnType<typeof fill>) =>
        change(trail, at.files[2] ?? '', (text) => text.replace('ListBuckets', 'DeleteTrail')),
    ],
    [
      'a log file that was taken out',
      /is not in the bucket/,
      (trail: ScriptedTrail, at: ReturnType<typeof fill>) => void trail.objects.delete(at.files[3] ?? ''),
    ],
    [
      'a digest that was changed',
      /signature that does not fit/,
      (trail: ScriptedTrail, at: ReturnType<typeof fill>) =>
        change(trail, at.digests[1] ?? '', (text) => text.replace(/"hashValue":"./, '"hashValue":"0')),
    ],
    [
      'a digest that was taken out',
      /one is missing/,
      (trail: ScriptedTrail, at: ReturnType<typeof fill>) => void trail.objects.delete(at.digests[1] ?? ''),
    ],
    [
      'a digest without its signature',
      /signature that does not fit/,
      (trail: ScriptedTrail, at: ReturnType<typeof fill>) =>
        void trail.objects.set(at.digests[0] ?? '', {
          bytes: trail.objects.get(at.digests[0] ?? '')?.bytes ?? Buffer.alloc(0),
          headers: {},
        }),
    ],
    [
      'a digest that is none',
      /is no digest file/,
      (trail: ScriptedTrail, at: ReturnType<typeof fill>) =>
        change(trail, at.digests[3] ?? '', () => '{"digestStartTime":"x"}'),
    ],
  ])('%s is told, kept, and keeps nothing else from being read', async (_name, what, harm) => {
    const trail = trailApi();
    const at = fill(trail);
    harm(trail, at);
    const harness = await pollOf(trail);
    const said = await harness.once();
    expect(said.join('\n')).toMatch(what);
    expect(stateOf(harness).faults).toBeGreaterThan(0);
    expect(stateOf(harness).last_faults.join('\n')).toMatch(what);
    expect(stateOf(harness).verified).toBeLessThan(4);
    expect(harness.log.all().length).toBeGreaterThanOrEqual(4 * 10 + 4 - 6);
    // It is told once, not in each round.
    const { faults } = stateOf(harness);
    await harness.once();
    expect(stateOf(harness).faults).toBe(faults);
  });

  test('by the messages of a queue, which are deleted only when what they name is durable', async () => {
    const trail = trailApi();
    fill(trail);
    trail.queue.push({ body: 'no notice', handle: 'bad' });
    server = await startScriptedServer(trail.script);
    const harness = createPollHarness([
      pollSource('aws.cloudtrail', server.url, { bucket: 'acme-trail', queue_url: `${server.url}/111122223333/trail`, keys_url: `${server.url}/` }),
    ]); // prettier-ignore
    harness.log.break(true);
    await expect(harness.service.once(ID, () => undefined)).rejects.toThrow();
    expect(trail.queue.length).toBe(13);
    harness.log.break(false);
    const said: string[] = [];
    await harness.service.once(ID, (step) => void ('say' in step && said.push(step.say)));
    expect(trail.queue.map(({ handle }) => handle)).toEqual(['bad']);
    expect(said.join()).toContain('no notice of a file');
    expect(idsIn(harness)).toEqual(truth(trail, 4));
    expect(stateOf(harness)).toMatchObject({ verified: 4, faults: 0, last_faults: [] });
  });

  test.each([1, 2, 3])('a queue that reorders and repeats, on a server that misbehaves: 0 lost, 0 twice, digests verified, seed %i', async (seed) => {
    const trail = trailApi(seeded(seed));
    // The first digest is known: from here on a digest whose notice comes before its predecessor's is no fault.
    trail.addFile(POLL_NOW - 5 * HOUR, 5);
    trail.addDigest(POLL_NOW - 4 * HOUR);
    server = await startScriptedServer(trail.script, { seed, misbehaviour: BADLY_BEHAVED });
    const harness = createPollHarness([pollSource('aws.cloudtrail', server.url, { bucket: 'acme-trail', queue_url: `${server.url}/111122223333/trail`, keys_url: `${server.url}/`, max_pages: 5 })]);
    const untilEmpty = async (): Promise<void> => {
      for (let tries = 0; tries < 9; tries += 1) await harness.service.once(ID, () => undefined).catch(() => undefined);
      expect(trail.queue).toEqual([]);
    };
    await untilEmpty();
    fill(trail);
    await untilEmpty();
    expect(stateOf(harness)).toMatchObject({ verified: 5, faults: 0, last_faults: [] });
    expect(idsIn(harness)).toEqual(truth(trail, 5));
    for (const name of ['throttles', 'fails'] as const) expect(server.counts[name]).toBeGreaterThan(0);
  }); // prettier-ignore

  test('messages: S3, SNS around it, CloudTrail by SNS; other buckets and other files are none of ours', () => {
    const key = 'AWSLogs/111122223333/CloudTrail/eu-central-1/2026/08/20/a.json.gz';
    const s3 = (bucket: string, name: string): string =>
      JSON.stringify({ Records: [{ s3: { bucket: { name: bucket }, object: { key: name } } }] });
    expect(keysOfMessage(s3('b', encodeURIComponent(key)), 'b')).toEqual([key]);
    expect(keysOfMessage(JSON.stringify({ Type: 'Notification', Message: s3('b', key) }), 'b')).toEqual([key]);
    expect(keysOfMessage(JSON.stringify({ s3Bucket: 'b', s3ObjectKey: [key] }), 'b')).toEqual([key]);
    expect(keysOfMessage(s3('other', key), 'b')).toEqual([]);
    expect(keysOfMessage(s3('b', '../../etc/passwd'), 'b')).toEqual([]);
    expect(keysOfMessage(JSON.stringify({ Event: 's3:TestEvent' }), 'b')).toEqual([]);
    for (const text of ['', '{}', '[]', 'null', '{"Records":[{}]}']) expect(keysOfMessage(text, 'b')).toBeUndefined();
  });
});
