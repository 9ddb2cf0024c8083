import { refOf } from '../../model/position.ts';
import type { Family } from '../../model/source.ts';
import { createBatchLines, FILED } from '../../store/encode.ts';
import type { BatchDigests, BatchLines, Filed } from '../../store/encode.ts';
import type { Telling, TellingsQuestion } from '../../store/find-tellings.ts';
import type { RowSink } from '../../store/binary-rows.ts';
import { openRowFile } from '../../store/row-file.ts';
import type { RowFile } from '../../store/row-file.ts';
import type { KnownEvent } from '../../store/stored-records.ts';
import { deriveRecord } from './derive.ts';
import type { DeriveContext, Derived, IdentifiedEvent } from './derive.ts';
import { createHeaderSets } from './header-sets.ts';
import { createSummary } from './batch-summary.ts';
import type { BatchSummary } from './batch-summary.ts';
import { createLineWriter } from './line-writer.ts';
import type { DerivedRecord } from './line-writer.ts';
import { createKnownIds } from './known-ids.ts';
import { unpackRecords } from './pack.ts';
import type { UnpackedRecord } from './pack.ts';
import { createRecall } from './recall.ts';
import type { RecallDeps } from './recall.ts';
import { createRepeats } from './repeats.ts';
import type { Held, Standing } from './repeats.ts';
import { groupTellings, questionOf } from './tellings.ts';

// What a slice makes is garbage when its lines are written, so small slices spare the collector (performance.md B). But
// repeats cost a question to the store for each slice, and they come in runs: after a question slices grow.
const SLICE = { least: 16, most: 1_024 } as const;

/** A batch to be transformed. Files are written beside one another, named by the prefix. */
export interface TransformJob {
  readonly id: number;
  readonly topic: Family;
  readonly partition: number;
  readonly sourceEpoch: number;
  readonly writerEpoch: number;
  /** `all` for what comes from the log; `derived` leaves the records out, which the store has. */
  readonly tables: 'all' | 'derived';
  /** Offsets whose derived rows the engine refused: they are kept as records alone. */
  readonly refused: readonly number[];
  readonly prefix: string;
}

export interface TransformResult extends BatchSummary {
  readonly id: number;
  readonly digests: BatchDigests;
  /** Ids that were accepted here first (known-ids.ts, packIds). */
  readonly accepted: Uint8Array;
  readonly files: Readonly<Record<Filed, string>>;
}

export interface TransformDeps {
  readonly context: DeriveContext;
  readonly saltKey: Uint8Array;
  /** The accepted events of these ids in the store. */
  readonly ask: (ids: readonly string[]) => Promise<readonly KnownEvent[]>;
  /** What the store holds of happenings that a source tells in two forms. */
  readonly askTellings: (question: TellingsQuestion) => Promise<readonly Telling[]>;
  /** The records of these references in the store. */
  readonly recall: RecallDeps['recall'];
}

export interface Transformer {
  /** Adds ids that the store holds, before the first batch. */
  addKnown(ids: Buffer): void;
  /**
   * Batches are transformed one after another, in the order of the calls. A batch is kept until it is released, so that
   * it can be transformed again without its block.
   */
  transform(job: TransformJob, block?: ArrayBuffer): Promise<TransformResult>;
  /**
   * Whether the batch may have taken for new what another had brought: both were transformed at once, and the other was
   * stored since. Then it must be transformed again before it is stored.
   */
  overlaps(id: number): boolean;
  /** The batch is in the store, or was given up. */
  release(id: number): void;
  close(): Promise<void>;
}

