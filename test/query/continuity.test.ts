import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scanDelivery } from '../../ingest/intake/json-scan.ts';
import { scanOptionsOf } from '../../ingest/intake/prepare.ts';
import { awsCloudtrail } from '../../ingest/sources/aws-cloudtrail.ts';
import type { AuditEvent } from '../../model/event.ts';
import { policySchema } from '../../model/policy.ts';
import type { Policy } from '../../model/policy.ts';
import { parseStamp } from '../../model/time.ts';
import { readSources } from '../../query/sources.ts';
import type { SourcesQuestion } from '../../query/sources.ts';
import { duration, sourcesText } from '../../query/sources-text.ts';
import type { SourceState } from '../../model/control.ts';
import { openStore } from '../../store/clickhouse.ts';
import type { Store } from '../../store/clickhouse.ts';
import { cloudtrailEvent, cloudtrailRecord } from '../support/cloudtrail-records.ts';
import { fillStore } from '../support/fill-store.ts';
import { emptyStore, testWorker } from '../support/ingest-harness.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { told } from '../support/worked-chains.ts';

let folder: Awaited<ReturnType<typeof tempFolder>>;
let store: Store;

beforeAll(async () => {
  folder = await tempFolder();
  store = await openStore({ folder: folder.path });
}, 30_000);
beforeEach(() => emptyStore(store));
afterAll(async () => {
  await store.close();
  await folder.remove();
});

const us = (text: string): number => parseStamp(text)?.at ?? Number.NaN;
const day = (time: string): string => `2026-03-01T${time}Z`;
const policyOf = (...sources: object[]): Policy => policySchema.parse({ tenant: 'acme', sources });
const fill = (events: readonly AuditEvent[], received?: (event: AuditEvent) => number): Promise<void> =>
  fillStore(store, events, { tenant: 'acme', folder: folder.path, ...(received ? { received } : {}) });
async function state(policy: Policy, question: SourcesQuestion = {}, at = 0): Promise<SourceState> {
  const found = (await readSources(store.reader, policy, question))[at];
  if (!found) throw new Error('no source');
  return found;
}
const gapsOf = ({ gaps }: SourceState): readonly string[] =>
  gaps.map(({ from, to, reason, kind }) => `${kind} ${from.slice(11, 19)} ${to.slice(11, 19)} ${reason}`);

describe('a dense counter', () => {
  const event = (sequence: number | bigint, time: string, id = `e${sequence}`, source = 'a'): AuditEvent => ({ ...told({ id, family: 'ce', at: day(time), action: 'token.issue', sequence: String(sequence), keys: [] }), instance: source }); // prettier-ignore
  const ce = { family: 'ce', instance: 'a', integrity: 'dense_seq' };

  test('missing, repeated and begun anew; a later delivery of the same event repeats nothing', async () => {
    await fill([
      event(7_001, '10:00:00'),
      event(7_002, '10:00:01'),
      event(7_002, '10:00:01'), // delivered twice
      event(7_005, '10:00:03'),
      event(7_004, '10:00:04'), // numbers of two writers, out of order by a moment
      event(7_004, '10:00:05', 'another'),
      event(1, '11:00:00'),
      event(2, '11:00:01'),
      event(5, '11:00:02'),
    ]);
    const found = await state(policyOf(ce));
    expect(gapsOf(found)).toEqual([
      'sequence 10:00:01 10:00:04 the source counted on, but number 7003 never came',
      'sequence 11:00:01 11:00:02 the source counted on, but numbers 3 to 4 never came',
      'sequence 10:00:04 11:00:00 the counter began anew at 1 after 7005; whether more came before that cannot be known',
    ]);
    expect(found.continuity?.sequence).toEqual({ first: '7001', last: '5', received: 7, missing: 3, repeated: ['7004'], resets: 1 }); // prettier-ignore
    expect((await state(policyOf({ ...ce, first_sequence: 6_999 }))).gaps[0]?.reason).toContain('6999 to 7000');
  });

  test('numbers of twenty digits, two sources side by side, and one that is not dense', async () => {
    const large = 18_446_744_073_709_551_000n;
    await fill([event(large, '10:00:00'), event(large + 2n, '10:00:01'), event(1, '10:00:00', 'x', 'b'), event(9, '10:00:02', 'y', 'b')]); // prettier-ignore
    const policy = policyOf(ce, { family: 'ce', instance: 'b' });
    expect(gapsOf(await state(policy))).toEqual([`sequence 10:00:00 10:00:01 the source counted on, but number ${large + 1n} never came`]); // prettier-ignore
    expect(await state(policy, {}, 1)).toMatchObject({ gaps: [], integrity: 'none' });
  });

  test('what was received later than the as-of is missing as of then', async () => {
    await fill([event(1, '10:00:00'), event(2, '10:00:01'), event(3, '10:00:02')], (one) => us(day(one.sequence === '2' ? '12:00:00' : '10:00:05'))); // prettier-ignore
    expect(gapsOf(await state(policyOf(ce), { asOf: us(day('11:00:00')) }))).toHaveLength(1);
    expect(gapsOf(await state(policyOf(ce), { asOf: us(day('12:00:01')) }))).toEqual([]);
  });
});

