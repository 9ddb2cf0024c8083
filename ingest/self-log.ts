import { randomUUID } from 'node:crypto';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { HEADERS } from './log/event-log.ts';
import type { AppendedRange, EventLog, LogRecord } from './log/event-log.ts';
import { selfEventSchema } from './sources/custody-self.ts';
import type { SelfEvent } from './sources/custody-self.ts';

/** An act of Custody itself, before it gets its id and time. */
export type SelfAct = SelfEvent extends infer One ? (One extends SelfEvent ? Omit<One, 'id' | 'time'> : never) : never;

/** An act with the moment at which it happened, microseconds UTC, and its own id where the caller gives one. */
export interface DatedAct {
  readonly act: SelfAct;
  readonly at: Micros;
  readonly id?: string;
}

/** Tells acts of Custody itself: into the log, as everything else, so that they are evidence too. */
export interface SelfLog {
  /** Resolves when the act is durable; rejects if the log cannot take it. */
  tell(act: SelfAct): Promise<AppendedRange>;
  /** The same for several at once, in their order; all of them or none. */
  tellAll(acts: readonly DatedAct[]): Promise<AppendedRange>;
}

/** The instance under which a Custody speaks of itself. */
export const SELF_INSTANCE = 'custody';

/** Opens the own log of a tenant. `now` gives microseconds UTC. */
export function createSelfLog(log: Pick<EventLog, 'append'>, tenant: string, now: () => Micros): SelfLog {
  const headers = {
    [HEADERS.source]: 'custody.self',
    [HEADERS.instance]: SELF_INSTANCE,
    [HEADERS.tenant]: tenant,
    [HEADERS.delivery]: 'self',
  };
  const record = ({ act, at, id = randomUUID() }: DatedAct): LogRecord => {
    const event = selfEventSchema.parse({ ...act, id, time: formatMicros(at) });
    const timestampMs = Math.floor(now() / 1_000);
    return { timestampMs, key: id, value: Buffer.from(JSON.stringify(event)), headers };
  };
  const tellAll = (acts: readonly DatedAct[]): Promise<AppendedRange> =>
    log.append('custody.self', SELF_INSTANCE, acts.map(record));
  return { tell: (act) => tellAll([{ act, at: now() }]), tellAll };
}
