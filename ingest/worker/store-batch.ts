import { Problem } from '../../model/problem.ts';
import { positionOf, refOf } from '../../model/position.ts';
import type { Writer } from '../../store/clickhouse.ts';
import { readDigest } from '../../store/digest.ts';
import type { Digest } from '../../store/digest.ts';
import { failureOf } from '../../store/engine-error.ts';
import { ensureRows } from '../../store/ensure-rows.ts';
import type { FileRows, StagedRows } from '../../store/ensure-rows.ts';
import { findRefused } from '../../store/find-refused.ts';
import { derivedRange, insertBatchNote, markEngineRejected, recordsRange } from '../../store/log-state.ts';
import { EDGES, EVENTS, EVENT_KEYS, RECORDS } from '../../store/tables.ts';
import type { TransformJob, TransformResult, Transformer } from './transform.ts';

export interface StoreBatchDeps {
  readonly writer: Writer;
  readonly transformer: Pick<Transformer, 'transform'>;
}

/** What was stored in the end. `changed`: other events were accepted than the batches behind it have seen. */
export interface StoredBatch {
  readonly result: TransformResult;
  readonly job: TransformJob;
  readonly changed: boolean;
}

const REFUSAL_ROUNDS = 3;

/**
 * W4 to W6 of reliability.md 1.4 for one batch: records, then events, keys and edges, each read back; then the note.
 * May be called again after any failure; `fresh` says that none of its rows can be there yet.
 */
export async function storeBatch(
  deps: StoreBatchDeps,
  job: TransformJob,
  result: TransformResult,
  fresh: boolean,
): Promise<StoredBatch> {
  let current: StoredBatch = { job, result, changed: false };
  if (job.tables === 'all') current = await storeRefusing(deps, current, fresh, recordsOf, () => Promise.resolve());
  const mark = (offsets: readonly number[]): Promise<void> => markEngineRejected(deps.writer, job, offsets);
  current = await storeRefusing(deps, current, fresh, derivedOf, mark);
  const digests = { ...current.result.digests, records: await recordsDigest(deps.writer, job, current.result) };
  await insertBatchNote(deps.writer, { ...job, ...current.result, digests, ingestedAtUs: current.result.ingestedToUs });
  return current;
}

async function recordsDigest(writer: Writer, job: TransformJob, result: TransformResult): Promise<Digest> {
  if (job.tables === 'all') return result.digests.records;
  return readDigest(writer, RECORDS, recordsRange(job, result.firstOffset, result.lastOffset));
}

/**
 * Stores what `rowsOf` names. Where the engine refuses rows, their records are found, marked, and kept as records alone,
 * and the batch is transformed and stored again without their events.
 */
async function storeRefusing(
  deps: StoreBatchDeps,
  batch: StoredBatch,
  fresh: boolean,
  rowsOf: (job: TransformJob, result: TransformResult) => readonly StagedRows[],
  mark: (offsets: readonly number[]) => Promise<void>,
): Promise<StoredBatch> {
  let { job, result, changed } = batch;
  for (let round = 0; ; round += 1) {
    const rejected = await storeAll(deps.writer, rowsOf(job, result), fresh && round === 0);
    if (!rejected) return { job, result, changed };
    const offsets = (await findRefused(deps.writer, rejected.rows)).map((ref) => positionOf(ref).offset);
    if (offsets.length === 0 || round === REFUSAL_ROUNDS) {
      throw new Problem('unavailable', 'The store refuses a batch, but none of its rows.', {}, rejected.cause);
    }
    await mark(offsets);
    job = { ...job, refused: [...job.refused, ...offsets] };
    result = await deps.transformer.transform(job);
    changed = true;
  }
}

async function storeAll(
  writer: Writer,
  all: readonly StagedRows[],
  fresh: boolean,
): Promise<{ rows: FileRows; cause: unknown } | undefined> {
  for (const rows of all) {
    if (rows.expected.rows === 0 && fresh) continue;
    try {
      await ensureRows(writer, rows, { fresh, replace: rows.spec !== RECORDS });
    } catch (cause) {
      if (failureOf(cause) !== 'bad_rows' || !('file' in rows)) throw cause;
      return { rows, cause };
    }
  }
  return undefined;
}

function recordsOf(job: TransformJob, result: TransformResult): readonly StagedRows[] {
  const range = recordsRange(job, result.firstOffset, result.lastOffset);
  return [{ spec: RECORDS, file: result.files.records, range, expected: result.digests.records }];
}

function derivedOf(job: TransformJob, result: TransformResult): readonly StagedRows[] {
  const { topic, partition } = job;
  const firstRef = refOf({ topic, partition, offset: result.firstOffset });
  const range = derivedRange(
    firstRef,
    refOf({ topic, partition, offset: result.lastOffset + 1 }) - 1n,
    result.ingestedFromUs,
    result.ingestedToUs,
  );
  return [
    { spec: EVENTS, file: result.files.events, range, expected: result.digests.events },
    { spec: EVENT_KEYS, range, expected: result.digests.keys },
    { spec: EDGES, file: result.files.edges, range, expected: result.digests.edges },
  ];
}
