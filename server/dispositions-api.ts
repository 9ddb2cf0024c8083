import { hash, randomUUID } from 'node:crypto';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { Settle } from '../ingest/intake/deps.ts';
import type { SelfAct, SelfLog } from '../ingest/self-log.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { dispositionBody } from '../model/disposition.ts';
import { testOfException } from '../model/exception-id.ts';
import type { DispositionBody, DispositionFact, FoundException } from '../model/disposition.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import { findSecrets } from '../model/secret-scan.ts';
import { formatMicros, parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { read } from '../query/api-schemas.ts';
import { foldDispositions, objectionTo } from '../query/dispositions/fold-dispositions.ts';
import type { DispositionAct } from '../query/dispositions/fold-dispositions.ts';
import { createDispositionReader } from '../query/dispositions/read-dispositions.ts';
import type { DispositionReader } from '../query/dispositions/read-dispositions.ts';
import { findRunOfTest } from '../store/queries/find-check-runs.ts';
import type { Reader } from '../store/query.ts';
import type { Authorize, Principal } from './authorize.ts';
import { actorOf } from './principal-actor.ts';

export interface DispositionsApiDeps {
  readonly reader: Reader;
  readonly policy: Policy;
  readonly authorize: Authorize;
  readonly self: SelfLog;
  readonly settle: Settle;
  /** Microseconds UTC. */
  readonly now: () => Micros;
}

const MAX_BODY_BYTES = 32 * 1_024;
/** So long an answer waits until what is durable can be read back too. */
const SETTLE_MS = 10_000;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

interface Deps extends DispositionsApiDeps {
  readonly dispositions: DispositionReader;
  /** Acts that are durable and cannot be read back yet, by their id: the next act is judged by them too. */
  readonly unread: Map<string, { readonly exception: string; readonly act: DispositionAct }>;
}

/**
 * `POST /v1/exceptions/{id}/dispositions`, for managers: a response, a classification, the confirmation of one by a second
 * person, a re-test. Each is an event of our own log, never changed and never taken back; it is answered when it is
 * durable. The same `Idempotency-Key` of the same caller is the same act: with the same content it is answered again, with
 * other content refused (409). What is refused leaves nothing behind.
 */
export function createDispositionsApi(given: DispositionsApiDeps): FastifyPluginAsync {
  const deps: Deps = { ...given, dispositions: createDispositionReader(given.reader, given.policy), unread: new Map() }; // prettier-ignore
  const callers = new WeakMap<FastifyRequest, Principal>();
  // One after the other: each is judged by what stood before it.
  let tail: Promise<unknown> = Promise.resolve();
  return (app) => {
    app.route<{ Params: { id: string } }>({
      method: 'POST',
      url: '/v1/exceptions/:id/dispositions',
      bodyLimit: MAX_BODY_BYTES,
      onRequest: async (request) =>
        void callers.set(request, await deps.authorize(request.headers.authorization, 'dispose')),
      handler: async (request, reply) => {
        const caller = callers.get(request);
        if (!caller) throw new Problem('internal', 'The caller was not checked.');
        const body = read(dispositionBody, request.body ?? {});
        refuseSecrets(body);
        const id = actId(deps.policy.tenant, request.params.id, caller, request.headers['idempotency-key']);
        const turn = tail.then(() => dispose(deps, { exception: request.params.id, body, id, caller }));
        tail = turn.catch(() => undefined);
        const { status, ...answer } = await turn;
        return reply.code(status).header('location', `/v1/exceptions/${request.params.id}/dispositions`).send(answer);
      },
    });
    return Promise.resolve();
  };
}

interface Asked {
  readonly exception: string;
  readonly body: DispositionBody;
  readonly id: string;
  readonly caller: Principal;
}

/** 201: written and read back. 202: durable, and not yet read back. 200: it was written before. */
interface Disposed {
  readonly status: 200 | 201 | 202;
  readonly id: string;
  readonly dispositions: ReturnType<typeof foldDispositions>;
}

async function dispose(deps: Deps, { exception: name, body, id, caller }: Asked): Promise<Disposed> {
  const { dispositions, now, self } = deps;
  const exception = await dispositions.exception(name);
  const [stored, identities] = await Promise.all([dispositions.actsOn(name), dispositions.identities()]);
  const acts = [...stored, ...unreadOf(deps, name, stored)];
  const held = acts.find((act) => act.id === id);
  if (held) {
    if (canonicalJson(asked(held.said)) !== canonicalJson(body))
      throw new Problem('conflict', 'This Idempotency-Key stands on another disposition already.');
    return { status: 200, id, dispositions: foldDispositions(name, acts, identities) };
  }
  const said = body.kind === 'retest' ? await readRetest(deps, exception, body) : body;
  const about = await dispositions.about(exception);
  const act: DispositionAct = { id, at: now(), actor: actorOf(caller), about, said };
  const objection = objectionTo(act, acts, identities);
  if (objection) throw new Problem(objection.code, `${objection.why} Nothing was written.`);
  const { actor, at } = act;
  const { kind, key, display } = actor;
  const told: SelfAct = {
    type: 'exception.disposition',
    exception: name,
    said,
    about: [...about],
    actor: { kind, key, ...(display === undefined ? {} : { display }) },
  };
  const range = await self.tellAll([{ act: told, at, id }]);
  deps.unread.set(id, { exception: name, act });
  const isStored = await deps.settle([range], AbortSignal.timeout(SETTLE_MS)).then(
    () => deps.unread.delete(id),
    () => false,
  );
  return { status: isStored ? 201 : 202, id, dispositions: foldDispositions(name, [...acts, act], identities) };
}

/** What was written here and is not read back yet; what is read back is forgotten. */
function unreadOf({ unread }: Deps, exception: string, stored: readonly DispositionAct[]): readonly DispositionAct[] {
  for (const { id } of stored) unread.delete(id);
  return [...unread.values()].flatMap((one) => (one.exception === exception ? [one.act] : []));
}

/** What the run had found. It must be of the same test, and of a time behind the exception: of the population since. */
async function readRetest(
  { reader, policy }: Deps,
  exception: FoundException,
  body: Extract<DispositionBody, { kind: 'retest' }>,
): Promise<DispositionFact> {
  const test = testOfException(exception.id);
  const [run] = await reader.read(findRunOfTest(policy.tenant, body.run, test, exception));
  if (!run)
    throw new Problem(
      'not_found',
      `No kept check of ${test} has this run. \`GET /v1/check/runs\` lists those of a period.`,
    );
  const from = formatMicros(run.from_us);
  if (run.from_us <= (parseStamp(exception.at)?.at ?? 0))
    throw new Problem(
      'conflict',
      `A re-test looks at the time behind the exception (${exception.at}); this run begins at ${from}.`,
    );
  return {
    ...body,
    from,
    to: formatMicros(run.to_us),
    as_of: formatMicros(run.as_of_us),
    population: run.population,
    exceptions: run.exceptions,
    undetermined: run.undetermined,
    result: run.result,
    recurred: run.recurred > 0,
    digest: run.digest,
  };
}

/** What had been sent for a disposition. */
function asked(said: DispositionFact): DispositionBody {
  if (said.kind !== 'retest') return said;
  const { kind, run, text } = said;
  return { kind, run, ...(text === undefined ? {} : { text }) };
}

/** Free text goes into the log for ever: what looks like a secret is not taken. */
function refuseSecrets(body: DispositionBody): void {
  for (const [name, value] of Object.entries(body))
    if (typeof value === 'string' && findSecrets(value).length > 0)
      throw new Problem(
        'invalid_request',
        `${name} holds what looks like a secret. Nothing was written: leave it out and send again.`,
      );
}

/** The id of an act: the same for the same caller, exception and key, whichever server takes it; else made up. */
function actId(tenant: string, exception: string, { issuer, subject }: Principal, key: unknown): string {
  if (key === undefined) return randomUUID();
  if (typeof key !== 'string' || !IDEMPOTENCY_KEY.test(key))
    throw new Problem('invalid_request', 'Idempotency-Key must be 1 to 200 printable characters without spaces.');
  const hex = hash('sha256', canonicalJson(['custody-disposition/v1', tenant, exception, issuer, subject, key]), 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
