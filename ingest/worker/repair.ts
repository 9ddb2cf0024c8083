import { Problem } from '../../model/problem.ts';
import type { Family } from '../../model/source.ts';
import type { Session } from '../../store/session.ts';
import type { StoredPartition } from '../../store/log-state.ts';
import { readPieceEnd, readRecords } from '../../store/stored-records.ts';
import { packRecords } from './pack.ts';
import type { Scratch } from './scratch.ts';
import { storeBatch } from './store-batch.ts';
import type { StoreBatchDeps } from './store-batch.ts';
import type { TransformJob, Transformer } from './transform.ts';

export interface RepairDeps extends StoreBatchDeps {
  readonly writer: StoreBatchDeps['writer'] & Session;
  readonly transformer: Transformer;
  readonly scratch: Scratch;
  readonly nextJobId: () => number;
  readonly writerEpoch: number;
  /** Ends the work between two pieces; what is missing then is completed at the next start. */
  readonly signal?: AbortSignal;
}

const PIECE_ROWS = 10_000;
const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Derives the events of stored records again, from one offset to another, ends included, and brings the derived tables
 * to what they must hold. After a crash it completes what was begun; for a rebuild the tables were emptied (`fresh`).
 * Calls `onPiece` with the number of records after each piece.
 */
export async function deriveAgain(
  deps: RepairDeps,
  place: StoredPartition & { topic: Family },
  range: { readonly from: number; readonly to: number; readonly fresh: boolean },
  onPiece: (records: number) => void = () => undefined,
): Promise<void> {
  for (let from = range.from; from <= range.to;) {
    if (deps.signal?.aborted === true)
      throw new Problem('unavailable', 'The work was stopped. It goes on at the next start.');
    const to = await readPieceEnd(deps.writer, place, from, range.to, PIECE_ROWS, PIECE_BYTES);
    const records = await readRecords(deps.writer, place, from, to);
    if (records.length > 0) {
      const bytes = records.reduce((sum, { value, headers }) => sum + value.length + headers.length + 100, 0);
      const id = deps.nextJobId();
      const job: TransformJob = {
        ...place,
        id,
        writerEpoch: deps.writerEpoch,
        tables: 'derived',
        refused: records.filter(({ engineRejected }) => engineRejected).map(({ offset }) => offset),
        prefix: `${deps.scratch.folder}/${id}`,
      };
      const result = await deps.transformer.transform(job, packRecords(records, bytes));
      await storeBatch(deps, job, result, range.fresh);
      deps.transformer.release(id);
      await deps.scratch.remove(Object.values(result.files));
      onPiece(records.length);
    }
    from = to + 1;
  }
}
