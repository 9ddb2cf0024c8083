import type { FastifyPluginAsync } from 'fastify';
import { problemDetails, toProblem } from '../../model/problem-details.ts';
import type { AppendedRange } from '../log/event-log.ts';
import { inflate, splitLines } from './byte-stream.ts';
import type { Line } from './byte-stream.ts';
import { readCaptured } from './captured.ts';
import type { Captured } from './captured.ts';
import type { IntakeDeps, Settled } from './deps.ts';
import { doorFault } from './door-fault.ts';
import { MAX_CAPTURED_BYTES } from './limits.ts';
import { joinRanges } from './ranges.ts';
import { ndjson, takeRawStreams, uploadOf } from './raw-stream.ts';
import { passFetched, passPush } from './receive.ts';
import type { Receipt } from './receive.ts';

/** How one captured delivery ended: what the sender would have been answered, and how many records the log holds for it. */
export interface DeliveryOutcome {
  readonly line: number;
  readonly delivery_id?: string;
  readonly source?: string;
  readonly status: number;
  readonly accepted: number;
  readonly code?: string;
  readonly reason?: string;
  readonly detail?: string;
}

/** All of a replay in figures. `settled` counts its records by how the worker ended them. */
export interface DeliverySummary {
  readonly deliveries: number;
  readonly records: number;
  readonly by_status: Readonly<Record<string, number>>;
  readonly by_reason: Readonly<Record<string, number>>;
  readonly settled: Settled;
}

type DeliverLine = DeliveryOutcome | { readonly summary: DeliverySummary } | { readonly problem: unknown };

/** How many deliveries, and bytes of them, wait for the disk at once: enough for the log to write them together. */
const MAX_PENDING = 256;
const MAX_PENDING_BYTES = 32 * 1_048_576;

/**
 * `POST /v1/deliveries`: replays captured deliveries (NDJSON, or gzip of it) through the very code of the doors, each
 * judged by its own `received_at` as the clock. Answers NDJSON: one outcome a delivery in their order, then `summary`.
 */
export function deliverRoute(deps: IntakeDeps): FastifyPluginAsync {
  return async (app) => {
    takeRawStreams(app);
    app.route({
      method: 'POST',
      url: '/v1/deliveries',
      config: { longUpload: true },
      onRequest: async (request) => {
        await deps.authorize(request.headers.authorization, 'operate');
      },
      handler: async (request, reply) => {
        return reply.type('application/x-ndjson').send(ndjson(replayDeliveries(deps, uploadOf(request))));
      },
    });
  };
}

/** Replays captured deliveries one after another; their appends go into the log in the same order. */
export async function* replayDeliveries(
  deps: IntakeDeps,
  upload: AsyncIterable<Buffer>,
): AsyncGenerator<DeliverLine, void, undefined> {
  const tally = createTally();
  let pending: Promise<DeliveryOutcome>[] = [];
  let bytes = 0;
  try {
    for await (const line of splitLines(inflate(upload), MAX_CAPTURED_BYTES)) {
      pending.push(replayLine(deps, line, tally.ranges));
      bytes += line.bytes?.length ?? 0;
      if (pending.length < MAX_PENDING && bytes < MAX_PENDING_BYTES) continue;
      const done = await Promise.all(pending);
      pending = [];
      bytes = 0;
      for (const outcome of done) yield tally.add(outcome);
    }
    for (const outcome of await Promise.all(pending)) yield tally.add(outcome);
    yield { summary: { ...tally.figures(), settled: await deps.settle(joinRanges(tally.ranges)) } };
  } catch (error) {
    // What was begun is finished before the fault is told, so that no append runs on behind an ended answer.
    await Promise.allSettled(pending);
    yield { problem: problemDetails(error) };
  }
}

// Runs to the call of the log's append before it first waits: so the order of lines is the order of the log.
async function replayLine(deps: IntakeDeps, line: Line, ranges: AppendedRange[]): Promise<DeliveryOutcome> {
  let captured: Captured | undefined;
  try {
    if (!line.bytes)
      throw doorFault('too_large', `A line may have ${MAX_CAPTURED_BYTES} bytes.`, { limit: MAX_CAPTURED_BYTES });
    captured = readCaptured(line.bytes);
    const receipt = await pass(deps, captured);
    ranges.push(...receipt.ranges);
    return { ...nameOf(line, captured), status: receipt.status, accepted: receipt.accepted };
  } catch (error) {
    const problem = toProblem(error);
    const kept = problem.facts['ranges'] as readonly AppendedRange[] | undefined;
    if (kept) ranges.push(...kept);
    const reason = problem.facts['reason'];
    return {
      ...nameOf(line, captured),
      status: problem.status,
      accepted: typeof problem.facts['accepted'] === 'number' ? problem.facts['accepted'] : 0,
      code: problem.code,
      ...(typeof reason === 'string' && { reason }),
      detail: problem.message,
    };
  }
}

function pass(deps: IntakeDeps, captured: Captured): Promise<Receipt> {
  return (captured.pushed ? passPush(deps, captured) : passFetched(deps, captured)).commit();
}

function nameOf(line: Line, captured: Captured | undefined): Pick<DeliveryOutcome, 'line' | 'delivery_id' | 'source'> {
  return {
    line: line.number,
    ...(captured?.id !== undefined && { delivery_id: captured.id }),
    ...(captured && { source: captured.source }),
  };
}

interface Tally {
  readonly ranges: AppendedRange[];
  add(outcome: DeliveryOutcome): DeliveryOutcome;
  figures(): Omit<DeliverySummary, 'settled'>;
}

function createTally(): Tally {
  const ranges: AppendedRange[] = [];
  const byStatus = new Map<string, number>();
  const byReason = new Map<string, number>();
  let deliveries = 0;
  let records = 0;
  const count = (map: Map<string, number>, name: string): void => void map.set(name, (map.get(name) ?? 0) + 1);
  return {
    ranges,
    add(outcome) {
      deliveries += 1;
      records += outcome.accepted;
      count(byStatus, String(outcome.status));
      if (outcome.reason !== undefined) count(byReason, outcome.reason);
      return outcome;
    },
    figures: () => ({
      deliveries,
      records,
      by_status: Object.fromEntries(byStatus),
      by_reason: Object.fromEntries(byReason),
    }),
  };
}
