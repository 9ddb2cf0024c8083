import { hash, randomUUID } from 'node:crypto';
import type { Settle } from '../ingest/intake/deps.ts';
import type { SelfAct, SelfLog } from '../ingest/self-log.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { Problem } from '../model/problem.ts';
import { findSecrets } from '../model/secret-scan.ts';
import type { Act } from '../query/dispositions/second-person.ts';
import type { Principal } from './authorize.ts';

/**
 * What the routes share by which people say something that is kept for ever, of an exception or of a gap: one after the
 * other, durable before it is answered, and the same act when the same key is sent again.
 */

export const MAX_SAID_BYTES = 32 * 1_024;
/** So long an answer waits until what is durable can be read back too. */
const SETTLE_MS = 10_000;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

/** Writes acts on subjects (ids of exceptions, of gaps) into our own log. */
export interface ActWriter<One extends Act> {
  /** Runs when every turn before it has ended: each act is judged by what stood before it. */
  inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer>;
  /** What is stored, and behind it what was written here and cannot be read back yet. */
  withUnread(subject: string, stored: readonly One[]): readonly One[];
  /** Resolves when the act is durable: 201 if it was read back too, else 202. */
  write(subject: string, act: One, told: SelfAct): Promise<201 | 202>;
}

/** A writer over the own log of a process. */
export function createActWriter<One extends Act>(deps: {
  readonly self: SelfLog;
  readonly settle: Settle;
}): ActWriter<One> {
  let tail: Promise<unknown> = Promise.resolve();
  const unread = new Map<string, { readonly subject: string; readonly act: One }>();
  return {
    inTurn(work) {
      const turn = tail.then(work);
      tail = turn.catch(() => undefined);
      return turn;
    },
    withUnread(subject, stored) {
      for (const { id } of stored) unread.delete(id);
      return [...stored, ...[...unread.values()].flatMap((one) => (one.subject === subject ? [one.act] : []))];
    },
    async write(subject, act, told) {
      const { id, at } = act;
      const range = await deps.self.tellAll([{ act: told, at, id }]);
      unread.set(id, { subject, act });
      const isStored = await deps.settle([range], AbortSignal.timeout(SETTLE_MS)).then(
        () => unread.delete(id),
        () => false,
      );
      return isStored ? 201 : 202;
    },
  };
}

/** Free text goes into the log for ever: what looks like a secret is not taken. */
export function refuseSecrets(body: object): void {
  for (const [name, value] of Object.entries(body))
    if (typeof value === 'string' && findSecrets(value).length > 0)
      throw new Problem(
        'invalid_request',
        `${name} holds what looks like a secret. Nothing was written: leave it out and send again.`,
      );
}

/** The id of an act: the same for the same caller, subject and key, whichever server takes it; else made up. */
export function actId(
  domain: string,
  tenant: string,
  subject: string,
  { issuer, subject: caller }: Principal,
  key: unknown,
): string {
  if (key === undefined) return randomUUID();
  if (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key))
    throw new Problem('invalid_request', 'Idempotency-Key must be 1 to 200 printable characters without spaces.');
  const hex = hash('sha256', canonicalJson([domain, tenant, subject, issuer, caller, key]), 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
