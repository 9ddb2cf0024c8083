import { Problem } from '../model/problem.ts';
import type { FileTableSpec } from './tables.ts';

/** The rows of one reference: a range of bytes of a file. */
export interface RowGroup {
  readonly ref: bigint;
  readonly start: number;
  end: number;
}

/** Cuts the file of a table into rows, and joins neighbours of one reference. */
export function groupRows(bytes: Buffer, spec: FileTableSpec): RowGroup[] {
  const groups: RowGroup[] = [];
  const types = columnTypes(spec.structure);
  for (let start = 0; start < bytes.length;) {
    const { ref, end } = rowAt(bytes, start, types, spec.refColumn);
    const last = groups.at(-1);
    if (last?.ref === ref) last.end = end;
    else groups.push({ ref, start, end });
    start = end;
  }
  return groups;
}

function rowAt(
  bytes: Buffer,
  start: number,
  types: readonly string[],
  refColumn: number,
): { ref: bigint; end: number } {
  let at = start;
  let ref: bigint | undefined;
  for (const [index, type] of types.entries()) {
    if (index === refColumn) ref = bytes.readBigUInt64LE(at);
    at += sizeAt(bytes, at, type);
  }
  if (ref === undefined || at > bytes.length) throw noReference();
  return { ref, end: at };
}

function columnTypes(structure: string): string[] {
  return structure.split(',').map((column) => column.trim().split(/\s+/)[1] ?? '');
}

function sizeAt(bytes: Buffer, at: number, type: string): number {
  const inner = /^Nullable\((.+)\)$/.exec(type)?.[1];
  if (inner !== undefined) return bytes.readUInt8(at) === 1 ? 1 : 1 + sizeAt(bytes, at + 1, inner);
  if (type === 'UUID') return 16;
  const bits = /^U?Int(\d+)$/.exec(type)?.[1];
  if (bits !== undefined) return Number(bits) / 8;
  const fixed = /^FixedString\((\d+)\)$/.exec(type)?.[1];
  if (fixed !== undefined) return Number(fixed);
  let size = 0;
  let used = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes.readUInt8(at + used);
    used += 1;
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) return used + size;
  }
}

function noReference(): Problem {
  return new Problem('internal', 'A row that was made for the store has no reference.');
}
