import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { addSecurityHeaders } from './guards.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';
import { answerProblems } from './problem-reply.ts';

/**
 * The listener for those who run Custody: `/healthz`, `/readyz` with its reasons, `/metrics`. It needs no credential and
 * holds no evidence, only counts; so it stands on an address of its own, which only the monitoring should reach.
 */
export function createManagement(deps: {
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: FastifyBaseLogger;
}): FastifyInstance {
  const { health, metrics, logger } = deps;
  // Probes come every few seconds: only what goes wrong with them is told.
  const app = fastify({ loggerInstance: logger.child({}, { level: 'warn' }), bodyLimit: 1_024 });
  addSecurityHeaders(app);
  answerProblems(app);
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const reasons = health.hindrances();
    const isReady = reasons.length === 0;
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', reasons });
  });
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  return app;
}
