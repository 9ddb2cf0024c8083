import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildEvent } from './build-event.ts';
import { BOUNDS } from './check-event.ts';
import type { EventDraft } from './event-types.ts';
import { IssuerKitError } from './kit-error.ts';
import { openLineFile } from './line-files.ts';
import type { KeptReceipt, Refused } from './line-files.ts';
import type { KeySet } from './receipt.ts';
import { createReceiptKeys, findReceipt, redeem } from './receipts.ts';
import { startSender } from './sender.ts';
import type { Notice, SenderState } from './sender.ts';
import { openSpool } from './spool.ts';
import { createTransport } from './transport.ts';

export interface IssuerOptions {
  /** Where Custody answers: https, or http on this machine. */
  readonly url: string;
  /** The bearer credential of this source, or what gives the one that is valid now. */
  readonly token: string | (() => string | Promise<string>);
  /** The CloudEvents source: the stable URI under which this installation is registered with Custody. */
  readonly source: string;
  /** A folder on a disk that survives a restart; one process at a time sends from it. */
  readonly spoolFolder: string;
  /** Bytes that may wait for Custody: 256 MiB. Beyond them `emit` waits, and then refuses; nothing is dropped. */
  readonly maxSpoolBytes?: number;
  /** Milliseconds that `emit` waits for room: 10,000. */
  readonly waitForRoomMs?: number;
  /** The sequence that a source without a spool begins with: 1. */
  readonly firstSequence?: number;
  /** At most so many events and bytes travel together: 100 and 512 KiB. */
  readonly maxBatchEvents?: number;
  readonly maxBatchBytes?: number;
  /** Milliseconds until an answer must be there: 30,000. */
  readonly timeoutMs?: number;
  /** Milliseconds: the first wait after a fault and the longest: 250 and 60,000. `Retry-After` goes over them. */
  readonly backoffMs?: readonly [number, number];
  /** Keys by which receipts are verified; left out, they are asked for at `/v1/log/keys`. */
  readonly receiptKeys?: KeySet;
  /** Is told what an operator should hear; left out, it becomes a warning of the process. */
  readonly onNotice?: (notice: Notice) => void;
  readonly fetch?: typeof fetch;
}

export interface IssuerStatus extends SenderState {
  /** Events on the disk that Custody has not answered yet, and their bytes. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** The last sequence that was given. */
  readonly sequence: number;
}

/** The reporting side of an issuer. */
export interface Issuer {
  /**
   * Checks an event and puts it on the disk; it is sent from there for as long as it takes. Call it in the transaction
   * of the decision, before the token is handed out: what is acknowledged here survives a crash. Throws an
   * IssuerKitError: `invalid_event` (nothing was kept), `spool_full`, `spool_broken`, `closed`.
   */
  emit(draft: EventDraft): Promise<{ readonly id: string; readonly sequence: number }>;
  /** Resolves with true when Custody has answered everything that was emitted, with false when the time is over. */
  flush(timeoutMs?: number): Promise<boolean>;
  status(): IssuerStatus;
  /** Events that Custody did not take, with the reasons, from the file `refused.ndjson` of the spool's folder. */
  refused(): AsyncIterable<Refused>;
  /** The receipt that was kept for an event; undefined if there is none. */
  receiptOf(id: string): Promise<KeptReceipt | undefined>;
  /** Redeems the receipt of an event for the proof that it stands in the log. Throws `receipt_unavailable`. */
  redeem(id: string): Promise<Readonly<Record<string, unknown>>>;
  /** Stops sending and closes the files. What was not sent is sent when the spool is opened again. */
  close(): Promise<void>;
}

const MEBIBYTE = 1_048_576;
const LEAST_SPOOL = 8 * BOUNDS.eventBytes;

/**
 * Opens the spool of a source and begins to send what is in it. Throws an IssuerKitError: `configuration` for options
 * that cannot work, `spool_in_use` where another process has the folder.
 */
export async function openIssuer(options: IssuerOptions): Promise<Issuer> {
  const { source, maxSpoolBytes = 256 * MEBIBYTE, maxBatchBytes = MEBIBYTE / 2, firstSequence = 1 } = options;
  if (source === '' || source.length > BOUNDS.string) throw wrong('source must be the URI of this installation');
  if (maxSpoolBytes < LEAST_SPOOL) throw wrong(`maxSpoolBytes must be at least ${LEAST_SPOOL}`);
  // A whole event must fit, with the brackets and commas of a batch around it.
  if (maxBatchBytes < 2 * BOUNDS.eventBytes || maxBatchBytes > BOUNDS.batchBytes - 1_024)
    throw wrong(`maxBatchBytes must lie between ${2 * BOUNDS.eventBytes} and ${BOUNDS.batchBytes - 1_024}`);
  if (!Number.isSafeInteger(firstSequence) || firstSequence < 0) throw wrong('firstSequence must be a whole number');
  const folder = resolve(options.spoolFolder);
  const transport = createTransport({ ...options, timeoutMs: options.timeoutMs ?? 30_000 });
  const spool = await openSpool({ folder, source, maxBytes: maxSpoolBytes, firstSequence });
  const refused = openLineFile<Refused>(folder, 'refused.ndjson');
  const receipts = openLineFile<KeptReceipt>(folder, 'receipts.ndjson');
  const sender = startSender({
    spool,
    transport,
    keys: createReceiptKeys(transport, options.receiptKeys),
    refused,
    receipts,
    maxBatchEvents: options.maxBatchEvents ?? 100,
    maxBatchBytes,
    backoffMs: options.backoffMs ?? [250, 60_000],
    notify: options.onNotice ?? warn,
  });
  return {
    async emit(draft) {
      const event = buildEvent(draft, source);
      return { id: event.id, sequence: await spool.append(event, options.waitForRoomMs ?? 10_000) };
    },
    async flush(timeoutMs = 30_000) {
      const end = performance.now() + timeoutMs;
      while (spool.state().pending > 0 && performance.now() < end) await sleep(20);
      return spool.state().pending === 0;
    },
    status() {
      const { pending, bytes, last } = spool.state();
      return { ...sender.state(), pending, pendingBytes: bytes, sequence: last };
    },
    refused: () => refused.read(),
    receiptOf: (id) => findReceipt(receipts, id),
    async redeem(id) {
      const kept = await findReceipt(receipts, id);
      if (kept === undefined)
        throw new IssuerKitError(
          'receipt_unavailable',
          `No receipt was kept for ${id}: it is not sent, or was given none.`,
        );
      return redeem(transport, kept.receipt);
    },
    async close() {
      await sender.stop();
      await spool.close();
    },
  };
}

function wrong(message: string): IssuerKitError {
  return new IssuerKitError('configuration', `${message}.`);
}

function warn({ code, message }: Notice): void {
  process.emitWarning(message, { type: 'CustodyIssuerKit', code });
}
