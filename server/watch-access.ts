import { hash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../model/problem.ts';
import { printable } from '../query/escape.ts';
import type { Access, AccessLog } from './access-log.ts';
import type { Authorize, Principal } from './authorize.ts';
import { actorOf } from './principal-actor.ts';

/** The routes that answer with evidence, and what it is to ask them. All others answer with none. */
export const EVIDENCE_ROUTES: Readonly<Record<string, Access['action']>> = {
  'GET /v1/events': 'query',
  'GET /v1/events/*': 'view',
  'GET /v1/export': 'export',
  'GET /v1/trace': 'view',
  'GET /v1/chains/:id': 'view',
  'GET /v1/entities/*': 'view',
  'GET /v1/identities': 'query',
  'GET /v1/identities/*': 'view',
  'GET /v1/issuers': 'query',
  'GET /v1/sources': 'query',
  'GET /v1/dead-letters': 'query',
  'GET /v1/dead-letters/*': 'view',
  'GET /v1/exceptions': 'query',
  'GET /v1/exceptions/:id': 'view',
  'GET /v1/exceptions/:id/dispositions': 'view',
  'GET /v1/gaps/:id': 'view',
  'GET /v1/controls/:test': 'query',
  'GET /v1/check': 'query',
  'POST /v1/check': 'query',
  'GET /v1/check/runs': 'query',
  'GET /v1/backtest': 'query',
  'POST /v1/reports': 'query',
  'GET /v1/reports': 'view',
  'GET /v1/reports/:id': 'view',
  'GET /v1/reports/:id/:file': 'export',
  'GET /v1/log/proof': 'view',
};

/** Who the callers of late were, by their credential: nothing is verified a second time to know it. */
export interface Callers {
  readonly authorize: Authorize;
  of(authorization: string | undefined): Principal | undefined;
}

const MOST_CALLERS = 1_000;

/** An authorizer that remembers, by the hash of the credential, whom it let in and whom it knew and refused. */
export function rememberCallers(authorize: Authorize): Callers {
  const known = new Map<string, Principal>();
  const remember = (authorization: string | undefined, principal: Principal): void => {
    const name = nameOf(authorization);
    known.delete(name);
    known.set(name, principal);
    const [oldest] = known.keys();
    if (known.size > MOST_CALLERS && oldest !== undefined) known.delete(oldest);
  };
  return {
    async authorize(authorization, permission) {
      try {
        const principal = await authorize(authorization, permission);
        remember(authorization, principal);
        return principal;
      } catch (error) {
        const refused = error instanceof Problem ? (error.facts['caller'] as Principal | undefined) : undefined;
        if (refused) remember(authorization, refused);
        throw error;
      }
    },
    of: (authorization) => known.get(nameOf(authorization)),
  };
}

/**
 * Notes each answer of a route above when it ends: also one that the caller broke off, which he may have read until then,
 * and one that was refused to a caller who is known.
 */
export function watchAccess(app: FastifyInstance, callers: Callers, log: Pick<AccessLog, 'note'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    const action = EVIDENCE_ROUTES[`${request.method === 'HEAD' ? 'GET' : request.method} ${request.routeOptions.url ?? ''}`]; // prettier-ignore
    if (action && asksForEvidence(request)) whenEnded(reply, () => noteAnswer(request, reply, action));
    done();
  });
  const noteAnswer = (request: FastifyRequest, reply: FastifyReply, action: Access['action']): void => {
    const caller = reply.raw.statusCode === 401 ? undefined : callers.of(request.headers.authorization);
    if (caller) log.note(accessOf(request, reply, action, caller));
  };
}

/** Once: sent to its end, or closed before. */
function whenEnded(reply: FastifyReply, note: () => void): void {
  const { raw } = reply;
  const ended = (): void => {
    raw.off('finish', ended).off('close', ended);
    note();
  };
  raw.on('finish', ended).on('close', ended);
}

/** The catalogue of tests is no evidence: `/v1/controls/T-01` is evidence only with a period. */
function asksForEvidence(request: FastifyRequest): boolean {
  return request.routeOptions.url !== '/v1/controls/:test' || Object.keys(request.query as object).length > 0;
}

function accessOf(request: FastifyRequest, reply: FastifyReply, action: Access['action'], caller: Principal): Access {
  const purpose = purposeOf(request, action);
  const { statusCode: status, headersSent } = reply.raw;
  return {
    actor: actorOf(caller),
    action,
    object: askedFor(request),
    outcome: status === 403 ? 'denied' : status < 400 && headersSent ? 'success' : 'failure',
    address: request.ip,
    ...(purpose === undefined ? {} : { purpose }),
  };
}

// Where in a list one is, and how it is written, is nothing of what was asked: the pages of one list are one access.
const MANNER = new Set(['cursor', 'limit', 'columns']);

/** Method and address, decoded, so that a secret in it is seen as what it is, and in printable characters. */
function askedFor(request: FastifyRequest): string {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const asked = [...searchParams].filter(([name]) => !MANNER.has(name)).map(([name, value]) => `${name}=${value}`);
  const text = `${request.method} ${decoded(pathname)}${asked.length === 0 ? '' : `?${asked.join('&')}`}`;
  return printable(text, MAX_SCANNED);
}

/** Longer addresses are refused before they come to a route. */
const MAX_SCANNED = 16_384;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** What the caller says it is for (`Custody-Purpose`). A file of a report is for what its order says, which is kept with it. */
function purposeOf(request: FastifyRequest, action: Access['action']): string | undefined {
  const said = request.headers['custody-purpose'];
  if (typeof said === 'string' && said.trim() !== '') return said.trim();
  const { id } = request.params as { readonly id?: string };
  return action === 'export' && id !== undefined ? `as ordered by report ${id}` : undefined;
}

function nameOf(authorization: string | undefined): string {
  return hash('sha256', authorization ?? '', 'base64url');
}
