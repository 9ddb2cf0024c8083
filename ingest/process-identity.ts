import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';

/**
 * Who a process is, so that another with the same number is not taken for it: a number is used again after a restart,
 * and every container has its own number 1.
 */
export const processIdentitySchema = z.object({
  pid: z.number().int().positive(),
  /** When it started, as the system says it; compared, never read. */
  started: z.string(),
  host: z.string(),
  /** Which run of the machine, and which space of process numbers; "" where the system does not tell. */
  boot: z.string(),
  space: z.string(),
});
export type ProcessIdentity = z.output<typeof processIdentitySchema>;

/** This process. */
export function thisProcess(): ProcessIdentity {
  return {
    pid: process.pid,
    started: startOf(process.pid) ?? '',
    host: hostname(),
    boot: readLine('/proc/sys/kernel/random/boot_id'),
    space: readSpace(),
  };
}

/** `unknown`: it may live where this process cannot see it, on another machine or in another container. */
export function isRunning(other: ProcessIdentity, here: ProcessIdentity = thisProcess()): 'yes' | 'no' | 'unknown' {
  if (other.host !== here.host && other.boot !== here.boot) return 'unknown';
  if (other.boot !== here.boot) return 'no';
  if (other.space !== here.space) return 'unknown';
  return startOf(other.pid) === other.started ? 'yes' : 'no';
}

/** When a process started; undefined if there is none of this number, or only what is left of one. */
function startOf(pid: number): string | undefined {
  const stat = readLine(`/proc/${pid}/stat`);
  if (stat !== '') {
    // The name stands in brackets and may hold anything; state is the first field after it, the start the twentieth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  }
  if (process.platform === 'linux') return undefined;
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return started === '' ? undefined : started;
  } catch {
    return undefined;
  }
}

function readSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
