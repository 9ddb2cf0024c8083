import { createHash } from 'node:crypto';
import type { Reason } from '../../model/reason.ts';
import { Problem } from '../../model/problem.ts';
import { familyOf } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import { HEADERS } from '../log/event-log.ts';
import type { AppendedRange, LogRecord } from '../log/event-log.ts';
import { unavailable } from './append.ts';
import { inflate } from './byte-stream.ts';
import type { IntakeDeps, Settled } from './deps.ts';
import { readElements } from './import-reader.ts';
import { installationOfFetch } from './installation.ts';
import { IMPORT_CHUNK } from './limits.ts';
import { adapterOf, toGroups } from './prepare.ts';
import type { RecordGroup } from './prepare.ts';
import { joinRanges } from './ranges.ts';
import type { ScannedElement } from './scan-types.ts';

/** A file to be imported. `instance` undefined: the policy or the records tell. */
export interface ImportFile {
  readonly source: Source;
  readonly instance: string | undefined;
  readonly bytes: AsyncIterable<Buffer>;
  /** When the file was collected: the clock by which its events are judged. */
  readonly receivedAt: Micros;
}

export interface ImportProgress {
  /** Bytes of the file, unpacked, and records read; records that are stored and queryable. */
  readonly bytes: number;
  readonly records: number;
  readonly settled: number;
}

type ImportStep = { readonly progress: ImportProgress } | { readonly result: Settled };

/** Ranges that may wait for the worker: beyond it reading stops, so that the log does not run far ahead of the store. */
const MAX_UNSETTLED = 50;
const SETTLE_AT_ONCE = 10;

/**
 * Imports a file. Records are appended in chunks, each together with a cursor whose name is a hash over source,
 * installation and everything in the file up to the chunk's end: whatever was appended before, also by an import that was killed,
 * is found there and not appended again. Yields progress, and at the end the counts, read from the store.
 */
export async function* importFile(deps: IntakeDeps, file: ImportFile): AsyncGenerator<ImportStep, void, undefined> {
  const adapter = adapterOf(deps, file.source);
  const installation = installationOfFetch(deps.policy, file.source, undefined, file.instance);
  const delivery = { source: file.source, receivedAt: file.receivedAt, via: 'import', installation } as const;
  const counts = createCounts(deps);
  let chain: Buffer = createHash('sha256')
    .update(JSON.stringify([deps.policy.tenant, file.source, file.instance ?? '']))
    .digest();
  let chunk: ScannedElement[] = [];
  let size = 0;
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (chunk.length === 0) return;
    const groups = toGroups(deps, delivery, chunk, {});
    chain = nextChain(chain, groups);
    for (const [place, group] of groups.entries()) {
      const range = await appendGroup(deps, file.source, group, `import/${chain.toString('hex')}/${place}`);
      if (range) counts.appended(range, group.records.length);
      else counts.known(group.records);
    }
    chunk = [];
    size = 0;
  };
  for await (const { elements, bytesRead } of readElements(deps, adapter, inflate(file.bytes))) {
    bytes = bytesRead;
    for (const element of elements) {
      chunk.push(element);
      size += element.value.length;
      if (chunk.length < IMPORT_CHUNK.records && size < IMPORT_CHUNK.bytes) continue;
      await flush();
      await counts.settle(MAX_UNSETTLED);
      yield { progress: { bytes, ...counts.progress() } };
    }
  }
  await flush();
  if (counts.progress().records === 0 && bytes === 0) throw new Problem('usage', 'The file is empty.');
  while (await counts.settle(0)) yield { progress: { bytes, ...counts.progress() } };
  // What an import that was killed had appended may not be stored yet, and only this one is there to wait for it.
  if (counts.isResumed()) await deps.idle?.();
  yield { result: counts.result() };
}

/**
 * Appends a group of a chunk unless its cursor says that it was: the cursor moves in the transaction of the append, so
 * that a kill at any moment leaves a group either whole and known, or absent. Without an index the group is appended
 * again, and the worker counts its events as duplicates.
 */
async function appendGroup(
  deps: IntakeDeps,
  source: Source,
  group: RecordGroup,
  name: string,
): Promise<AppendedRange | undefined> {
  const { instance, records } = group;
  try {
    if (!deps.index) return await deps.log.append(familyOf(source), instance, records);
    if (deps.index.cursor(name) > 0) return undefined;
    return await deps.index.appendAt(familyOf(source), instance, records, { name, from: 0, to: records.length });
  } catch (error) {
    // Another import of the same file got there first.
    if (error instanceof Problem && error.code === 'conflict') return undefined;
    throw unavailable(error);
  }
}

function nextChain(chain: Buffer, groups: readonly RecordGroup[]): Buffer {
  const hash = createHash('sha256').update(chain);
  for (const { instance, records } of groups) {
    hash.update(JSON.stringify([instance, records.length]));
    for (const { value } of records) hash.update(`${value.length}:`).update(value);
  }
  return hash.digest();
}

interface Counts {
  appended(range: AppendedRange, records: number): void;
  known(records: readonly LogRecord[]): void;
  /** Whether the log held some of the file already. */
  isResumed(): boolean;
  /** Waits for some of what was appended if more than `most` ranges wait; false when nothing was to be waited for. */
  settle(most: number): Promise<boolean>;
  progress(): { readonly records: number; readonly settled: number };
  result(): Settled;
}

function createCounts(deps: IntakeDeps): Counts {
  const waiting: AppendedRange[] = [];
  const sum = { accepted: 0, duplicate: 0, conflict: 0 };
  const rejected = new Map<Reason, number>();
  const reject = (reason: Reason, count: number): void =>
    void rejected.set(reason, (rejected.get(reason) ?? 0) + count);
  let records = 0;
  let resumed = false;
  const settled = (): number =>
    sum.accepted + sum.duplicate + sum.conflict + [...rejected.values()].reduce((all, count) => all + count, 0);
  return {
    appended(range, count) {
      waiting.push(range);
      records += count;
    },
    known(held) {
      resumed = true;
      records += held.length;
      for (const { headers } of held) {
        const withheld = headers[HEADERS.unreadable]?.split(':', 1)[0];
        if (withheld === undefined) sum.duplicate += 1;
        else reject(withheld as Reason, 1);
      }
    },
    async settle(most) {
      if (waiting.length <= most) return false;
      const counted = await deps.settle(joinRanges(waiting.splice(0, SETTLE_AT_ONCE)));
      sum.accepted += counted.accepted;
      sum.duplicate += counted.duplicate;
      sum.conflict += counted.conflict;
      for (const [reason, count] of Object.entries(counted.rejected)) reject(reason as Reason, count);
      return true;
    },
    isResumed: () => resumed,
    progress: () => ({ records, settled: settled() }),
    result: () => ({ ...sum, rejected: Object.fromEntries(rejected) }),
  };
}
