import type { ChildProcess } from 'node:child_process';

/** Resolves when a child says a word; rejects if it ends before. */
export function saidBy(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (message === word) resolve();
    });
    child.once('exit', () => reject(new Error(`ended before it said ${word}`)));
  });
}
