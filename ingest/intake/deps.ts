import type { Policy } from '../../model/policy.ts';
import type { Reason } from '../../model/reason.ts';
import type { Source } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import type { AppendedRange, EventLog } from '../log/event-log.ts';
import type { LocalIndex } from '../log/local-index.ts';
import type { SourceAdapter } from '../sources/adapter.ts';
import type { AppendedGroup } from './append.ts';
import type { CredentialBook } from './credentials.ts';
import type { InFlight } from './in-flight.ts';
import type { ScanOptions, ScanResult } from './scan-types.ts';
import type { KeysOf } from './security-event-token.ts';

/** How many records ended how, once the worker has stored them. */
export interface Settled {
  readonly accepted: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly rejected: Readonly<Partial<Record<Reason, number>>>;
}

/**
 * Waits until the worker has stored every record of these ranges, and counts how they ended. Rejects with the Problem
 * `unavailable` when the worker cannot go on or `signal` aborts.
 */
export type Settle = (ranges: readonly AppendedRange[], signal?: AbortSignal) => Promise<Settled>;

/** Throws the Problem `unauthenticated` or `forbidden` unless the Authorization header allows to operate this Custody. */
export type AuthorizeOperator = (authorization: string | undefined, permission: 'operate') => Promise<unknown>;

/** All that the intake needs; the composition gives it, tests give fakes. */
export interface IntakeDeps {
  readonly log: Pick<EventLog, 'append'>;
  /** The index beside the embedded log. Without it, imports are idempotent by the worker alone, and nothing answers 409. */
  readonly index?: LocalIndex;
  readonly policy: Policy;
  readonly credentials: CredentialBook;
  readonly adapterFor: (source: Source) => SourceAdapter | undefined;
  readonly scan: (bytes: Buffer, options: ScanOptions) => ScanResult;
  /** The clock, microseconds UTC: when something was received, and whether a signature is fresh. */
  readonly now: () => Micros;
  readonly settle: Settle;
  /** Signs what the door promises of records that are durable now (receipts.ts); without it no receipts are given. */
  readonly signReceipt?: (group: AppendedGroup, receivedAt: Micros) => string | undefined;
  /** Resolves when everything that the log holds now is stored. */
  readonly idle?: () => Promise<void>;
  /** Who may use the routes for files and replays. */
  readonly authorize: AuthorizeOperator;
  /** Keys of the issuers of security event tokens; without it none is taken. */
  readonly keysOf?: KeysOf;
  /** The gate of bodies, where others look at it too. */
  readonly inFlight?: InFlight;
  /** Bytes of bodies that may be held at once; 64 MiB when left out. */
  readonly maxBytesInFlight?: number;
}
