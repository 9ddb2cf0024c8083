import { readFile, rm, writeFile } from 'node:fs/promises';
import type { Writer } from './clickhouse.ts';
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
  const trial = `trial_${spec.table}`;
  const trialFile = `${file}.trial`;
  await writer.run(`CREATE TEMPORARY TABLE IF NOT EXISTS ${trial} AS ${spec.table} ENGINE = Null`);

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
