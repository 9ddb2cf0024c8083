import { createHash } from 'node:crypto';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const TMPFS = 0x01021994;
const SHARED_MEMORY = '/dev/shm';
const NEEDED_BYTES = 512 * 2 ** 20;

/** A folder for the files that carry a batch into the engine. */
export interface Scratch {
  readonly folder: string;
  remove(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes the scratch folder: in memory where there is room (performance.md A1: the file is read once and gone), else
 * below the data folder. Its name comes from the data folder, which has one owner, so what a killed process left is
 * found and removed here.
 */
export async function openScratch(dataFolder: string): Promise<Scratch> {
  const name = createHash('sha256').update(resolve(dataFolder)).digest('hex').slice(0, 16);
  const folder = (await hasRoomInMemory()) ? join(SHARED_MEMORY, `custody-${name}`) : join(dataFolder, 'scratch');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return {
    folder,
    remove: async (paths) => void (await Promise.all(paths.map((path) => rm(path, { force: true })))),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function hasRoomInMemory(): Promise<boolean> {
  const stats = await statfs(SHARED_MEMORY).catch(() => undefined);
  return stats !== undefined && stats.type === TMPFS && stats.bavail * stats.bsize >= NEEDED_BYTES;
}
