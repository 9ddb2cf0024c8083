import { readFile, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Writer } from './session.ts';
import type { FileRows } from './ensure-rows.ts';
import { failureOf } from './engine-error.ts';
import { groupRows } from './row-groups.ts';
import type { RowGroup } from './row-groups.ts';
import { insertInto } from './tables.ts';

/**
 * Which references the engine refuses, by halving the file until single ones are left (reliability.md 1.6): at most
 * two tries for each halving of 10,000 rows. Rows go to a table that keeps nothing, so the search changes nothing.
 * Empty if the engine takes each row when it comes alone: then the fault lies elsewhere.
 */
export async function findRefused(writer: Writer, { spec, file }: Pick<FileRows, 'spec' | 'file'>): Promise<bigint[]> {
  const bytes = await readFile(file);
  const trialFile = `${file}.trial`;
  const trial = await trialTable(writer, spec.table);

  async function isTaken(groups: readonly RowGroup[]): Promise<boolean> {
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

  async function search(groups: readonly RowGroup[]): Promise<bigint[]> {
    const [only] = groups;
    if (!only || (await isTaken(groups))) return [];
    if (groups.length === 1) return [only.ref];
    const middle = groups.length >> 1;
    return [...(await search(groups.slice(0, middle))), ...(await search(groups.slice(middle)))];
  }

  try {
    return await search(groupRows(bytes, spec));
  } finally {
    await rm(trialFile, { force: true });
  }
}

/**
 * A table with the columns of another that keeps nothing and needs no making: a server takes each statement on its own,
 * so a temporary table would be gone with the statement that made it.
 */
async function trialTable(writer: Writer, table: string): Promise<string> {
  const sql =
    'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position';
  const columns = await writer.read({ sql, params: { table }, row: z.object({ name: z.string(), type: z.string() }) });
  const structure = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
  return `FUNCTION null('${structure.replaceAll("'", String.raw`\'`)}')`;
}
