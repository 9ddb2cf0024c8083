import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { makeFolder } from './dump-folder.ts';
import type { StoreDigests } from './dump-folder.ts';
import { dumpStore } from './dump-store.ts';
import { RECEIVED_AT, writeMixedHooks } from './native-files.ts';
import { buildCli, startCli } from './run-cli.ts';
import type { CliEnd, CliRun } from './run-cli.ts';

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
  /** Milliseconds from the start of the process to the first sign of the import, and from there to its end. */
  readonly openMs: number;
  readonly importMs: number;
  readonly start: (folder: string) => CliRun;
}

const FIRST_SIGN = 'bytes';
const KILLED_LINES = 3_000;
const KILLS_A_FOLDER = 8;
// A machine that was busy just while the reference was made must not have all others killed after their end.
const MOST_MS = { open: 3_000, import: 8_000 } as const;
// A process opens one data folder at a time.
let comparing: Promise<unknown> = Promise.resolve();

/**
 * Writes a file of so many lines and imports it in peace. Exit code 1: the file holds events that are refused or in
 * conflict. The import is small, so that a kill costs little more than the start of a process.
 */
export async function makeReference(folder: string, most = KILLED_LINES): Promise<Reference> {
  const file = join(folder, 'hooks.ndjson');
  const { lines } = writeMixedHooks(file, [1], most);
  const bin = await buildCli();
  const start = (data: string): CliRun =>
    startCli(
      [
        'import', '--data', data, '--source', 'gitlab.webhook',
        '--received-at', RECEIVED_AT, '--format', 'json', file,
      ],
      { cwd: folder, bin },
    ); // prettier-ignore
  const data = makeFolder(join(folder, 'reference'));
  const started = performance.now();
  const run = start(data);
  await run.says(FIRST_SIGN);
  const began = performance.now();
  const end = await run.end;
  const importMs = performance.now() - began;
  if (end.code !== 1) throw new Error(`the reference import ended with ${end.code}: ${end.stderr}`);
  return {
    counts: JSON.parse(end.stdout) as Counts,
    digests: await digestsOf(data),
    lines,
    openMs: Math.min(began - started, MOST_MS.open),
    importMs: Math.min(importMs, MOST_MS.import),
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
    let end: CliEnd | undefined;
    for (let inFolder = 0; !end && count.kills < most && inFolder < KILLS_A_FOLDER; inFolder += 1)
      end = await killOne(reference, data, random, count);
    const counts = end ? countsOf(data, end) : await finish(reference, data);
    const total = counts.accepted + counts.duplicate + counts.conflict + sum(counts.rejected);
    if (total !== reference.lines) throw new Error(`${data}: ${total} counted, ${reference.lines} lines`);
    await compare(reference, data);
    count.folders += 1;
    onFolder(count, data);
  }
  return count;
}

/** How the import ended, if it came to its end before it was killed. */
async function killOne(
  reference: Reference,
  data: string,
  random: () => number,
  count: KillCount,
): Promise<CliEnd | undefined> {
  const run = reference.start(data);
  // One in eight dies before it has begun, while it opens the folder and completes what the one before it left.
  const begins = random() > 0.125;
  let hasBegun = false;
  if (begins) hasBegun = await run.says(FIRST_SIGN).then(() => true, () => false); // prettier-ignore
  // Early moments are the cheap ones, and most of what can go wrong lies there; late ones come often enough.
  await sleep(begins ? random() * random() * reference.importMs : random() * reference.openMs);
  run.child.kill('SIGKILL');
  const end = await run.end;
  if (end.code !== null) return end;
  if (end.signal === 'SIGKILL') count.kills += 1;
  if (hasBegun) count.begun += 1;
  return undefined;
}

function countsOf(data: string, { code, stdout, stderr }: CliEnd): Counts {
  if (code !== 0 && code !== 1) throw new Error(`${data}: an import ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Counts;
}

async function finish(reference: Reference, data: string): Promise<Counts> {
  return countsOf(data, await reference.start(data).end);
}

function digestsOf(data: string): Promise<StoreDigests> {
  const digests = comparing.then(() => dumpStore(data));
  comparing = digests.catch(() => undefined);
  return digests;
}

async function compare(reference: Reference, data: string): Promise<void> {
  const found = await digestsOf(data);
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