describe('pace and lateness', () => {
  const event = (time: string, family: 'okta.log' | 'hoop' = 'okta.log', instance = 'acme'): AuditEvent => ({ ...told({ id: `${family}${instance}${time}`, family, at: day(time), action: 'session.login', keys: [] }), instance }); // prettier-ignore
  const beat = { family: 'okta.log', instance: 'acme', integrity: 'heartbeat', expected_interval_s: 600, lateness_s: 60 }; // prettier-ignore

  test('each source is held to its own interval, and a source that fell silent is seen to be', async () => {
    await fill([event('10:00:00'), event('10:10:00'), event('10:20:01'), event('10:00:00', 'okta.log', 'slow'), event('11:00:00', 'okta.log', 'slow')]); // prettier-ignore
    const policy = policyOf(beat, { ...beat, instance: 'slow', expected_interval_s: 3_600 });
    const between = 'silence 10:10:00 10:20:01 nothing came for more than 600 s';
    expect(gapsOf(await state(policy))).toEqual([between]);
    expect(gapsOf(await state(policy, {}, 1))).toEqual([]);
    // Ten minutes and the minute that an event may be late.
    expect(gapsOf(await state(policy, { asOf: us(day('10:31:01')) }))).toEqual([between]);
    const later = await state(policy, { asOf: us(day('10:31:02')), detail: true });
    expect(gapsOf(later)).toEqual([between, 'silence 10:20:01 10:31:02 nothing came for more than 600 s']);
    expect(later.continuity?.pace).toMatchObject({ basis: 'policy', interval_s: 600, longest_silence_s: 601, silent_s: 661 }); // prettier-ignore
    // What comes after the period that is judged is not held against it.
    expect(gapsOf(await state(policy, { asOf: us(day('18:00:00')), until: us(day('10:30:00')) }))).toEqual([between]);
    expect(gapsOf(await state(policy, { asOf: us(day('18:00:00')), until: us(day('10:30:02')) }))).toHaveLength(2);
  });

  test('without an interval a source has its own rhythm, and an unusual silence is told and is no gap', async () => {
    const times = Array.from({ length: 200 }, (_, minute) => event(`${String(8 + Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}:00`, 'hoop')); // prettier-ignore
    await fill([...times, event('23:00:00', 'hoop')]);
    const found = await state(policyOf(), { detail: true });
    expect(found.gaps).toEqual([]);
    expect(found.continuity?.pace).toEqual({ basis: 'rhythm', interval_s: 60, longest_silence_s: 42_060, longest_silence_from: '2026-03-01T11:19:00.000000Z', unusual: 1 }); // prettier-ignore
    expect((await state(policyOf(), { detail: true, to: us(day('12:00:00')) })).continuity?.pace?.unusual).toBe(0);
  });

  test('percentiles of lateness, the same whatever the order; a clock that is ahead counts as no lateness', async () => {
    const events = Array.from({ length: 100 }, (_, index) => event(`10:${String(index % 60).padStart(2, '0')}:${String(Math.floor(index / 2)).padStart(2, '0')}`)); // prettier-ignore
    const late = new Map(events.map((one, index) => [one, index === 0 ? -5_000_000 : (index + 1) * 1_000_000]));
    await fill(events, (one) => one.occurred.at + (late.get(one) ?? 0));
    const { lateness } = (await state(policyOf(), { detail: true })).continuity ?? {};
    expect(lateness?.events).toBe(100);
    expect(lateness?.max_s).toBe(100);
    for (const [level, seconds] of [['p50_s', 50], ['p95_s', 95], ['p99_s', 99]] as const) {
      expect(Math.abs((lateness?.[level] ?? 0) - seconds), level).toBeLessThanOrEqual(2);
    } // prettier-ignore
    await emptyStore(store);
    await fill(events.toReversed(), (one) => one.occurred.at + (late.get(one) ?? 0));
    expect((await state(policyOf(), { detail: true })).continuity?.lateness).toEqual(lateness);
  });
});

