import fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { limitUploads, serverOptions } from '../ingest/intake/server-options.ts';
import type { PollService } from '../ingest/pollers/poll-service.ts';
import { SECURITY_HEADERS, addSecurityHeaders, refuseForeignHosts } from './guards.ts';
import { answerProblems, replyProblem } from './problem-reply.ts';
import { addRoutes } from './routes.ts';
import type { RoutesDeps } from './routes.ts';

export interface AppOptions extends RoutesDeps {
  readonly logger: FastifyBaseLogger;
  /** Puts more hooks before the routes. */
  readonly watch?: ((app: FastifyInstance) => void) | undefined;
  /** Host names that are answered beside those of this machine; undefined: all. */
  readonly hosts: readonly string[] | undefined;
}

export interface Route {
  readonly method: string;
  readonly url: string;
}

export interface App {
  readonly app: FastifyInstance;
  readonly routes: readonly Route[];
  readonly polls: PollService | undefined;
}

/** The app with the routes of all rooms and what holds for each of them; ready, and not listening. */
export async function createApp(options: AppOptions): Promise<App> {
  const app = fastify({
    ...serverOptions(),
    loggerInstance: options.logger,
    // An address that the router cannot read never comes to a hook or a handler.
    frameworkErrors: (error, request, reply) => void replyProblem(error, request, reply.headers(SECURITY_HEADERS)),
  });
  const routes: Route[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url });
  });
  addSecurityHeaders(app);
  refuseForeignHosts(app, options.hosts);
  options.metrics?.watch(app);
  options.watch?.(app);
  limitUploads(app);
  answerProblems(app);
  const polls = await addRoutes(app, options);
  await app.ready();
  return { app, routes, polls };
}

/** Structured logs on stderr. Headers and bodies are never logged: they carry credentials and evidence. */
export function createLogger(level: string): FastifyBaseLogger {
  const serializers = {
    req: (request: { method: string; routeOptions?: { url?: string }; id: string }) => ({
      id: request.id,
      method: request.method,
      route: request.routeOptions?.url,
    }),
    res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
  };
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers };
  return pino(settings, pino.destination({ dest: 2, sync: false }));
}
