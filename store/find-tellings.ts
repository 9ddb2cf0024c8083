import { z } from 'zod';
import type { Micros } from '../model/time.ts';
import type { Reader } from './query.ts';

/** One form in which a happening was told, as it is held. */
export interface Telling {
  readonly ref: bigint;
  readonly eventId: string;
  /** Of what both forms say alike, with the name of this form: 32 hex digits. */
  readonly digest: string;
  readonly nativeId: string;
  readonly at: Micros;
  /** Counted by itself; otherwise another telling of the event at `firstRef`. */
  readonly accepted: boolean;
  readonly firstRef: bigint;
  /** Keys and facts as they are stored: JSON. */
  readonly keys: string;
  readonly facts: string;
}

/** Which tellings may be of the happenings of a slice: their digests, both forms, and the stretch that they lie in. */
export interface TellingsQuestion {
  readonly digests: readonly string[];
  readonly from: Micros;
  readonly to: Micros;
  /** References between which they stand, ends included: one partition, for only there the order is the same for ever. */
  readonly firstRef: bigint;
  readonly lastRef: bigint;
}

const row = z.object({
  ref: z.string(),
  event_id: z.string(),
  digest: z.string(),
  native_id: z.string(),
  at_us: z.string().transform(Number),
  accepted: z.coerce.boolean(),
  first_ref: z.string(),
  keys: z.string(),
  facts: z.string(),
});

/** The tellings of some digests; conflicts are none. */
export async function findTellings(reader: Reader, tenant: string, question: TellingsQuestion): Promise<Telling[]> {
  const sql = `SELECT toString(ref) AS ref, toString(event_id) AS event_id, lower(hex(content_hash)) AS digest, native_id,
  toString(toUnixTimestamp64Micro(occurred_at)) AS at_us, toUInt8(disposition = 'accepted') AS accepted, toString(first_ref) AS first_ref, keys, facts
FROM events
WHERE tenant = {tenant:String} AND events.ref BETWEEN {first:UInt64} AND {last:UInt64} AND disposition IN ('accepted', 'duplicate')
  AND occurred_at BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})
  AND content_hash IN (SELECT unhex(arrayJoin({digests:Array(String)})))
ORDER BY events.ref`;
  const params = {
    tenant,
    first: String(question.firstRef),
    last: String(question.lastRef),
    from: question.from,
    to: question.to,
    digests: question.digests,
  };
  return (await reader.read({ sql, params, row })).map((found) => ({
    ref: BigInt(found.ref),
    eventId: found.event_id,
    digest: found.digest,
    nativeId: found.native_id,
    at: found.at_us,
    accepted: found.accepted,
    firstRef: BigInt(found.first_ref),
    keys: found.keys,
    facts: found.facts,
  }));
}
