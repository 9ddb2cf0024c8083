import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { doorFault } from './door-fault.ts';

/** Makes the routes of a plugin get the upload itself, unread, whatever its type: it may be larger than memory. */
export function takeRawStreams(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}

/** The upload of such a request; the fault `empty_body` where there is none. */
export function uploadOf(request: FastifyRequest): AsyncIterable<Buffer> {
  if (!(request.body instanceof Readable)) throw doorFault('empty_body', 'The body is empty.');
  return request.body as AsyncIterable<Buffer>;
}

/** Values as NDJSON, to be sent as they come. */
export function ndjson(values: AsyncIterable<object>): Readable {
  async function* lines(): AsyncGenerator<string, void, undefined> {
    for await (const value of values) yield `${JSON.stringify(value)}\n`;
  }
  return Readable.from(lines(), { objectMode: false });
}
