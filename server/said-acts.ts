import { hash, randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Settle } from '../ingest/intake/deps.ts';
import type { SelfAct, SelfLog } from '../ingest/self-log.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { Problem } from '../model/problem.ts';
import { findSecrets } from '../model/secret-scan.ts';
import { read } from '../query/api-schemas.ts';
import type { Act } from '../query/dispositions/second-person.ts';
import type { Authorize, Principal } from './authorize.ts';

/**
 * What the routes share by which people say something that is kept for ever, of an exception or of a gap: one after the
 * other, durable before it is answered, and the same act when the same key is sent again.
 */

const MAX_SAID_BYTES = 32 * 1_024;
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

/** What somebody asks to be written. */
export interface Asked<Body> {
  readonly subject: string;
  readonly body: Body;
  /** That of the act: known before, so that the same key is the same act. */
  readonly id: string;
  readonly caller: Principal;
}

export interface ActRoute<Body extends object> {
  readonly tenant: string;
  readonly authorize: Authorize;
  readonly writer: Pick<ActWriter<Act>, 'inTurn'>;
  /** With the subject as `:id`. */
  readonly url: string;
  /** Where the act can be read. */
  readonly location: (subject: string) => string;
  /** Keeps ids of acts on exceptions and on gaps apart. */
  readonly domain: string;
  readonly schema: z.ZodType<Body>;
  /** 201: written and read back. 202: durable, and not yet read back. 200: it was written before. */
  readonly say: (asked: Asked<Body>) => Promise<{ readonly status: 200 | 201 | 202 }>;
}

/** The route, for managers. Who says it is known before the body is read, and nothing of a refused act is left behind. */
export function addActRoute<Body extends object>(app: FastifyInstance, route: ActRoute<Body>): void {
  const callers = new WeakMap<FastifyRequest, Principal>();
  app.route<{ Params: { id: string } }>({
    method: 'POST',
    url: route.url,
    bodyLimit: MAX_SAID_BYTES,
    onRequest: async (request) =>
      void callers.set(request, await route.authorize(request.headers.authorization, 'dispose')),
    handler: async (request, reply) => {
      const caller = callers.get(request);
      if (!caller) throw new Problem('internal', 'The caller was not checked.');
      const body = read(route.schema, request.body ?? {});
      refuseSecrets(body);
      const { id: subject } = request.params;
      const id = actId(route.domain, route.tenant, subject, caller, request.headers['idempotency-key']);
      const { status, ...answer } = await route.writer.inTurn(() => route.say({ subject, body, id, caller }));
      return reply.code(status).header('location', route.location(subject)).send(answer);
    },
  });
}

/** Free text goes into the log for ever: what looks like a secret is not taken. */
function refuseSecrets(body: object): void {
  for (const [name, value] of Object.entries(body))
    if (typeof value === 'string' && findSecrets(value).length > 0)
      throw new Problem(
        'invalid_request',
        `${name} holds what looks like a secret. Nothing was written: leave it out and send again.`,
      );
}

/** The id of an act: the same for the same caller, subject and key, whichever server takes it; else made up. */
function actId(
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