describe('a second pull', () => {
  const audit = (id: number, time: string, source: 'gitlab.audit-stream' | 'gitlab.audit-rest'): AuditEvent => ({ ...told({ id: String(id), family: 'gitlab.audit', at: day(time), action: 'config.change', keys: [] }), source, instance: 'git' }); // prettier-ignore
  const both = (id: number, time: string): readonly AuditEvent[] => [audit(id, time, 'gitlab.audit-stream'), audit(id, time, 'gitlab.audit-rest')]; // prettier-ignore
  const entry = { family: 'gitlab.audit', instance: 'git', lateness_s: 900, reconcile_with: 'gitlab.audit-rest' };

  test('what was saved and never streamed is a gap; what is recent may still come; history is none', async () => {
    await fill([
      audit(1, '08:00:00', 'gitlab.audit-rest'), // before the stream was set up
      ...both(2, '09:00:00'),
      audit(3, '10:00:00', 'gitlab.audit-rest'),
      audit(4, '10:05:00', 'gitlab.audit-rest'),
      ...both(5, '11:00:00'),
      audit(6, '11:30:00', 'gitlab.audit-stream'), // only streamed: not saved
      audit(7, '12:00:00', 'gitlab.audit-rest'),
    ]);
    const first = 'reconciliation 10:00:00 10:05:00 2 saved events (the first 3) were never streamed; a second pull holds what the stream left out'; // prettier-ignore
    const early = await state(policyOf(entry), { asOf: us(day('12:10:00')) });
    expect(gapsOf(early)).toEqual([first]);
    expect(early.continuity?.reconciliation).toEqual({ saved: 5, confirmed: 2, missing: 2, pending: 1, until: '2026-03-01T12:00:00.000000Z' }); // prettier-ignore
    expect(gapsOf(await state(policyOf(entry)))).toHaveLength(2);
    expect(sourcesText([early])).toContain('5 saved: 2 streamed too, 2 never streamed, 1 may still come');
  });

  test('is made only where the policy asks for it; a stream that never spoke lacks everything', async () => {
    await fill([audit(1, '08:00:00', 'gitlab.audit-rest')]);
    const { reconcile_with: _, ...plain } = entry;
    expect((await state(policyOf(plain))).continuity).toBeUndefined();
    expect(gapsOf(await state(policyOf(entry)))).toHaveLength(1);
  });
});

