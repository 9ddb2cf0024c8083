import { randomUUID } from 'node:crypto';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { HEADERS } from './log/event-log.ts';
import type { AppendedRange, EventLog } from './log/event-log.ts';
import { selfEventSchema } from './sources/custody-self.ts';
import type { SelfEvent } from './sources/custody-self.ts';

/** An act of Custody itself, before it gets its id and time. */
export type SelfAct = SelfEvent extends infer One ? (One extends SelfEvent ? Omit<One, 'id' | 'time'> : never) : never;

/** Tells acts of Custody itself: into the log, as everything else, so that they are evidence too. */
export interface SelfLog {
  /** Resolves when the act is durable; rejects if the log cannot take it. */
  tell(act: SelfAct): Promise<AppendedRange>;
}

/** The instance under which a Custody speaks of itself. */
export const SELF_INSTANCE = 'custody';

/** Opens the own log of a tenant. `now` gives microseconds UTC. */
export function createSelfLog(log: Pick<EventLog, 'append'>, tenant: string, now: () => Micros): SelfLog {
  return {
    tell(act) {
      const at = now();
      const id = randomUUID();
      const event = selfEventSchema.parse({ ...act, id, time: formatMicros(at) });
      const headers = {
        [HEADERS.source]: 'custody.self',
        [HEADERS.instance]: SELF_INSTANCE,
        [HEADERS.tenant]: tenant,
        [HEADERS.delivery]: 'self',
      };
      const value = Buffer.from(JSON.stringify(event));
      return log.append('custody.self', SELF_INSTANCE, [{ timestampMs: Math.floor(at / 1_000), key: id, value, headers }]);
    },
  };
} // prettier-ignore
