import { closeSync, openSync, writeSync } from 'node:fs';
import type { RowSink } from './binary-rows.ts';

/** A file of rows that is being written. */
export interface RowFile {
  readonly write: RowSink;
  close(): void;
}

/** Makes a file of rows that nobody else may read, or empties it. Throws the error of the system, such as ENOSPC. */
export function openRowFile(path: string): RowFile {
  const file = openSync(path, 'w', 0o600);
  return {
    write(bytes) {
      for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from);
    },
    close: () => closeSync(file),
  };
}
