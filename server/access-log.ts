import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { DatedAct, SelfAct, SelfLog } from '../ingest/self-log.ts';
import type { Outcome } from '../model/action.ts';
import type { ActorRef } from '../model/actor.ts';
import { findSecrets } from '../model/secret-scan.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import type { Health } from './health.ts';

/** Somebody read evidence. */
export interface Access {
  readonly actor: ActorRef;
  readonly action: 'view' | 'query' | 'export';
  /** What was asked for: method and address with its filter, decoded. Secrets in it are replaced here. */
  readonly object: string;
  readonly outcome: Outcome;
  readonly address?: string;
  readonly purpose?: string;
}

export interface AccessLogDeps {
  readonly self: Pick<SelfLog, 'tellAll'>;
  /** Microseconds UTC. */
  readonly now: () => Micros;
  /** Told when accesses can no longer be kept, and when they can again. */
  readonly onFull?: (isFull: boolean) => void;
  readonly onFault?: (error: unknown) => void;
  /** Told at the end how many accesses could not be recorded, where there are any. */
  readonly onUntold?: (count: number) => void;
  /** Most different accesses that wait for the log; 10,000 when left out. */
  readonly most?: number;
}

/**
 * Tells our own log who read what (T-37). Reading does not wait for it: accesses gather in memory and are told within a
 * second; an equal one that follows within a minute is counted and told with the others of that minute. While the log is
 * away they wait, so many at most; what comes beyond that is answered and counted, the process says that it is not ready,
 * and the number is told as an access by nobody known, so that it stands in the evidence too. A process that is killed
 * loses what it had not told: a second of accesses, and of those that recur their number of up to a minute.
 */
export interface AccessLog {
  note(access: Access): void;
  /** Begins to tell; before, and in a process that serves nobody, nothing is noted. */
  start(): void;
  state(): { readonly waiting: number; readonly unrecorded: number };
  /** Tells what waits, once, and ends. */
  close(): Promise<void>;
}

const EVERY_MS = 1_000;
const REPEATS_US = 60_000_000;
const MOST = 10_000;
const ACTS_AT_ONCE = 500;
const MAX_OBJECT = 512;
const MAX_PURPOSE = 2_000;
const MAX_ADDRESS = 64;

interface Waiting {
  /** Of its event, so that what is told twice counts once. */
  readonly id: string;
  readonly access: Access;
  /** When it happened first, and from when it is to be told. */
  readonly at: Micros;
  readonly due: Micros;
  times: number;
}

export function createAccessLog({ self, now, onFull, onFault, onUntold, most = MOST }: AccessLogDeps): AccessLog {
  let waiting = new Map<string, Waiting>();
  const told = rememberTold(most);
  const lost = { count: 0, since: 0, total: 0 };
  let timer: NodeJS.Timeout | undefined;
  let telling: Promise<void> = Promise.resolve();

  async function tell(isEnd: boolean): Promise<void> {
    const due = isEnd ? Infinity : now();
    const some = [...waiting].filter(([, one]) => one.due <= due).slice(0, ACTS_AT_ONCE);
    const acts: DatedAct[] = some.map(([, one]) => ({ act: actOf(one), at: one.at, id: one.id }));
    const missed = lost.count;
    if (missed > 0) acts.unshift({ act: lostAct(missed, lost.since, now()), at: now() });
    if (acts.length === 0) return;
    // What is being told is taken out first, so that the same access meanwhile is one of its own.
    for (const [key] of some) waiting.delete(key);
    for (const [key] of some) told.add(key, now());
    try {
      await self.tellAll(acts);
    } catch (error) {
      // Nothing of it is in the log, or nobody can say. It is told again as it was: by its id, which is now its name here
      // too, a second telling is a duplicate, and the same access meanwhile is one of its own.
      waiting = new Map([...some.map(([, one]) => [one.id, one] as const), ...waiting]);
      onFault?.(error);
      return;
    }
    if (missed > 0) {
      lost.count -= missed;
      onFull?.(lost.count > 0);
    }
    await tell(isEnd);
  }

  function keep(key: string, access: Access): void {
    const before = told.at(key);
    const at = now();
    waiting.set(key, { id: randomUUID(), access, at, due: before === undefined ? at : before + REPEATS_US, times: 1 });
  }

  return {
    note(access) {
      if (!timer) return;
      const key = JSON.stringify([access.actor.key, access.action, access.object, access.outcome, access.address, access.purpose]); // prettier-ignore
      const held = waiting.get(key);
      if (held) held.times += 1;
      else if (waiting.size < most) keep(key, access);
      else {
        if (lost.count === 0) lost.since = now();
        lost.count += 1;
        lost.total += 1;
        if (lost.count === 1) onFull?.(true);
      }
    },
    start() {
      timer ??= setInterval(() => {
        telling = telling.then(() => tell(false));
      }, EVERY_MS).unref();
    },
    state: () => ({ waiting: waiting.size, unrecorded: lost.total }),
    async close() {
      if (!timer) return;
      clearInterval(timer);
      timer = undefined;
      await telling;
      await tell(true);
      const untold = [...waiting.values()].reduce((sum, { times }) => sum + times, lost.count);
      if (untold > 0) onUntold?.(untold);
    },
  };
}

