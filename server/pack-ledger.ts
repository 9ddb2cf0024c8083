import type { ConsistencyProof, HeadProof, LeafProof } from '../ledger/evidence.ts';
import { logOriginOf, parseCheckpoint } from '../ledger/checkpoint.ts';
import { parseNote, signNote } from '../ledger/note.ts';
import { Problem } from '../model/problem.ts';
import { positionOf } from '../model/position.ts';
import { NO_AS_OF_MS } from '../query/chains/load-graph.ts';
import { readEventsNamed } from '../query/chains/read-events.ts';
import { coveringCheckpoint } from '../query/log/covering.ts';
import { proveConsistency } from '../query/log/prove.ts';
import { checkSigned } from '../query/log/signed-checkpoint.ts';
import type { PackLedger, PackRecord } from '../reports/pack/ledger-files.ts';
import { findReceivedEnds, findRecordBytes } from '../store/queries/find-record-bytes.ts';
import type { RecordBytesRow } from '../store/queries/find-record-bytes.ts';
import type { Reader } from '../store/query.ts';
import { findHead } from '../store/trees/heads.ts';
import type { SignedCheckpoint, TreeHead } from '../store/trees/heads.ts';
import { readInclusion, readInclusions } from '../store/trees/proofs.ts';
import { readStepsAcross } from '../store/trees/steps.ts';
import type { TreeStep } from '../store/trees/steps.ts';
import type { LogHolder } from './log-holder.ts';

export interface PackLedgerDeps {
  readonly reader: Reader;
  readonly tenant: string;
  readonly holder: Pick<LogHolder, 'key' | 'signsAs' | 'published' | 'trusted' | 'signed'>;
}

/** Events that are asked for at once, and records whose proofs are made at once. */
const NAMES_AT_ONCE = 2_000;
const RECORDS_AT_ONCE = 200;

/**
 * The signed log as a pack needs it, as of a moment: against the first checkpoint that covers all that was received by
 * then (and is not smaller than the one that a reader kept), so that the same report later has the same proofs; without one
 * where it is not known who signs. Throws
 * `invalid_request` if the checkpoint that was kept is not of this log.
 */
export async function readPackLedger(deps: PackLedgerDeps, asOfMs: number, held?: string): Promise<PackLedger> {
  const { reader, tenant, holder } = deps;
  const origin = logOriginOf(tenant);
  await holder.signed();
  const kept = held === undefined ? undefined : heldSize(held, origin);
  const ends = await reader.read(findReceivedEnds(tenant, asOfMs));
  const { trusted } = holder;
  const covering = trusted && (await coveringCheckpoint(reader, ends, kept ?? 0));
  const checkpoint = trusted && covering && checkSigned(covering, trusted);
  const heads = new Map<string, TreeHead>();
  for (const tree of checkpoint ? ends : []) {
    const head = await findHead(reader, tree, checkpoint?.size ?? 0, 0);
    if (head) heads.set(`${tree.topic}/${tree.partition}`, head);
  }
  return {
    keys: holder.published,
    ...(checkpoint === undefined ? {} : { checkpoint: checkpoint.note }),
    heads: checkpoint ? await proveHeads(reader, [...heads.values()], checkpoint) : [],
    consistency: checkpoint && kept !== undefined ? [await fromHeld(deps, kept, checkpoint.size)] : [],
    records: (events) => readRecords(deps, heads, events),
    sign: (text) => signNote(text, holder.signsAs, holder.key.privateKey),
  };
}

async function proveHeads(
  reader: Reader,
  heads: readonly TreeHead[],
  checkpoint: SignedCheckpoint,
): Promise<readonly HeadProof[]> {
  const proofs: HeadProof[] = [];
  for (const { origin, size, root, place } of heads) {
    const path = await readInclusion(reader, 'checkpoints', checkpoint.size, place);
    proofs.push({ origin, size, root: root.toString('hex'), index: place, path: toHex(path) });
  }
  return proofs.toSorted((a, b) => (a.origin < b.origin ? -1 : 1));
}

async function fromHeld({ reader, tenant }: PackLedgerDeps, kept: number, size: number): Promise<ConsistencyProof> {
  try {
    return await proveConsistency(reader, tenant, 'checkpoints', kept, size);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'not_found') throw error;
    throw new Problem('invalid_request', `The log never signed a checkpoint of size ${kept}, as the one given is.`);
  }
}

