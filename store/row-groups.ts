import { Problem } from '../model/problem.ts';
import type { FileTableSpec } from './tables.ts';

const NEWLINE = 0x0a;
const TAB = 0x09;

/** The rows of one reference: a range of bytes of a file. */
export interface RowGroup {
  readonly ref: bigint;
  readonly start: number;
  end: number;
}

/** Cuts the file of a table into rows, and joins neighbours of one reference. */
export function groupRows(bytes: Buffer, spec: FileTableSpec): RowGroup[] {
  const groups: RowGroup[] = [];
  for (let start = 0; start < bytes.length;) {
    const { ref, end } = spec.format === 'TSV' ? lineAt(bytes, start, spec.refColumn) : rowAt(bytes, start, spec);
    const last = groups.at(-1);
    if (last?.ref === ref) last.end = end;
    else groups.push({ ref, start, end });
    start = end;
  }
  return groups;
}

function lineAt(bytes: Buffer, start: number, refColumn: number): { ref: bigint; end: number } {
  const newline = bytes.indexOf(NEWLINE, start);
  let from = start;
  for (let index = 0; index < refColumn; index += 1) from = bytes.indexOf(TAB, from) + 1;
  const text = bytes.toString('latin1', from, bytes.indexOf(TAB, from));
  if (!/^\d{1,20}$/.test(text)) throw noReference();
  return { ref: BigInt(text), end: newline < 0 ? bytes.length : newline + 1 };
}

function rowAt(bytes: Buffer, start: number, spec: FileTableSpec): { ref: bigint; end: number } {
  let at = start;
  let ref: bigint | undefined;
  for (const [index, type] of columnTypes(spec.structure).entries()) {
    if (index === spec.refColumn) ref = bytes.readBigUInt64LE(at);
    at += sizeAt(bytes, at, type);
  }
  if (ref === undefined || at > bytes.length) throw noReference();
  return { ref, end: at };
}

function columnTypes(structure: string): string[] {
  return structure.split(',').map((column) => column.trim().split(/\s+/)[1] ?? '');
}

function sizeAt(bytes: Buffer, at: number, type: string): number {
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