/** The access log of a server: its health and its own lines tell of what could not be recorded. */
export function openAccessLog({
  health,
  logger,
  onUntold,
  ...deps
}: Pick<AccessLogDeps, 'self' | 'now'> & {
  readonly health: Health;
  readonly logger: Pick<FastifyBaseLogger, 'error' | 'warn'>;
  readonly onUntold: ((count: number) => void) | undefined;
}): AccessLog {
  return createAccessLog({
    ...deps,
    onFull: (isFull) => health.set('access_log_full', isFull),
    onFault: (error) => logger.warn({ err: error }, 'accesses to the evidence wait for the log'),
    onUntold(count) {
      logger.error({ count }, 'accesses to the evidence could not be recorded');
      onUntold?.(count);
    },
  });
}

/** What was told within the last minute, and when; the oldest are forgotten first. */
function rememberTold(most: number): { add(key: string, now: Micros): void; at(key: string): Micros | undefined } {
  const told = new Map<string, Micros>();
  return {
    add(key, now) {
      told.delete(key);
      told.set(key, now);
      for (const [oldest, at] of told) {
        if (told.size <= most && now - at < REPEATS_US) break;
        told.delete(oldest);
      }
    },
    at: (key) => told.get(key),
  };
}

// Everything here fits the schema of our own log whatever a caller sent: one access that did not would keep all others back.
function actOf({ access, times }: Waiting): SelfAct {
  const { actor, action, object, outcome, address, purpose } = access;
  const display = cut(actor.display ?? '', MAX_OBJECT);
  return {
    type: 'evidence.accessed',
    outcome,
    actor: {
      kind: actor.kind,
      key: actor.key.length > MAX_OBJECT ? '' : actor.key,
      ...(display === '' ? {} : { display }),
    },
    access: {
      action,
      object: withoutSecrets(object, MAX_OBJECT),
      allowed: outcome !== 'denied',
      ...(address === undefined ? {} : { address: cut(address, MAX_ADDRESS) }),
      ...(purpose === undefined ? {} : { purpose: withoutSecrets(purpose, MAX_PURPOSE) }),
      ...(times > 1 ? { times } : {}),
    },
  };
}

/** Nobody is named: so T-37 shows it as an access of which nothing says who it was. */
function lostAct(count: number, since: Micros, until: Micros): SelfAct {
  const period = `${formatMicros(since)} to ${formatMicros(until)}`;
  return {
    type: 'evidence.accessed',
    outcome: 'success',
    access: { action: 'query', object: `${count} accesses that could not be recorded, ${period}` },
  };
}

/** Text without what looks like a secret, cut to its bound. */
function withoutSecrets(text: string, most: number): string {
  let safe = '';
  let from = 0;
  for (const { start, end, rule } of findSecrets(text)) {
    safe += `${text.slice(from, start)}[REDACTED:${rule}]`;
    from = end;
  }
  return cut(safe + text.slice(from), most);
}

/** A pair of surrogates that the cut would part is replaced: text in the log is always whole. */
function cut(text: string, most: number): string {
  return (text.length > most ? `${text.slice(0, most - 1)}…` : text).toWellFormed();
}
