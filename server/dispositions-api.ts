import type { FastifyPluginAsync } from 'fastify';
import type { Settle } from '../ingest/intake/deps.ts';
import type { SelfAct, SelfLog } from '../ingest/self-log.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { dispositionBody } from '../model/disposition.ts';
import { testOfException } from '../model/exception-id.ts';
import type { DispositionBody, DispositionFact, FoundException } from '../model/disposition.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import { formatMicros, parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { foldDispositions, objectionTo } from '../query/dispositions/fold-dispositions.ts';
import type { DispositionAct } from '../query/dispositions/fold-dispositions.ts';
import { createDispositionReader } from '../query/dispositions/read-dispositions.ts';
import type { DispositionReader } from '../query/dispositions/read-dispositions.ts';
import { findRunOfTest } from '../store/queries/find-check-runs.ts';
import type { Reader } from '../store/query.ts';
import type { Authorize } from './authorize.ts';
import { actorOf } from './principal-actor.ts';
import { addActRoute, createActWriter } from './said-acts.ts';
import type { ActWriter, Asked } from './said-acts.ts';

export interface DispositionsApiDeps {
  readonly reader: Reader;
  readonly policy: Policy;
  readonly authorize: Authorize;
  readonly self: SelfLog;
  readonly settle: Settle;
  /** Microseconds UTC. */
  readonly now: () => Micros;
}

interface Deps extends DispositionsApiDeps {
  readonly dispositions: DispositionReader;
  readonly writer: ActWriter<DispositionAct>;
}

/**
 * `POST /v1/exceptions/{id}/dispositions`, for managers: a response, a classification, the confirmation of one by a second
 * person, a re-test. Each is an event of our own log, never changed and never taken back; it is answered when it is
 * durable. The same `Idempotency-Key` of the same caller is the same act: with the same content it is answered again, with
 * other content refused (409). What is refused leaves nothing behind.
 */
export function createDispositionsApi(given: DispositionsApiDeps): FastifyPluginAsync {
  const deps: Deps = { ...given, dispositions: createDispositionReader(given.reader, given.policy), writer: createActWriter(given) }; // prettier-ignore
  return (app) => {
    addActRoute(app, {
      tenant: deps.policy.tenant,
      authorize: deps.authorize,
      writer: deps.writer,
      url: '/v1/exceptions/:id/dispositions',
      location: (exception) => `/v1/exceptions/${exception}/dispositions`,
      domain: 'custody-disposition/v1',
      schema: dispositionBody,
      say: (asked) => dispose(deps, asked),
    });
    return Promise.resolve();
  };
}

/** 201: written and read back. 202: durable, and not yet read back. 200: it was written before. */
interface Disposed {
  readonly status: 200 | 201 | 202;
  readonly id: string;
  readonly dispositions: ReturnType<typeof foldDispositions>;
}

async function dispose(deps: Deps, { subject: name, body, id, caller }: Asked<DispositionBody>): Promise<Disposed> {
  const { dispositions, now, writer } = deps;
  const exception = await dispositions.exception(name);
  const [stored, identities] = await Promise.all([dispositions.actsOn(name), dispositions.identities()]);
  const acts = writer.withUnread(name, stored);
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
  const { kind, key, display } = act.actor;
  const told: SelfAct = {
    type: 'exception.disposition',
    exception: name,
    said,
    about: [...about],
    actor: { kind, key, ...(display === undefined ? {} : { display }) },
  };
  const status = await writer.write(name, act, told);
  return { status, id, dispositions: foldDispositions(name, [...acts, act], identities) };
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
