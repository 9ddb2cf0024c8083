import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A file is sent here: its body may take as long as it keeps moving. */
    longUpload?: boolean;
  }
}

/**
 * What the server that carries the intake must be created with (reliability.md 3.2 row 15 and 16): Node and fastify
 * wait for ever by default, so that a handful of slow clients could hold every socket. Logging is off here; who makes
 * the server passes a logger of its own.
 */
export function serverOptions(): FastifyServerOptions & {
  readonly http: { readonly headersTimeout: number; readonly maxHeaderSize: number };
} {
  return {
    // The longest upload of all, a file import: node has one figure for the whole server. Every other body is held to
    // ten seconds by `limitUploads`.
    requestTimeout: 3_600_000,
    // A socket on which nothing moves; a control test over years may compute for minutes before its first byte.
    connectionTimeout: 300_000,
    keepAliveTimeout: 72_000,
    maxRequestsPerSocket: 0,
    http: { headersTimeout: 10_000, maxHeaderSize: 16_384 },
    // What no route has raised for itself.
    bodyLimit: 262_144,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // Fastify's validator would strip and coerce (reliability.md finding 7); no route here has a schema for its body.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    trustProxy: false,
    // Keys stand in addresses, and have up to 2,048 bytes, which escaping can double.
    routerOptions: { maxParamLength: 4_096, caseSensitive: true, ignoreTrailingSlash: false },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  };
}

/** Seconds in which a body must have arrived, unless its route is configured as `longUpload`. */
const UPLOAD_MS = 10_000;

/**
 * Closes the socket of a request whose body has not arrived within ten seconds. Okta gives up on us after 3 s, GitLab
 * after 8 to 10 s, so nobody honest needs longer; the routes for files say so in their config.
 */
export function limitUploads(app: FastifyInstance, uploadMs = UPLOAD_MS): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { raw } = request;
    const hasBody = raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length'] ?? 0) > 0;
    if (hasBody && request.routeOptions.config.longUpload !== true) {
      const timer = setTimeout(() => raw.destroy(), uploadMs);
      timer.unref();
      raw.once('end', () => clearTimeout(timer));
      raw.once('close', () => clearTimeout(timer));
    }
    done();
  });
}
