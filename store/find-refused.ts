import { readFile, rm, writeFile } from 'node:fs/promises';
import { Problem } from '../model/problem.ts';
import type { Writer } from './clickhouse.ts';
import type { FileRows } from './ensure-rows.ts';
import { failureOf } from './engine-error.ts';
import { insertInto } from './tables.ts';

const NEWLINE = 0x0a;
const TAB = 0x09;

/** The lines of one reference: a range of bytes of the file. */
interface Group {
  readonly ref: bigint;
  readonly start: number;
  end: number;
}

/**
 * Which references the engine refuses, by halving the file until single ones are left (reliability.md 1.6): at most
 * two tries for each halving of 10,000 rows. Rows go to a table that keeps nothing, so the search changes nothing.
 * Empty if the engine takes each row when it comes alone: then the fault lies elsewhere.
 */
export async function findRefused(writer: Writer, { spec, file }: Pick<FileRows, 'spec' | 'file'>): Promise<bigint[]> {
  const bytes = await readFile(file);
  const trial = `trial_${spec.table}`;
  const trialFile = `${file}.trial`;
  await writer.run(`CREATE TEMPORARY TABLE IF NOT EXISTS ${trial} AS ${spec.table} ENGINE = Null`);

  async function isTaken(groups: readonly Group[]): Promise<boolean> {
    await writeFile(trialFile, bytes.subarray(groups[0]?.start ?? 0, groups.at(-1)?.end ?? 0), { mode: 0o600 });
    try {
      await writer.insertFile({
        into: insertInto(spec, trial),
        where: '',
        structure: spec.structure,
        file: trialFile,
        params: {},
      });
      return true;
    } catch (error) {
      if (failureOf(error) === 'bad_rows') return false;
      throw error;
    }
  }

  async function search(groups: readonly Group[]): Promise<bigint[]> {
    const [only] = groups;
    if (!only || (await isTaken(groups))) return [];
    if (groups.length === 1) return [only.ref];
    const middle = groups.length >> 1;
    return [...(await search(groups.slice(0, middle))), ...(await search(groups.slice(middle)))];
  }

  try {
    return await search(groupLines(bytes, spec.refColumn));
  } finally {
    await rm(trialFile, { force: true });
  }
}

function groupLines(bytes: Buffer, refColumn: number): Group[] {
  const groups: Group[] = [];
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    const ref = refOfLine(bytes.subarray(start, end), refColumn);
    const last = groups.at(-1);
    if (last?.ref === ref) last.end = end;
    else groups.push({ ref, start, end });
    start = end;
  }
  return groups;
}

function refOfLine(line: Buffer, column: number): bigint {
  let start = 0;
  for (let index = 0; index < column; index += 1) start = line.indexOf(TAB, start) + 1;
  const text = line.toString('latin1', start, line.indexOf(TAB, start));
  if (/^\d{1,20}$/.test(text)) return BigInt(text);
  throw new Problem('internal', 'A line that was made for the store has no reference.');
}
