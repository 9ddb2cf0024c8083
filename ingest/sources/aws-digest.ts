import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import type { Micros } from '../../model/time.ts';
import { parseStamp } from '../../model/time.ts';
import type { ParseResult } from './adapter.ts';
import { compact } from './draft.ts';
import { at, getStamp, getString, needId, needStamp, needString, note, partsOf, refusalOf } from './read.ts';
import type { Doc } from './read.ts';

/** An hour of an account rarely has so many; what is beyond is counted. */
const MAX_FILES = 2_000;

/**
 * A digest file of CloudTrail (sources.md 1.8): the log files of an hour, each with the stamps of its oldest and newest
 * event, and the digest before it with its hash. Kept as an event, so that continuity can be judged by it. The signature
 * over it lies in the metadata of its object and does not come with it.
 */
export function parseDigest(record: Doc): ParseResult {
  const account = needId(record, 'awsAccountId');
  const name = needString(record, 'digestS3Object');
  const occurred = needStamp(record, 'digestEndTime');
  const refusal = refusalOf(record);
  if (refusal) return refusal;
  const event: AuditEvent = {
    family: 'aws.cloudtrail',
    source: 'aws.cloudtrail',
    instance: account,
    nativeId: `digest:${name}`,
    dedupeKey: `digest\u0000${name}\u0000${account}`,
    type: 'cloudtrail:Digest',
    occurred,
    action: 'other',
    outcome: 'success',
    actor: { kind: 'system', key: 'aws:user:cloudtrail.amazonaws.com', display: 'CloudTrail' },
    environment: account,
    keys: [],
    edges: [],
    facts: compact<Facts>({ digest: readDigest(record, account, occurred.at) }),
    unread: record.notes.unread,
    content: record.json,
  };
  return { ok: true, events: [event] };
}

function readDigest(record: Doc, account: string, to: Micros): Facts['digest'] {
  const from = getStamp(record, 'digestStartTime')?.at;
  if (from === undefined) return undefined;
  const object = getString(record, 'previousDigestS3Object');
  const sha256 = getString(record, 'previousDigestHashValue');
  const parts = partsOf(record, 'logFiles');
  const files = parts.slice(0, MAX_FILES).flatMap((part) => fileOf(part, account));
  return compact<NonNullable<Facts['digest']>>({
    from,
    to,
    previous: object === undefined || sha256 === undefined ? undefined : { object, sha256 },
    files,
    more: parts.length > MAX_FILES ? parts.length - MAX_FILES : undefined,
  });
}

type File = NonNullable<Facts['digest']>['files'][number];

function fileOf(part: Doc, account: string): readonly File[] {
  const name = getString(part, 's3Object');
  const [oldest, newest] = [secondsAt(part, 'oldestEventTime'), secondsAt(part, 'newestEventTime')];
  if (name === undefined || oldest === undefined || newest === undefined) return [];
  // The digest of an organisation names files of its members; the account stands in the path of each.
  const owner = /(?:^|\/)AWSLogs\/(?:o-[a-z0-9]+\/)?(\d{12})\//.exec(name)?.[1];
  return [{ name, account: owner ?? account, oldest, newest }];
}

function secondsAt(part: Doc, field: string): number | undefined {
  const text = at(part.json, field);
  const stamp = typeof text === 'string' ? parseStamp(text) : undefined;
  if (!stamp) note(part, field);
  return stamp && Math.floor(stamp.at / 1_000_000);
}
