import { once } from 'node:events';

/**
 * Waits until the process is interrupted or `parent` ends, the process id of whoever started it, read at the start: a
 * server for development outlives neither.
 */
export async function untilInterrupted(parent: number): Promise<void> {
  const orphaned = new Promise<string>((resolve) => {
    const look = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(look);
      resolve('the parent ended');
    }, 500);
  });
  await Promise.race([orphaned, once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')]);
}
