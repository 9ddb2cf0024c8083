import { setTimeout as sleep } from 'node:timers/promises';
import { judgeAnswer } from './judge-answer.ts';
import type { Meaning, Refusal } from './judge-answer.ts';
import type { KeptReceipt, LineFile, Refused } from './line-files.ts';
import { judgeReceipt } from './receipts.ts';
import type { ReceiptKeys } from './receipts.ts';
import type { Batch, Spool, Spooled } from './spool.ts';
import type { Answer, Transport } from './transport.ts';

/** Something that an operator should hear, once for each cause. */
export interface Notice {
  readonly code: 'waiting' | 'blocked' | 'again' | 'refused' | 'no_receipts' | 'bad_receipt' | 'damaged';
  readonly message: string;
}

export interface SenderDeps {
  readonly spool: Spool;
  readonly transport: Transport;
  readonly keys: ReceiptKeys;
  readonly refused: LineFile<Refused>;
  readonly receipts: LineFile<KeptReceipt>;
  readonly maxBatchEvents: number;
  readonly maxBatchBytes: number;
  /** Milliseconds: the first wait after a fault, and the longest. */
  readonly backoffMs: readonly [number, number];
  readonly notify: (notice: Notice) => void;
}

/** What the sender is doing. `waiting`: Custody will be asked again by itself. `blocked`: it will, but somebody must act. */
export interface SenderState {
  readonly state: 'idle' | 'sending' | 'waiting' | 'blocked';
  readonly why?: string;
  readonly refused: number;
}

export interface Sender {
  state(): SenderState;
  /** Ends after the request that is under way; nothing is lost, the rest is in the spool. */
  stop(): Promise<void>;
}

const BATCH_TYPE = 'application/cloudevents-batch+json';
const DOOR = '/v1/ingest/cloudevents';