describe('digests of CloudTrail', () => {
  const ACCOUNT = '111122223333';
  const object = (hour: number, kind = ''): string => `AWSLogs/${ACCOUNT}/CloudTrail-Digest/eu-west-1/2026/01/05/${ACCOUNT}_CloudTrail-Digest_eu-west-1_trail_eu-west-1_20260105T${String(hour).padStart(2, '0')}0000Z${kind}.json.gz`; // prettier-ignore
  const file = (name: string, oldest: string, newest: string): object => ({ s3Bucket: 'trail', s3Object: `AWSLogs/${ACCOUNT}/CloudTrail/eu-west-1/2026/01/05/${name}.json.gz`, hashValue: sha('x'), hashAlgorithm: 'SHA-256', oldestEventTime: oldest, newestEventTime: newest }); // prettier-ignore
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const digest = (hour: number, previous: string | null, logFiles: readonly object[] = []): Record<string, unknown> => ({
    awsAccountId: ACCOUNT,
    digestStartTime: `2026-01-05T${String(hour - 1).padStart(2, '0')}:00:00Z`,
    digestEndTime: `2026-01-05T${String(hour).padStart(2, '0')}:00:00Z`,
    digestS3Bucket: 'trail',
    digestS3Object: object(hour),
    digestPublicKeyFingerprint: sha('key').slice(0, 32),
    digestSignatureAlgorithm: 'SHA256withRSA',
    previousDigestS3Bucket: previous === null ? null : 'trail',
    previousDigestS3Object: previous === null ? null : object(hour - 1),
    previousDigestHashValue: previous === null ? null : sha(previous),
    previousDigestHashAlgorithm: previous === null ? null : 'SHA-256',
    previousDigestSignature: previous === null ? null : sha('a').repeat(8),
    logFiles,
  }); // prettier-ignore
  const policy = policyOf({ family: 'aws.cloudtrail', instance: ACCOUNT, integrity: 'signed_digest', lateness_s: 3_600 }); // prettier-ignore

  async function keep(records: readonly Record<string, unknown>[]): Promise<void> {
    const log = createMemoryLog();
    await log.append('aws.cloudtrail', ACCOUNT, records.map((record) => ({ ...cloudtrailRecord({ eventTime: record['digestEndTime'] ?? record['eventTime'], ...record }), value: Buffer.from(JSON.stringify(record)) }))); // prettier-ignore
    const worker = testWorker(store, log, folder.path, { policy, restMs: 0 });
    await worker.start();
    await worker.idle();
    await worker.stop();
  }

  test('a redaction takes nothing out of a digest, so that its hash can be compared', () => {
    const text = JSON.stringify(digest(2, 'x', [file('one', '2026-01-05T00:00:01Z', '2026-01-05T00:00:02Z')]));
    const scanned = scanDelivery(Buffer.from(text), scanOptionsOf({ policy }, awsCloudtrail));
    expect(scanned.ok && scanned.elements.map(({ value, redactions }) => [value.toString(), redactions])).toEqual([[text, []]]); // prettier-ignore
  });

  test('each follows the one it names; another hash, one that never came, and files that never came are gaps', async () => {
    const calls = [0, 3, 6].map((index) => cloudtrailEvent(index, { recipientAccountId: ACCOUNT }));
    const [oldest, middle, newest] = calls.map((call) => String(call['eventTime']));
    const came = file('came', oldest ?? '', newest ?? '');
    const half = file('half', middle ?? '', '2026-01-05T00:30:00Z');
    const one = digest(1, null, [came, half]);
    const two = digest(2, JSON.stringify(one));
    const three = digest(3, 'something else');
    const five = digest(5, 'whatever');
    await keep([...calls, one, two, three, five]);
    const found = await state(policy);
    expect(gapsOf(found)).toEqual([
      `digest 01:00:00 02:00:00 the digest ${object(2).split('/').at(-1)} is not the one that its successor names: its hash differs`,
      `digest 03:00:00 04:00:00 the digest ${object(4).split('/').at(-1)} never came, nor what only it names`,
      `digest 00:00:05 00:30:00 the digest names the log file half.json.gz, of which no event came`,
    ]);
    expect(found.continuity?.digests).toMatchObject({ held: 4, files: 2, files_missing: 1, chained: 1, predecessors_missing: 1, predecessors_other: 1 }); // prettier-ignore
    // Within the lateness of the source a file may still come.
    const early = await state(policy, { asOf: us('2026-01-05T01:59:00Z') });
    expect(gapsOf(early).filter((gap) => gap.includes('log file'))).toEqual([]);
  });
});

describe('the log', () => {
  test('what it lost lies between the arrivals around it; markers of transactions are no loss', async () => {
    const log = createMemoryLog();
    const records = Array.from({ length: 6 }, (_, index) => cloudtrailRecord(cloudtrailEvent(index * 3)));
    await log.append('aws.cloudtrail', 'a', records.slice(0, 3));
    log.skip('aws.cloudtrail', 2);
    await log.append('aws.cloudtrail', 'a', records.slice(3));
    const worker = testWorker(store, log, folder.path, { restMs: 0 });
    await worker.start();
    await worker.idle();
    await worker.stop();
    const policy = policyOf({ family: 'aws.cloudtrail', instance: '111122223333' });
    expect(gapsOf(await state(policy))).toEqual([]);
    await store.writer.run("INSERT INTO gaps SELECT topic, source_epoch, partition, first_offset, last_offset, 'undecodable', leaf, ingested_at FROM gaps"); // prettier-ignore
    const around = records.slice(2, 4).map(({ timestampMs }) => new Date(timestampMs).toISOString().slice(11, 19));
    expect(gapsOf(await state(policy))).toEqual([`log ${around.join(' ')} the log skipped 3 to 4: undecodable`]);
    expect(gapsOf(await state(policy, { asOf: us('2026-01-05T00:00:01Z') }))).toEqual([]);
  });
});

test('durations are told in their two largest units', () => {
  expect([0.44, 59, 61, 3_600, 90_061].map(duration)).toEqual(['0.4 s', '59 s', '1 min 1 s', '1 h', '1 d 1 h']);
});
