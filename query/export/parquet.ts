import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet-writer';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Identities } from '../identity.ts';
import { EXPORT_COLUMNS } from './columns.ts';
import type { Column } from './columns.ts';

/** Events of one row group: what is held in memory before it is written. */
const ROW_GROUP = 10_000;

const ELEMENTS: readonly SchemaElement[] = EXPORT_COLUMNS.map(({ name, kind }) =>
  kind === 'time'
    ? { name, type: 'INT64', converted_type: 'TIMESTAMP_MICROS', repetition_type: 'OPTIONAL' }
    : { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
);
const SCHEMA: SchemaElement[] = [{ name: 'event', num_children: ELEMENTS.length }, ...ELEMENTS];

/**
 * The bytes of one Parquet file (Snappy) with the columns of the export, a row group at a time: memory does not grow with
 * the file, but for the list of row groups that stands at its end. Times are TIMESTAMP in microseconds UTC, JSON is text.
 */
export async function* parquetBytes(
  pages: AsyncIterable<readonly StoredEvent[]>,
  identities: Identities,
): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = new ByteWriter();
  const file = new ParquetWriter({ writer: bytes, schema: SCHEMA, createdBy: 'custody' });
  let rows: StoredEvent[] = [];
  const writeGroup = async (): Promise<Uint8Array> => {
    const columnData = EXPORT_COLUMNS.map((column) => ({
      name: column.name,
      data: rows.map((event) => cellOf(column, event, identities)),
      offsetIndex: false,
    }));
    rows = [];
    await file.write({ columnData, rowGroupSize: ROW_GROUP });
    return takeBytes(bytes);
  };
  for await (const page of pages) {
    for (const event of page) {
      rows.push(event);
      if (rows.length === ROW_GROUP) yield await writeGroup();
    }
  }
  // A file without rows still has its columns, so that whoever reads it finds what was asked for.
  if (rows.length > 0) yield await writeGroup();
  await file.finish();
  yield takeBytes(bytes);
}

/** What was written since the last time; the writer goes on counting from the beginning of the file. */
function takeBytes(writer: ByteWriter): Uint8Array {
  const taken = writer.getBytes().slice();
  writer.index = 0;
  return taken;
}

function cellOf({ kind, value }: Column, event: StoredEvent, identities: Identities): unknown {
  const held = value(event, identities);
  if (held === undefined) return null;
  if (kind === 'time') return BigInt(held as number);
  return kind === 'json' ? JSON.stringify(held) : held;
}