/** Sends what is in the spool, in order and one batch at a time, until it is stopped. */
export function startSender(deps: SenderDeps): Sender {
  const stopping = new AbortController();
  const view: { state: SenderState['state']; why: string | undefined; refused: number } = {
    state: 'idle',
    why: undefined,
    refused: 0,
  };
  const run = createRun(deps, stopping.signal, view);
  const done = (async () => {
    while (!stopping.signal.aborted) {
      view.state = 'idle';
      await deps.spool.more(stopping.signal);
      if (stopping.signal.aborted) return;
      await run().catch(async (error: unknown) => {
        // The disk is full or gone: nothing was settled, so that all of it is sent again when it is back.
        view.state = 'blocked';
        view.why = `The files of the spool cannot be written: ${error instanceof Error ? error.message : String(error)}`;
        deps.notify({ code: 'blocked', message: view.why });
        await pause(deps.backoffMs[1], stopping.signal);
      });
    }
  })();
  return {
    state: () => ({ state: view.state, refused: view.refused, ...(view.why !== undefined && { why: view.why }) }),
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

type View = { state: SenderState['state']; why: string | undefined; refused: number };

function createRun(deps: SenderDeps, signal: AbortSignal, view: View): () => Promise<void> {
  const { spool, notify } = deps;
  let faults = 0;
  const said = new Set<string>();
  const once = (notice: Notice): void => {
    if (said.has(notice.code)) return;
    said.add(notice.code);
    notify(notice);
  };

  const post = async (events: readonly Spooled[]): Promise<{ meaning: Meaning; answer: Answer } | undefined> => {
    while (!signal.aborted) {
      if (faults === 0) view.state = 'sending';
      const answer = await deps.transport.post(
        DOOR,
        BATCH_TYPE,
        `[${events.map(({ json }) => json).join(',')}]`,
        signal,
      );
      if (signal.aborted && answer.status === 0) return undefined;
      const meaning = judgeAnswer(answer, events.length);
      if (meaning.is !== 'wait' && meaning.is !== 'blocked') {
        if (faults > 0)
          notify({ code: 'again', message: 'Custody answers again; what is in the spool is being sent.' });
        for (const code of ['waiting', 'blocked']) said.delete(code);
        faults = 0;
        view.why = undefined;
        return { meaning, answer };
      }
      faults += 1;
      view.state = meaning.is === 'wait' ? 'waiting' : 'blocked';
      view.why = meaning.why;
      once({ code: view.state, message: `${meaning.why} Events are kept in the spool and sent again.` });
      await pause(waitMs(faults, meaning.atLeastMs, deps.backoffMs), signal);
    }
    return undefined;
  };

  /** Gives whether all of it was answered; not so only where the sender is stopped. */
  const deliver = async (events: readonly Spooled[]): Promise<boolean> => {
    if (events.length === 0) return true;
    const end = await post(events);
    if (end === undefined) return false;
    if (end.meaning.is === 'taken') {
      await keepReceipt(deps, events, end.answer, once);
      return true;
    }
    if (end.meaning.is === 'refused') {
      const { refusals } = end.meaning;
      await refuse(deps, view, refusals.map((refusal) => ({ refusal, event: events[refusal.index] }))); // prettier-ignore
      const bad = new Set(refusals.map(({ index }) => index));
      return deliver(events.filter((_, index) => !bad.has(index)));
    }
    const half = Math.ceil(events.length / 2);
    return (await deliver(events.slice(0, half))) && deliver(events.slice(half));
  };

  return async () => {
    const batch: Batch = await spool.peek(deps.maxBatchEvents, deps.maxBatchBytes);
    const damaged = batch.events.filter((event) => event.damaged);
    if (damaged.length > 0) {
      const why: Refusal = { index: 0, status: 0, reason: 'damaged', detail: 'The line in the spool cannot be read.' };
      await refuse(deps, view, damaged.map((event) => ({ refusal: why, event }))); // prettier-ignore
    }
    if (await deliver(batch.events.filter((event) => !event.damaged))) spool.settle(batch);
  };
}

async function keepReceipt(
  { keys, receipts, notify }: SenderDeps,
  events: readonly Spooled[],
  answer: Answer,
  once: (notice: Notice) => void,
): Promise<void> {
  const { receipt } = answer.body;
  if (typeof receipt !== 'string') {
    once({ code: 'no_receipts', message: 'This Custody gives no receipts; that it took the events rests on its 202.' });
    return;
  }
  const judged = await judgeReceipt(receipt, keys, events.length);
  if (judged.verified === 'no') notify({ code: 'bad_receipt', message: judged.why ?? '' });
  const envelopes = events.map(({ json }) => JSON.parse(json) as { id: string; sequence: string });
  const sequences = [envelopes[0]?.sequence ?? '', envelopes.at(-1)?.sequence ?? ''] as const;
  const ids = envelopes.map(({ id }) => id);
  await receipts.add([{ at: new Date().toISOString(), ids, sequences, receipt, ...judged }]);
}

async function refuse(
  { refused, notify }: SenderDeps,
  view: View,
  entries: readonly { readonly refusal: Refusal; readonly event: Spooled | undefined }[],
): Promise<void> {
  const at = new Date().toISOString();
  const lines = entries.flatMap(({ refusal: { status, reason, detail, path, remedy }, event }): readonly Refused[] => {
    if (event === undefined) return [];
    const more = { ...(path !== undefined && { path }), ...(remedy !== undefined && { remedy }) };
    return [{ at, ...idOf(event), status, reason, detail, ...more, event: event.json }];
  });
  await refused.add(lines);
  view.refused += lines.length;
  for (const { id, sequence, reason, detail } of lines)
    notify({ code: reason === 'damaged' ? 'damaged' : 'refused', message: `${id} (${sequence}): ${reason}. ${detail} It stands in ${refused.path}` }); // prettier-ignore
}

function idOf({ json, damaged, sequence }: Spooled): { readonly id: string; readonly sequence: string } {
  if (damaged) return { id: '', sequence: `after ${sequence}` };
  const { id, sequence: own } = JSON.parse(json) as { id: string; sequence: string };
  return { id, sequence: own };
}

/** Doubles with each fault up to the longest wait, of which a random half is taken, so that many issuers spread out. */
function waitMs(faults: number, atLeastMs: number | undefined, [first, longest]: SenderDeps['backoffMs']): number {
  const base = Math.min(longest, first * 2 ** Math.min(faults - 1, 20));
  const jittered = base / 2 + Math.random() * (base / 2);
  return atLeastMs === undefined ? jittered : Math.max(jittered, atLeastMs * (1 + Math.random() / 10));
}

async function pause(millis: number, signal: AbortSignal): Promise<void> {
  await sleep(millis, undefined, { signal, ref: false }).catch(() => undefined);
}
