import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../model/problem.ts';
import type { Reader } from '../store/query.ts';
import { findHead, readCheckpoint } from '../store/trees/heads.ts';
import { treeNameOf } from '../store/trees/nodes.ts';
import { readLastSteps } from '../store/trees/steps.ts';

const LOOK_MS = 500;
// The signer signs every two seconds; who asks for a pack waits for some of its rounds, and is told to come again then.
const SIGN_MS = 15_000;

/**
 * Waits until a checkpoint covers what the trees hold now, for fifteen seconds: signed by another process (`custody sign`).
 * Rejects with `unavailable`, which names a tree and what to look at, where none comes, and when `signal` aborts.
 */
export function createSignedWait(reader: Reader, signal: AbortSignal): () => Promise<void> {
  return async () => {
    let waiting = await readLastSteps(reader);
    for (
      const end = performance.now() + SIGN_MS;
      ;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined)
    ) {
      const size = (await readCheckpoint(reader))?.size ?? 0;
      const heads = await Promise.all(waiting.map((step) => findHead(reader, step, size, step.leafTo)));
      waiting = waiting.filter((_step, index) => !heads[index]);
      const [first] = waiting;
      if (!first) return;
      if (signal.aborted) throw new Problem('unavailable', 'The server is stopping.');
      if (performance.now() > end)
        throw new Problem(
          'unavailable',
          `No checkpoint covers what is stored of ${treeNameOf(first)} so far. Look at custody sign: it does not run, or refuses to sign; its log and /readyz say why.`,
        );
    }
  };
}
