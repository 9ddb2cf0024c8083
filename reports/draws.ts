import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../model/canonical-json.ts';
import type { FrameworkId } from '../model/control.ts';
import { Problem } from '../model/problem.ts';
import type { SamplingPlan } from './pack/pack-model.ts';
import type { ReportRequest } from './report-request.ts';

/** One way in which the samples of a framework and period were drawn: who asked for it, when (UTC), and why anew. */
export interface DrawnPlan {
  readonly at: string;
  readonly operator: string;
  readonly framework: FrameworkId;
  readonly from: string;
  readonly to: string;
  /** What decides which rows are drawn. Picks do not: they stand apart in the sample. */
  readonly plan: Omit<SamplingPlan, 'picks' | 'reason'>;
  /** Absent in the first draw of a period alone. */
  readonly reason?: string;
}

/** How samples were drawn so far: lines that are added, and never written over. */
export interface Draws {
  /**
   * Notes how a request draws, unless the last request for its framework and period drew the same. Whoever draws anew says
   * why (`conflict` otherwise): a re-draw without a reason is itself suspicious (controls.md 3.3). `onRedraw` is told of
   * it before it is noted, and what it throws refuses the draw.
   */
  note(request: ReportRequest, onRedraw?: (draw: DrawnPlan) => Promise<void>): Promise<void>;
  /** All of them, the oldest first. */
  list(): readonly DrawnPlan[];
}

/** Opens the register `draws.ndjson` of a folder. `now`: milliseconds UTC. */
export async function openDraws(folder: string, now: () => number = Date.now): Promise<Draws> {
  const path = join(folder, 'draws.ndjson');
  const read = await readDraws(path);
  const held = [...read.draws];
  let { isTorn } = read;
  let tail: Promise<unknown> = Promise.resolve();
  async function note(request: ReportRequest, onRedraw?: (draw: DrawnPlan) => Promise<void>): Promise<void> {
    const { framework, from, to, operator } = request;
    const last = held.findLast((draw) => isOfPeriod(draw, request));
    const plan = planOf(request.sampling);
    if (last && canonicalJson(last.plan) === canonicalJson(plan)) return;
    const reason = request.sampling.reason ?? request.supplement;
    if (last && reason === undefined) throw unexplained(last);
    const why = last && reason !== undefined ? { reason } : {};
    const draw: DrawnPlan = { at: new Date(now()).toISOString(), operator, framework, from, to, plan, ...why };
    if (last) await onRedraw?.(draw);
    const file = await open(path, 'a', 0o600);
    try {
      // A line that a crash cut off stays by itself: it is no JSON, and was never acknowledged.
      await file.write(`${isTorn ? '\n' : ''}${canonicalJson(draw)}\n`);
      isTorn = false;
      await file.sync();
    } finally {
      await file.close();
    }
    held.push(draw);
  }
  return {
    list: () => held,
    note(request, onRedraw) {
      const turn = tail.then(() => note(request, onRedraw));
      tail = turn.catch(() => undefined);
      return turn;
    },
  };
}

/** Lines that were acknowledged; one that a crash cut off was not, and counts as not there. */
async function readDraws(path: string): Promise<{ readonly draws: readonly DrawnPlan[]; readonly isTorn: boolean }> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return { draws: lines.flatMap(drawOf), isTorn: text !== '' && !text.endsWith('\n') };
}

function drawOf(line: string): readonly DrawnPlan[] {
  try {
    return [JSON.parse(line) as DrawnPlan];
  } catch {
    return [];
  }
}

function planOf({ picks: _picks, reason: _reason, ...plan }: SamplingPlan): DrawnPlan['plan'] {
  return plan;
}

function isOfPeriod(draw: DrawnPlan, { framework, from, to }: ReportRequest): boolean {
  const isSame = (a: string, b: string): boolean => Date.parse(a) === Date.parse(b);
  return draw.framework === framework && isSame(draw.from, from) && isSame(draw.to, to);
}

function unexplained({ at, operator }: DrawnPlan): Problem {
  return new Problem(
    'conflict',
    `${operator} had the samples of this framework and period drawn with another seed or other sizes (${at}). Say why they are drawn again: --reason TEXT (sampling.reason). The earlier draw stays on record.`,
  );
}
