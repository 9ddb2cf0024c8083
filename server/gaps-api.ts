import type { FastifyPluginAsync } from 'fastify';
import type { Settle } from '../ingest/intake/deps.ts';
import type { SelfLog } from '../ingest/self-log.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { gapSaying } from '../model/gap-explanation.ts';
import type { GapSaying, GapStanding } from '../model/gap-explanation.ts';
import type { Policy } from '../model/policy.ts';
import { Problem } from '../model/problem.ts';
import type { Micros } from '../model/time.ts';
import { foldExplanations, objectionToGapAct } from '../query/gaps/fold-explanations.ts';
import type { GapAct } from '../query/gaps/fold-explanations.ts';
import { createGapReader } from '../query/gaps/read-explanations.ts';
import type { GapReader } from '../query/gaps/read-explanations.ts';
import type { Reader } from '../store/query.ts';
import type { Authorize } from './authorize.ts';
import { actorOf } from './principal-actor.ts';
import { addActRoute, createActWriter } from './said-acts.ts';
import type { ActWriter, Asked } from './said-acts.ts';

export interface GapsApiDeps {
  readonly reader: Reader;
  readonly policy: Policy;
  readonly authorize: Authorize;
  readonly self: SelfLog;
  readonly settle: Settle;
  /** Microseconds UTC. */
  readonly now: () => Micros;
}

interface Deps extends Pick<GapsApiDeps, 'now'> {
  readonly gaps: GapReader;
  readonly writer: ActWriter<GapAct>;
}

/**
 * `POST /v1/gaps/{id}/explanations`, for managers: an explanation of a gap, its confirmation or rejection by a second
 * person, a withdrawal. Each is an event of our own log, never changed; the manners are those of
 * `POST /v1/exceptions/{id}/dispositions`. Only of a gap that the streams have now, and
 * for which words can stand, is anything said: one that closed, or changed, needs nothing, or an explanation of its own.
 */
export function createGapsApi({ reader, policy, authorize, self, settle, now }: GapsApiDeps): FastifyPluginAsync {
  const deps: Deps = { now, gaps: createGapReader(reader, policy), writer: createActWriter({ self, settle }) };
  return (app) => {
    addActRoute(app, {
      tenant: policy.tenant,
      authorize,
      writer: deps.writer,
      url: '/v1/gaps/:id/explanations',
      location: (gap) => `/v1/gaps/${gap}`,
      domain: 'custody-gap-explanation/v1',
      schema: gapSaying,
      say: (asked) => say(deps, asked),
    });
    return Promise.resolve();
  };
}

/** 201: written and read back. 202: durable, and not yet read back. 200: it was written before. */
interface Said {
  readonly status: 200 | 201 | 202;
  readonly id: string;
  readonly standing: GapStanding;
}

async function say(
  { gaps, writer, now }: Deps,
  { subject: name, body: said, id, caller }: Asked<GapSaying>,
): Promise<Said> {
  const [stored, identities] = await Promise.all([gaps.actsOn(name), gaps.identities()]);
  const acts = writer.withUnread(name, stored);
  const held = acts.find((act) => act.id === id);
  if (held) {
    if (canonicalJson(held.said) !== canonicalJson(said))
      throw new Problem('conflict', 'This Idempotency-Key stands on another act already.');
    return { status: 200, id, standing: foldExplanations(name, acts, identities) };
  }
  const gap = await gaps.gap(name, now());
  const act: GapAct = { id, at: now(), actor: actorOf(caller), said };
  const objection = objectionToGapAct(act, acts, identities);
  if (objection) throw new Problem(objection.code, `${objection.why} Nothing was written.`);
  const { kind, key, display } = act.actor;
  const actor = { kind, key, ...(display === undefined ? {} : { display }) };
  const status = await writer.write(name, act, { type: 'gap.explanation', gap, said, actor });
  return { status, id, standing: foldExplanations(name, [...acts, act], identities) };
}
