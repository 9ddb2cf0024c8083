import { Readable } from 'node:stream';
import type { FastifyPluginAsync } from 'fastify';
import { Problem } from '../model/problem.ts';
import { countTables } from '../store/queries/count-ends.ts';
import type { Reader } from '../store/query.ts';
import type { Authorize } from './authorize.ts';

export interface RebuildApiDeps {
  readonly authorize: Authorize;
  readonly reader: Reader;
  /** Derives everything again while nothing else reads or writes derived tables; tells the records done so far. */
  readonly rebuild: (onProgress: (records: number) => void) => Promise<number>;
}

/** `POST /v1/rebuild`: NDJSON, `{"progress": {done, total}}` lines and then `{"result": {records, events, keys, edges}}`. */
export function createRebuildApi(deps: RebuildApiDeps): FastifyPluginAsync {
  return (app) => {
    app.post('/v1/rebuild', async (request, reply) => {
      await deps.authorize(request.headers.authorization, 'operate');
      return reply.type('application/x-ndjson').send(Readable.from(tellRebuild(deps)));
    });
    return Promise.resolve();
  };
}

async function* tellRebuild(deps: RebuildApiDeps): AsyncGenerator<string, void, undefined> {
  const [before] = await deps.reader.read(countTables());
  const total = before?.records ?? 0;
  let done = 0;
  let wake: () => void = () => undefined;
  const state = { ended: false };
  const work = deps
    .rebuild((records) => {
      done = records;
      wake();
    })
    .finally(() => {
      state.ended = true;
      wake();
    });
  // Its rejection is looked at below, after the last progress was told.
  work.catch(() => undefined);
  while (!state.ended) {
    yield line({ progress: { done, total } });
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (state.ended) resolve();
    });
  }
  try {
    await work;
    const [after] = await deps.reader.read(countTables());
    yield line({ result: after });
  } catch (error) {
    const problem =
      error instanceof Problem ? error : new Problem('internal', 'The rebuild failed. Start it again.', {}, error);
    yield line({ problem: { code: problem.code, detail: problem.message } });
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