/** Everything that is computed about a batch: events, standings, leaves, lines. Runs in a thread of its own. */
export function createTransformer(deps: TransformDeps): Transformer {
  const known = createKnownIds();
  const deriver = createDeriver(deps.context);
  const recall = createRecall({ recall: deps.recall, derive: (record) => deriver.again(record) });
  const repeats = createRepeats(known, (first, event) => recall.isSame(first, event));
  const writeLines = createLineWriter(deps.context.tenant, deps.saltKey);
  const blocks = new Map<number, ArrayBuffer>();
  const released: number[] = [];
  let tail: Promise<unknown> = Promise.resolve();

  async function run(job: TransformJob, block: ArrayBuffer): Promise<TransformResult> {
    repeats.release(job.id);
    const paths = tableOf((name) => `${job.prefix}.${name}`);
    return intoFiles(paths, async (lines) => {
      const summary = await addRecords(job, block, lines);
      const accepted = repeats.acceptedOf(job.id);
      return { id: job.id, ...summary, accepted, digests: digestsOf(lines), files: paths };
    });
  }

  async function addRecords(job: TransformJob, block: ArrayBuffer, lines: BatchLines): Promise<BatchSummary> {
    const summary = createSummary();
    let size: number = SLICE.least;
    for (const slice of slicesOf(unpackRecords(block), () => size)) {
      // Between the question to the store and the judgement no batch may be forgotten, or its events would be in neither.
      for (const id of released.splice(0)) repeats.release(id);
      const derived = slice.map((record) => deriver.derive(record, job));
      const ids = repeats.toAsk(eventsOf(derived));
      size = ids.length === 0 ? SLICE.least : Math.min(SLICE.most, size * 2);
      const stored = new Map((ids.length === 0 ? [] : await deps.ask(ids)).map((event) => [event.eventId, event]));
      if (stored.size > 0) await recall.prepare(eventsOf(derived), stored);
      const question = questionOf(job, eventsOf(derived));
      const held = { events: stored, tellings: groupTellings(question ? await deps.askTellings(question) : []) };
      for (const item of derived) {
        const standings = judge(job, item, held);
        summary.add(item.record, writeLines(lines, job, item, standings));
      }
    }
    return summary.result();
  }

  function judge(job: TransformJob, { record, derived }: DerivedRecord, held: Held): Standing[] {
    if (!derived.ok) return [];
    const firstRef = refOf({ topic: job.topic, partition: job.partition, offset: record.offset });
    return derived.events.map((event, index) => repeats.judge(job.id, firstRef + BigInt(index), event, held));
  }

  return {
    addKnown: (ids) => known.addBinary(ids),
    transform(job, block) {
      const kept = block ?? blocks.get(job.id);
      if (!kept) return Promise.reject(new Error(`batch ${job.id} is not held`));
      blocks.set(job.id, kept);
      recall.hold(job, kept);
      const result = tail.then(() => run(job, kept));
      tail = result.catch(() => undefined);
      return result;
    },
    // One after another, each batch knows those before it.
    overlaps: () => false,
    release(id) {
      blocks.delete(id);
      recall.release(id);
      released.push(id);
    },
    close: async () => void (await tail),
  };
}

interface Deriver {
  derive(record: UnpackedRecord, job: TransformJob): DerivedRecord;
  /** The events of a record that was accepted before. */
  again(record: Pick<UnpackedRecord, 'headers' | 'receivedAtMs' | 'value'>): readonly IdentifiedEvent[];
}

function createDeriver(context: DeriveContext): Deriver {
  const headersOf = createHeaderSets();
  return {
    derive(record, job) {
      const headers = headersOf(record.headers);
      const { receivedAtMs, value } = record;
      const refused = job.refused.length > 0 && job.refused.includes(record.offset);
      const derived: Derived = refused
        ? { ok: false, reason: 'engine_rejected', detail: '' }
        : deriveRecord({ headers: headers.map, receivedAtMs, value }, context);
      return { record, headers, derived };
    },
    again(record) {
      const derived = deriveRecord({ ...record, headers: headersOf(record.headers).map }, context);
      return derived.ok ? derived.events : [];
    },
  };
}

function* eventsOf(records: readonly DerivedRecord[]): Generator<IdentifiedEvent> {
  for (const { derived } of records) if (derived.ok) yield* derived.events;
}

function* slicesOf(records: Iterable<UnpackedRecord>, size: () => number): Generator<UnpackedRecord[]> {
  let slice: UnpackedRecord[] = [];
  for (const record of records) {
    slice.push(record);
    if (slice.length < size()) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

function digestsOf(lines: BatchLines): BatchDigests {
  return {
    records: lines.records.digest.digest(),
    events: lines.events.digest.digest(),
    keys: lines.keys.digest(),
    edges: lines.edges.digest.digest(),
  };
}

/** Lines that go into these files, which are whole when the work is done, and closed also where it failed. */
async function intoFiles<Done>(
  paths: Readonly<Record<Filed, string>>,
  work: (lines: BatchLines) => Promise<Done>,
): Promise<Done> {
  const files: RowFile[] = [];
  const sinkOf = (name: Filed): RowSink => {
    const file = openRowFile(paths[name]);
    files.push(file);
    return file.write;
  };
  try {
    const lines = createBatchLines(tableOf(sinkOf));
    const done = await work(lines);
    for (const name of FILED) lines[name].rows.flush();
    return done;
  } finally {
    for (const file of files) file.close();
  }
}

function tableOf<T>(make: (name: Filed) => T): Record<Filed, T> {
  return { records: make('records'), events: make('events'), edges: make('edges') };
}
