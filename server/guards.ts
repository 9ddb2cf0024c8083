import type { FastifyInstance } from 'fastify';
import { Problem } from '../model/problem.ts';

/** The names by which this machine calls itself. */
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'] as const;

/**
 * Sent with every answer. Evidence is kept by no cache; nothing here is a page, so a browser that is led here may run,
 * frame and guess nothing. There is no CORS header anywhere: no other origin may read an answer.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Puts the headers above on every answer, problems and unknown addresses too. A route may set others over them. */
export function addSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    done();
  });
}

/**
 * Refuses requests for names that are not ours. A page elsewhere can let its own name point to this machine (DNS
 * rebinding) and would then talk to this server as if it were its own; the Host header tells. `names` are allowed beside
 * those of this machine; undefined allows every name, for a server that others reach under names it cannot know.
 */
export function refuseForeignHosts(app: FastifyInstance, names: readonly string[] | undefined): void {
  if (names === undefined) return;
  const allowed = new Set<string>([...LOOPBACK, ...names.map((name) => name.toLowerCase())]);
  app.addHook('onRequest', (request, _reply, done) => {
    if (allowed.has(nameOf(request.headers.host))) return done();
    done(
      new Problem(
        'forbidden',
        'This server does not answer to the host name that was asked for. CUSTODY_ALLOWED_HOSTS names others.',
      ),
    );
  });
}

// A Host header is a name or an address, and perhaps a port; an address of IPv6 stands in brackets.
function nameOf(host: string | undefined): string {
  return (host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
}
