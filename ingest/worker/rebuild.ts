import { FAMILIES } from '../../model/source.ts';
import type { Family } from '../../model/source.ts';
import { clearDerived, readLastRecord, readPartitions } from '../../store/log-state.ts';
import { openTransform } from './open-transform.ts';
import type { OpenTransformOptions } from './open-transform.ts';
import { deriveAgain } from './repair.ts';

/**
 * Empties the derived tables and derives them again from the records, in the order of the log. With the same policy and
 * version the tables are equal to the byte. The worker must not run meanwhile. After a crash the next start of the
 * worker goes on where this ended; so it does after `signal`, which ends the work with `unavailable`. Calls `onProgress`
 * with the records done so far; gives their number.
 */
export async function rebuildDerived(
  options: OpenTransformOptions,
  onProgress: (records: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<number> {
  await clearDerived(options.store.writer);
  const opened = await openTransform(options);
  let records = 0;
  try {
    for (const place of await readPartitions(options.store.writer)) {
      const { topic } = place;
      if (!isFamily(topic)) continue;
      const to = await readLastRecord(options.store.writer, place);
      await deriveAgain(
        { ...opened, writer: options.store.writer, ...(signal ? { signal } : {}) },
        { ...place, topic },
        { from: 0, to, fresh: true },
        (piece) => {
          records += piece;
          onProgress(records);
        },
      );
    }
  } finally {
    await opened.close();
  }
  return records;
}

function isFamily(topic: string): topic is Family {
  return (FAMILIES as readonly string[]).includes(topic);
}
