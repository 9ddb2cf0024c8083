import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../model/problem.ts';
import { SOURCES } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import { contractRoute } from './contract-route.ts';
import type { HeaderCheck } from './credentials.ts';
import { deliverRoute } from './deliver.ts';
import type { IntakeDeps } from './deps.ts';
import { doorFault } from './door-fault.ts';
import { importRoute } from './import-route.ts';
import { createInFlight } from './in-flight.ts';
import type { InFlight } from './in-flight.ts';
import { MAX_BYTES_IN_FLIGHT, maxBodyOf } from './limits.ts';
import { checkPush, passPush } from './receive.ts';
import type { Push, Receipt } from './receive.ts';
import { openSet } from './security-event-token.ts';
import type { Headers } from './signature.ts';

/** A request whose sender was known by its headers, while its body is read. */
interface Admitted {
  readonly check: HeaderCheck;
  readonly receivedAt: number;
}

/**
 * The doors of Custody as a fastify plugin: `POST /v1/ingest/{source}`, `POST /v1/ingest/cloudevents`, Okta's and the
 * webhook specification's handshakes, and the administrator's `POST /v1/deliveries` and `POST /v1/imports`. The server
 * must have been made with `serverOptions()`, and holds slow bodies off with `limitUploads`. Bodies stay the bytes that came: nothing parses them but the scan.
 */
export function createIntake(deps: IntakeDeps): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    const inFlight = deps.inFlight ?? createInFlight(deps.maxBytesInFlight ?? MAX_BYTES_IN_FLIGHT);
    for (const source of SOURCES) addDoor(app, deps, inFlight, source, `/v1/ingest/${source}`);
    addDoor(app, deps, inFlight, 'issuer.cloudevents', '/v1/ingest/cloudevents');
    app.post('/v1/ingest/*', { onRequest: refuseUnknownSource }, refuseUnknownSource);
    app.get('/v1/ingest/okta.log', answerOktaHandshake);
    for (const name of ['cloudevents', 'issuer.cloudevents']) app.options(`/v1/ingest/${name}`, answerWebhookHandshake);
    await app.register(contractRoute());
    await app.register(deliverRoute(deps));
    await app.register(importRoute(deps));
  };
}

function addDoor(app: FastifyInstance, deps: IntakeDeps, inFlight: InFlight, source: Source, url: string): void {
  const admitted = new WeakMap<FastifyRequest, Admitted>();
  const bodyLimit = maxBodyOf(source);
  app.route({
    method: 'POST',
    url,
    bodyLimit,
    // Before the body: who sends is checked by the headers, and room is taken for what is announced.
    onRequest: (request, reply, done) => {
      const receivedAt = deps.now();
      const check = checkPush(deps, { source, headers: headersOf(request), receivedAt });
      const announced =
        request.headers['content-length'] === undefined ? bodyLimit : Number(request.headers['content-length']);
      if (announced > bodyLimit)
        throw doorFault('too_large', `A body of this source may have ${bodyLimit} bytes.`, { limit: bodyLimit });
      const giveBack = inFlight.take(announced);
      reply.raw.once('close', giveBack);
      admitted.set(request, { check, receivedAt });
      done();
    },
    handler: async (request, reply) => {
      const known = admitted.get(request);
      if (!known) throw new Problem('internal', 'The sender was not checked.');
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const { receivedAt } = known;
      const push = { source, headers: headersOf(request), body, receivedAt, instance: instanceParam(request) };
      if (source === 'ssf.set') return takeSet(deps, reply, push);
      const passed = passPush(deps, push, known.check);
      const receipt = await passed.commit();
      return answerReceipt(reply, receipt, signReceipts(deps, receipt));
    },
  });
}

// What is stored are the claims that the signature is over; the answer of RFC 8935 is 202 with nothing in it.
async function takeSet(deps: IntakeDeps, reply: FastifyReply, push: Push): Promise<FastifyReply> {
  const { claims, check } = await openSet(deps, push.body);
  await passPush(deps, { ...push, body: claims }, check).commit();
  return reply.code(202).send();
}

function answerReceipt(
  reply: FastifyReply,
  { status, accepted, ranges }: Receipt,
  receipts: readonly string[],
): FastifyReply {
  if (status === 204) return reply.code(204).send();
  const log = ranges.map(({ topic, partition, firstOffset, lastOffset }) => ({
    topic,
    partition,
    first_offset: firstOffset,
    last_offset: lastOffset,
  }));
  const [receipt] = receipts;
  // A delivery of several installations stands in several places: one receipt each, the first of them also by itself.
  const signed = receipts.length > 1 ? { receipt, receipts } : receipt === undefined ? {} : { receipt };
  return reply.code(202).send({ accepted, log, ...signed });
}

function signReceipts(deps: IntakeDeps, { status, groups }: Receipt): readonly string[] {
  if (status === 204) return [];
  return groups.flatMap((group) => deps.signReceipt?.(group, deps.now()) ?? []);
}

function refuseUnknownSource(): never {
  throw doorFault('unknown_source', 'There is no source of this name.');
}

/** The headers of a request with one value each; a name that came twice with a list is joined, as node does for others. */
function headersOf(request: FastifyRequest): Headers {
  const headers = Object.create(null) as Record<string, string | undefined>;
  for (const [name, value] of Object.entries(request.headers))
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}

function instanceParam(request: FastifyRequest): string | undefined {
  const { instance } = request.query as { instance?: unknown };
  if (instance === undefined) return undefined;
  if (typeof instance !== 'string' || instance === '' || instance.length > 512)
    throw new Problem('invalid_request', 'instance must be one name.', { path: 'instance' });
  return instance;
}

/**
 * Okta proves once that the address is ours: it sends a challenge and wants it back (sources.md 1.5.b). The challenge is
 * no secret and opens nothing; its form is bounded so that we do not echo a document of the sender's making.
 */
function answerOktaHandshake(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const challenge = request.headers['x-okta-verification-challenge'];
  if (typeof challenge !== 'string' || !/^[\x21-\x7e]{1,1024}$/.test(challenge)) {
    throw new Problem('invalid_request', 'The header x-okta-verification-challenge is needed.');
  }
  return reply.header('x-content-type-options', 'nosniff').send({ verification: challenge });
}

/**
 * The handshake of the CloudEvents webhook specification: any origin may try to deliver, since only a credential lets a
 * delivery in, and 120 requests a minute and more are taken.
 */
function answerWebhookHandshake(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const origin = request.headers['webhook-request-origin'];
  if (typeof origin !== 'string' || !/^[A-Za-z0-9.:-]{1,255}$/.test(origin)) {
    throw new Problem('invalid_request', 'The header WebHook-Request-Origin is needed.');
  }
  const rate = request.headers['webhook-request-rate'];
  reply.header('webhook-allowed-origin', origin).header('allow', 'POST, OPTIONS');
  if (rate !== undefined) reply.header('webhook-allowed-rate', '*');
  return reply.code(200).send();
}
