import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import type { Chain } from '../model/chain.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import type { Reader } from '../store/query.ts';
import { readStoreVersion } from '../store/queries/store-version.ts';
import { asOfQuery, chainId, read, sourcesQuery, traceQuery } from './api-schemas.ts';
import { createRules } from './chains/rules.ts';
import { addDeadLetterRoutes } from './dead-letters-api.ts';
import { readEntity } from './entity-detail.ts';
import { readEventDetail } from './event-detail.ts';
import { addExceptionRoutes } from './dispositions/exceptions-api.ts';
import { addGapRoutes } from './gaps/gaps-api.ts';
import { createGapReader } from './gaps/read-explanations.ts';
import { addEventsRoute } from './events-api.ts';
import { addExportRoute } from './export-api.ts';
import { addIdentitiesRoutes, createKnow } from './identities-api.ts';
import { addIssuersRoute } from './issuers-api.ts';
import { createIdentities } from './identity.ts';
import { openApiDocument } from './openapi.ts';
import { sourcesText } from './sources-text.ts';
import { readSources } from './sources.ts';
import { traceText } from './trace-text.ts';
import { createTracer } from './trace.ts';

export interface QueryApiDeps {
  readonly reader: Reader;
  readonly policy: Policy;
  /** Throws a Problem unless the Authorization header allows it. */
  readonly authorize: (authorization: string | undefined, permission: 'read') => Promise<unknown>;
  /** At least 32 random bytes, kept as long as cursors should stay good. */
  readonly cursorKey: Buffer;
  readonly version: string;
  /** Microseconds UTC: until when a source that says nothing is silent. Absent: only silences between events are told. */
  readonly now?: () => Micros;
  /** Why the rest of the process cannot work, in words; the store is asked here. Absent or empty: it can. */
  readonly hindrances?: () => readonly string[];
}

/**
 * The reading side of the API as a fastify plugin: `/v1/events`, `/v1/events/{id}`, `/v1/export`, `/v1/trace`, `/v1/chains/{id}`,
 * `/v1/entities/{key}`, `/v1/identities`, `/v1/identities/{key}`, `/v1/issuers`, `/v1/exceptions`,
 * `/v1/exceptions/{id}`, `/v1/gaps/{id}`, `/v1/sources`, and without a credential `/healthz`, `/readyz`, `/openapi.json`. Every query names
 * the tenant of the policy first; nothing of a request becomes part of a query's text.
 */
export function createQueryApi(deps: QueryApiDeps): FastifyPluginAsync {
  const { reader, policy } = deps;
  const tracer = createTracer(reader, policy);
  const gaps = createGapReader(reader, policy);
  const rules = createRules(policy);
  const identities = createIdentities(policy, []);
  const document = openApiDocument(deps.version);
  return async (app) => {
    app.get('/healthz', () => ({ status: 'ok' }));
    app.get('/readyz', async (_request, reply) => {
      const reasons = await hindrancesOf(deps);
      const isReady = reasons.length === 0;
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', reasons });
    });
    app.get('/openapi.json', () => document);
    await app.register((guarded) => {
      guarded.addHook(
        'onRequest',
        async (request) => void (await deps.authorize(request.headers.authorization, 'read')),
      );
      addEventsRoute(guarded, deps, tracer);
      addExportRoute(guarded, deps);
      const know = createKnow(deps);
      addIdentitiesRoutes(guarded, know);
      addIssuersRoute(guarded, deps, know);
      addDeadLetterRoutes(guarded, deps);
      addExceptionRoutes(guarded, deps);
      addGapRoutes(guarded, gaps);
      guarded.get<{ Params: { '*': string } }>('/v1/events/*', (request) =>
        readEventDetail({ reader, policy, rules, identities }, request.params['*']),
      );
      guarded.get('/v1/trace', async (request, reply) => {
        const query = read(traceQuery, request.query);
        return sendChain(reply, await tracer.trace(query.key, query.as_of), query.format);
      });
      guarded.get<{ Params: { id: string } }>('/v1/chains/:id', async (request, reply) => {
        const query = read(asOfQuery, request.query);
        return sendChain(reply, await tracer.chainById(read(chainId, request.params.id), query.as_of), query.format);
      });
      guarded.get<{ Params: { '*': string } }>('/v1/entities/*', (request) =>
        readEntity({ reader, policy, identities }, request.params['*']),
      );
      guarded.get('/v1/sources', async (request, reply) => {
        const { as_of: asOf = deps.now?.(), ...query } = read(sourcesQuery, request.query);
        const { from, to } = query;
        const told = await readSources(reader, policy, { asOf, from, to, detail: true });
        const sources = await gaps.explain(told, asOf);
        return query.format === 'text'
          ? reply.type('text/plain; charset=utf-8').send(sourcesText(sources))
          : { sources };
      });
      return Promise.resolve();
    });
  };
}

function sendChain(reply: FastifyReply, chain: Chain, format: 'json' | 'text'): FastifyReply {
  return format === 'text' ? reply.type('text/plain; charset=utf-8').send(traceText(chain)) : reply.send(chain);
}

async function hindrancesOf(deps: QueryApiDeps): Promise<readonly string[]> {
  const known = deps.hindrances?.() ?? [];
  try {
    await deps.reader.read(readStoreVersion());
    return known;
  } catch {
    return [...new Set([...known, 'store_unavailable'])];
  }
}