function heldSize(note: string, origin: string): number {
  const text = parseNote(note)?.text;
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  if (checkpoint?.origin !== origin)
    throw new Problem('invalid_request', `The checkpoint given is no signed checkpoint of ${origin}.`);
  return checkpoint.size;
}

/** Records in the order of the log, partition by partition, each with its proof against the head of its partition. */
async function* readRecords(
  { reader, tenant }: PackLedgerDeps,
  heads: ReadonlyMap<string, TreeHead>,
  names: readonly string[],
): AsyncGenerator<{ record: PackRecord; proof?: LeafProof }, void, undefined> {
  const places = new Map<string, Map<number, Set<string>>>();
  for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
    for (const event of await readEventsNamed(reader, tenant, names.slice(at, at + NAMES_AT_ONCE), NO_AS_OF_MS)) {
      const { topic, partition, offset } = positionOf(BigInt(event.ref));
      const tree = `${topic}/${partition}`;
      const offsets = places.get(tree) ?? new Map<number, Set<string>>();
      offsets.set(offset, (offsets.get(offset) ?? new Set()).add(event.event));
      places.set(tree, offsets);
    }
  }
  for (const [tree, offsets] of [...places].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const head = heads.get(tree);
    if (!head) continue;
    const sorted = [...offsets.keys()].toSorted((a, b) => a - b);
    for (let at = 0; at < sorted.length; at += RECORDS_AT_ONCE) {
      const some = sorted.slice(at, at + RECORDS_AT_ONCE);
      const rows = await reader.read(findRecordBytes(tenant, head.topic, head.partition, some));
      yield* proveRows(reader, head, rows, offsets);
    }
  }
}

async function* proveRows(
  reader: Reader,
  head: TreeHead,
  rows: readonly RecordBytesRow[],
  names: ReadonlyMap<number, ReadonlySet<string>>,
): AsyncGenerator<{ record: PackRecord; proof: LeafProof }, void, undefined> {
  const steps = await stepsOf(reader, head, rows);
  const placed = rows.flatMap((row) => {
    const step = steps.find(
      (one) => one.sourceEpoch === row.source_epoch && one.firstOffset <= row.offset && row.offset <= one.lastOffset,
    );
    const index = step?.kind === 'records' ? step.leafFrom + row.offset - step.firstOffset : head.size;
    return index < head.size ? [{ row, index }] : [];
  });
  const indexes = placed.map((one) => one.index);
  const paths = indexes.length === 0 ? [] : await readInclusions(reader, head, head.size, indexes);
  for (const [i, { row, index }] of placed.entries()) {
    const { origin, size } = head;
    const path = toHex(paths[i] ?? []);
    yield {
      record: recordOf(head, row, index, [...(names.get(row.offset) ?? [])].toSorted()),
      proof: { origin, index, leaf: row.leaf, size, root: head.root.toString('hex'), path },
    };
  }
}

async function stepsOf(reader: Reader, head: TreeHead, rows: readonly RecordBytesRow[]): Promise<readonly TreeStep[]> {
  const steps: TreeStep[] = [];
  for (const sourceEpoch of new Set(rows.map((row) => row.source_epoch))) {
    const offsets = rows.filter((row) => row.source_epoch === sourceEpoch).map((row) => row.offset);
    const place = { topic: head.topic, partition: head.partition, sourceEpoch };
    steps.push(...(await readStepsAcross(reader, place, Math.min(...offsets), Math.max(...offsets))));
  }
  return steps;
}

function recordOf(head: TreeHead, row: RecordBytesRow, index: number, events: readonly string[]): PackRecord {
  return {
    origin: head.origin,
    index,
    source_epoch: row.source_epoch,
    topic: head.topic,
    partition: head.partition,
    offset: row.offset,
    timestamp_ms: row.received_ms,
    type: 'record',
    salt: row.salt,
    key: row.key,
    value: row.value,
    headers: row.headers === '' ? {} : (JSON.parse(row.headers) as Record<string, string>),
    events,
  };
}

function toHex(path: readonly Buffer[]): string[] {
  return path.map((hash) => hash.toString('hex'));
}
