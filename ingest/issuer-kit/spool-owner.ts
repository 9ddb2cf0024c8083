import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { IssuerKitError } from './kit-error.ts';

/** Holds a spool for this process. Killed instead of released, the process loses it all the same. */
export interface Owner {
  release(): void;
}

interface Identity {
  readonly pid: number;
  readonly started: string;
  readonly host: string;
}

const BEAT_MS = 5_000;
// An owner that cannot be seen from here, in another container for one, counts as gone when it was silent for so long.
const SILENCE_MS = 30_000;

/**
 * Takes the spool for this process: two senders of one spool would count a sequence twice. Waits for up to half a minute
 * where the last owner cannot be seen from here and may be alive; throws `spool_in_use` where one is.
 */
export async function takeSpool(folder: string): Promise<Owner> {
  const path = join(folder, 'owner');
  const own = JSON.stringify({ pid: process.pid, started: startOf(process.pid), host: hostname() } satisfies Identity);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own, { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(draft, path);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      await removeDead(path, folder);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  const timer = setInterval(() => beat(path), BEAT_MS).unref();
  return {
    release() {
      clearInterval(timer);
      if (read(path) === own) rmSync(path, { force: true });
    },
  };
}

/** Removes the mark of an owner that is gone; throws where it lives. */
async function removeDead(path: string, folder: string): Promise<void> {
  const text = read(path);
  if (text === undefined) return;
  const { pid, started, host } = JSON.parse(text) as Identity;
  const isHere = host === hostname() && started !== '';
  while (isHere ? startOf(pid) === started : silentFor(path) < SILENCE_MS) {
    if (isHere || silentFor(path) < BEAT_MS / 2) {
      const remedy = 'One process sends for a spool; give another a folder and a source of its own.';
      throw new IssuerKitError('spool_in_use', `${folder} belongs to process ${pid} on ${host}. ${remedy}`);
    }
    await sleep(1_000);
  }
  // Of two that find the dead owner one moves its mark away; who moved a live one by mistake puts it back.
  const moved = `${path}.dead-${process.pid}`;
  try {
    renameSync(path, moved);
  } catch {
    return;
  }
  if (read(moved) !== text) linkSync(moved, path);
  rmSync(moved, { force: true });
}

function silentFor(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return SILENCE_MS;
  }
}

function beat(path: string): void {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // The folder was taken away while we run: the next append says so.
  }
}

/** When a process started, as Linux tells it, with the run of the machine; "" where the system does not tell. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
