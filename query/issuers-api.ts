import type { FastifyInstance } from 'fastify';
import { Problem } from '../model/problem.ts';
import { issuersQuery, read } from './api-schemas.ts';
import { printable } from './escape.ts';
import type { Know } from './identities-api.ts';
import { readIssuerQuality } from './issuer-quality.ts';
import type { IssuerQuality, Lack } from './issuer-quality.ts';
import type { QueryApiDeps } from './query-api.ts';

const LAST_US = Date.UTC(2200, 0, 1) * 1_000;

/**
 * `GET /v1/issuers?issuer&from&to&as_of&format`: how good the evidence of each token issuer is, and what it can mend.
 * `issuer` is a CloudEvents source: only that one, and a Problem of code `not_found` where nobody of that name is known.
 */
export function addIssuersRoute(app: FastifyInstance, { reader, policy }: QueryApiDeps, know: Know): void {
  app.get('/v1/issuers', async (request, reply) => {
    const { from = 0, to = LAST_US, as_of: asOf, issuer, format } = read(issuersQuery, request.query);
    const { identities } = await know(asOf);
    const all = await readIssuerQuality(reader, policy, identities, { from, to, asOf });
    const issuers = issuer === undefined ? all : all.filter((one) => one.issuer === issuer);
    if (issuer !== undefined && issuers.length === 0)
      throw new Problem('not_found', 'No issuer of this name is registered, and none has sent anything in this time.');
    return format === 'text' ? reply.type('text/plain; charset=utf-8').send(issuersText(issuers)) : { issuers };
  });
}

const WORDS: Readonly<Record<Lack, (count: number, of: number) => string>> = {
  sequence_gap: (count, of) => `${count} of ${of} numbers of its sequence never came`,
  missing_jti: (count, of) => `${count} of ${of} tokens have no jti`,
  unresolved_identity: (count, of) => `${count} of ${of} events are of accounts that nothing ties to a person`,
  late: (count, of) => `${count} of ${of} events came late`,
  missing_expiry: (count, of) => `${count} of ${of} tokens have no expiry`,
  conflict: (count, of) => `${count} of ${of} deliveries say something else under an id that was used`,
  no_sequence: (count, of) => `${count} of ${of} events have no number`,
};

/** The same for people to read: a paragraph an issuer, the dearest lack first. */
export function issuersText(issuers: readonly IssuerQuality[]): string {
  if (issuers.length === 0)
    return 'No token issuer is registered, and none has sent anything. How issuers send: ingest/issuer-kit/README.md\n';
  const parts = issuers.map(({ issuer, registered, events, score, lowered_by: lowered }) => {
    const head = `${printable(issuer)}${registered ? '' : '  (not in the policy file)'}`;
    if (score === undefined) return `${head}\n  sent nothing in this time`;
    const lines = lowered.flatMap(({ what, count, of, points, remedy, examples = [] }) => [
      `  -${points.toFixed(1)}  ${WORDS[what](count, of)}`,
      ...examples.map((example) => `          ${printable(example)}`),
      `        ${remedy}`,
    ]);
    return [
      head,
      `  score ${score.toFixed(1)} of 100, over ${events} ${events === 1 ? 'event' : 'events'}`,
      ...lines,
    ].join('\n');
  });
  return `${parts.join('\n\n')}\n`;
}
