import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Problem } from '../../model/problem.ts';
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts';
import type { TransformDeps, TransformResult, Transformer } from './transform.ts';

export type ThreadDeps = ThreadData & Pick<TransformDeps, 'ask' | 'askTellings' | 'recall'>;

interface Waiting {
  readonly resolve: (result: TransformResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Starts the thread that transforms batches; resolves when it has loaded. If the thread dies, every batch that waits
 * and every later one fails with `internal`: a dead thread is a fault of ours, and the process must be restarted.
 */
export async function startTransformThread(deps: ThreadDeps): Promise<Transformer> {
  const waiting = new Map<number, Waiting>();
  let dead: Problem | undefined;
  const thread = openThread({ context: deps.context, saltKey: deps.saltKey });
  const tell = (message: ToThread, transfer: readonly ArrayBuffer[] = []): void =>
    thread.postMessage(message, transfer);

  const fail = (cause: unknown): void => {
    dead ??= new Problem('internal', 'The thread that transforms batches has ended.', {}, cause);
    for (const { reject } of waiting.values()) reject(dead);
    waiting.clear();
  };
  const answer = (question: number, found: Promise<ToThread>): void => {
    found.then(tell, () => tell({ kind: 'unanswered', question }));
  };
  const ready = new Promise<void>((resolve, reject) => {
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'ready') return resolve();
      const { kind } = message;
      if (kind === 'ask' || kind === 'ask_tellings' || kind === 'recall')
        return answer(message.question, findFor(deps, message));
      const waiter = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.kind === 'done') waiter?.resolve(message.result);
      else
        waiter?.reject(
          new Problem(
            message.passing ? 'unavailable' : 'internal',
            'A batch could not be transformed.',
            {},
            new Error(message.message),
          ),
        );
    });
    thread.on('error', (error) => {
      fail(error);
      reject(dead ?? error);
    });
    thread.on('exit', () => fail(new Error('exit')));
  });
  await ready;
  return {
    addKnown(ids) {
      const copy = new Uint8Array(ids).buffer;
      tell({ kind: 'known', ids: copy }, [copy]);
    },
    transform(job, block) {
      if (dead) return Promise.reject(dead);
      return new Promise((resolve, reject) => {
        waiting.set(job.id, { resolve, reject });
        tell({ kind: 'transform', job, ...(block ? { block } : {}) }, block ? [block] : []);
      });
    },
    overlaps: () => false,
    release: (id) => tell({ kind: 'release', id }),
    async close() {
      await thread.terminate();
    },
  };
}

type Asked = Extract<FromThread, { kind: 'ask' | 'ask_tellings' | 'recall' }>;

async function findFor(deps: ThreadDeps, asked: Asked): Promise<ToThread> {
  const { question } = asked;
  if (asked.kind === 'ask_tellings')
    return { kind: 'tellings', question, tellings: await deps.askTellings(asked.about) };
  return asked.kind === 'ask'
    ? { kind: 'found', question, events: await deps.ask(asked.ids) }
    : { kind: 'recalled', question, records: await deps.recall(asked.refs) };
}

// What a slice makes is garbage soon after; with room for several slices little of it is ever moved.
const resourceLimits = { maxYoungGenerationSizeMb: 96 };

// From sources a thread must load TypeScript: tsx is registered in it before the file, as `--import` would not do in a
// thread on Node 20. From `dist/` the file is JavaScript and is started as it is.
function openThread(workerData: ThreadData): Worker {
  if (!import.meta.url.endsWith('.ts'))
    return new Worker(new URL('./transform-thread.js', import.meta.url), { workerData, resourceLimits });
  const loader = new URL(
    './dist/esm/api/index.mjs',
    pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json')),
  );
  const file = new URL('./transform-thread.ts', import.meta.url);
  const code = `import(${JSON.stringify(loader.href)}).then(({ register }) => { register(); return import(${JSON.stringify(file.href)}); })`;
  return new Worker(code, { eval: true, workerData, resourceLimits });
}
