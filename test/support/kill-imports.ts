import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { dumpFolder, makeFolder } from './dump-folder.ts';
import type { StoreDigests } from './dump-folder.ts';
import { RECEIVED_AT, writeMixedHooks } from './native-files.ts';
import { startCli } from './run-cli.ts';
import type { CliRun } from './run-cli.ts';

export interface Counts {
  readonly accepted: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly rejected: Readonly<Record<string, number>>;
}

/** An import that was not disturbed: what every disturbed one must come to. */
export interface Reference {
  readonly counts: Counts;
  readonly digests: StoreDigests;
  readonly lines: number;
  /** Milliseconds from the first sign of the import to its end. */
  readonly importMs: number;
  readonly start: (folder: string) => CliRun;
}

const FIRST_SIGN = 'bytes';

/** Writes the file and imports it in peace. Exit code 1: the file holds events that are refused or in conflict. */
export async function makeReference(folder: string, seeds: readonly number[]): Promise<Reference> {
  const file = join(folder, 'hooks.ndjson');
  const { lines } = writeMixedHooks(file, seeds);
  const start = (data: string): CliRun =>
    startCli(
      [
        'import', '--data', data, '--source', 'gitlab.webhook',
        '--received-at', RECEIVED_AT, '--format', 'json', file,
      ],
      { cwd: folder },
    ); // prettier-ignore
  const data = makeFolder(join(folder, 'reference'));
  const run = start(data);
  await run.says(FIRST_SIGN);
  const began = performance.now();
  const end = await run.end;
  if (end.code !== 1) throw new Error(`the reference import ended with ${end.code}: ${end.stderr}`);
  return {
    counts: JSON.parse(end.stdout) as Counts,
    digests: await dumpFolder(data),
    lines,
    importMs: performance.now() - began,
    start,
  };
}

export interface KillCount {
  /** Processes that were killed in the middle, and how many of them had begun to import. */
  kills: number;
  begun: number;
  folders: number;
}

/** A number from 0 to 1 that a seed decides (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Imports the reference's file into new folders, killing the process with SIGKILL at random moments, the same import
 * again after each, until it comes to its end; then the folder must equal the reference. Goes on until so many were killed.
 */
export async function killImports(
  folder: string,
  reference: Reference,
  most: number,
  random: () => number,
  onFolder: (count: KillCount, folder: string) => void = () => undefined,
): Promise<KillCount> {
  const count: KillCount = { kills: 0, begun: 0, folders: 0 };
  while (count.kills < most) {
    const data = makeFolder(join(folder, `killed-${count.folders}-${Math.floor(random() * 1e9)}`));
    for (let inFolder = 0; count.kills < most && inFolder < 6; inFolder += 1)
      if (!(await killOne(reference, data, random, count))) break;
    const counts = await finish(reference, data);
    const total = counts.accepted + counts.duplicate + counts.conflict + sum(counts.rejected);
    if (total !== reference.lines) throw new Error(`${data}: ${total} counted, ${reference.lines} lines`);
    await compare(reference, data);
    count.folders += 1;
    onFolder(count, data);
  }
  return count;
}

/** False if the import came to its end before it was killed. */
async function killOne(reference: Reference, data: string, random: () => number, count: KillCount): Promise<boolean> {
  const run = reference.start(data);
  // One in eight dies before it has begun, while it opens the folder and completes what the one before it left.
  const begins = random() > 0.125;
  let hasBegun = false;
  if (begins) hasBegun = await run.says(FIRST_SIGN).then(() => true, () => false); // prettier-ignore
  await sleep(random() * (begins ? reference.importMs : 1_500));
  run.child.kill('SIGKILL');
  const { code, signal, stderr } = await run.end;
  if (code !== null) {
    if (code !== 1) throw new Error(`${data}: ended with ${code}: ${stderr}`);
    return false;
  }
  if (signal === 'SIGKILL') count.kills += 1;
  if (hasBegun) count.begun += 1;
  return true;
}

async function finish(reference: Reference, data: string): Promise<Counts> {
  const { code, stdout, stderr } = await reference.start(data).end;
  if (code !== 0 && code !== 1) throw new Error(`${data}: the last import ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Counts;
}

async function compare(reference: Reference, data: string): Promise<void> {
  const found = await dumpFolder(data);
  for (const [table, { rows, sha256 }] of Object.entries(reference.digests)) {
    if (table.startsWith('whole_') || (found[table]?.rows === rows && found[table]?.sha256 === sha256)) continue;
    throw new Error(`${data}: ${table} has ${found[table]?.rows} rows, ${rows} expected, or they differ`);
  }
}

/** Imports again what is there: nothing may be added. Gives the counts that it tells. */
export async function importAgain(reference: Reference, data: string): Promise<Counts> {
  const counts = await finish(reference, data);
  await compare(reference, data);
  return counts;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, one) => total + one, 0);
}
