import { cpus } from 'node:os';

/** Milliseconds that all cores of this machine have been busy, with anything, since it started. */
export function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
