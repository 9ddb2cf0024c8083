import { canonicalJson } from '../../model/canonical-json.ts';
import type { ConsistencyProof, HeadProof, LeafProof, LogKeys } from '../../ledger/evidence.ts';
import type { PackFolder } from './pack-folder.ts';
import { pretty } from './json.ts';

/** A record as a pack carries it: all that its leaf is computed from (reliability.md 2.2). */
export interface PackRecord {
  /** The tree of its partition, and its place in it. */
  readonly origin: string;
  readonly index: number;
  readonly source_epoch: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Time of the log, milliseconds since 1970 UTC. */
  readonly timestamp_ms: number;
  readonly type: 'record';
  /** Hex. */
  readonly salt: string;
  /** Base64. */
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The names of the events that were derived from it and that this pack speaks of. */
  readonly events: readonly string[];
}

/** The signed log as a pack needs it. One checkpoint for the whole pack: all proofs lead to it. */
export interface PackLedger {
  readonly keys: LogKeys;
  /** A signed note; absent where nothing was signed yet. */
  readonly checkpoint?: string;
  readonly heads: readonly HeadProof[];
  /** From checkpoints that others hold to this one. */
  readonly consistency: readonly ConsistencyProof[];
  /** The records behind events, each once, with its proof; events that are not known or not proved yet are left out. */
  records(events: readonly string[]): AsyncIterable<{ readonly record: PackRecord; readonly proof?: LeafProof }>;
  /** A text as a note signed by the key of the log. */
  sign(text: string): string;
}

/** Records of so many events go into a pack; the report says so where there are more. */
export const MAX_EVENTS = 50_000;

/** Writes keys, checkpoint, heads and consistency proofs, and the records behind events with their proofs. */
export async function writeLedger(folder: PackFolder, ledger: PackLedger, events: readonly string[]): Promise<void> {
  await folder.write('ledger/keys.json', 'keys', pretty(ledger.keys));
  if (ledger.checkpoint === undefined) return;
  await folder.write('ledger/checkpoint.txt', 'checkpoint', ledger.checkpoint);
  await folder.write('ledger/heads.json', 'heads', pretty(ledger.heads));
  await folder.write('ledger/consistency.json', 'consistency', pretty(ledger.consistency));
  const records = await folder.open('evidence/records.ndjson', 'records');
  const proofs = await folder.open('ledger/proofs.ndjson', 'proofs');
  const shown = new Set<string>();
  let count = 0;
  for await (const { record, proof } of ledger.records(events.slice(0, MAX_EVENTS))) {
    if (!proof) continue;
    count += 1;
    for (const event of record.events) shown.add(event);
    await records.row(`${canonicalJson(record)}\n`);
    await proofs.row(`${canonicalJson(proof)}\n`);
  }
  await records.close();
  await proofs.close();
  await folder.write('evidence/summary.json', 'evidence_summary', pretty(summaryOf(events, shown, count)));
}

const MAX_NAMED = 1_000;

/** What of the evidence is here, and what is not: nothing is left out silently. */
function summaryOf(events: readonly string[], shown: ReadonlySet<string>, records: number): object {
  const missing = events.filter((event) => !shown.has(event));
  return {
    events_named: events.length,
    records,
    events_without_record: missing.length,
    why: `A record is not here if the checkpoint does not cover it yet, if the name is not of an event that is held, or beyond ${MAX_EVENTS} events.`,
    first_without_record: missing.slice(0, MAX_NAMED),
  };
}
