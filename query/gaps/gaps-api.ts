import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { instant, read } from '../api-schemas.ts';
import { foldExplanations } from './fold-explanations.ts';
import { gapHistoryText } from './gap-text.ts';
import type { GapReader } from './read-explanations.ts';

const gapId = z.string().max(64);

/** The query of `GET /v1/gaps/{id}`. */
export const gapQuery = z.strictObject({
  as_of: instant.optional(),
  format: z.enum(['json', 'text']).default('json'),
});

/**
 * `GET /v1/gaps/{id}`: where a gap stands and everything that was said of it, also of one that has closed since. Which
 * gaps there are stands with their sources (`GET /v1/sources`). Writing is not here: server/gaps-api.ts.
 */
export function addGapRoutes(app: FastifyInstance, gaps: GapReader): void {
  app.get<{ Params: { id: string } }>('/v1/gaps/:id', async (request, reply) => {
    const { as_of: asOf, format } = read(gapQuery, request.query);
    const id = read(gapId, request.params.id);
    const [acts, identities] = await Promise.all([gaps.actsOn(id, asOf), gaps.identities(asOf)]);
    const standing = foldExplanations(id, acts, identities);
    return format === 'text' ? reply.type('text/plain; charset=utf-8').send(gapHistoryText(standing)) : standing;
  });
}
