import { gapSaying } from '../../model/gap-explanation.ts';
import { gapQuery } from '../gaps/gaps-api.ts';
import { fromQuery, get, jsonSchema, path, problems } from './parts.ts';
import type { Json } from './parts.ts';

/** Gaps of the streams and what people say of them. */
export function gapPaths(): Json {
  const id = path('id', 'the id of a gap, as GET /v1/sources gives it');
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'the same key of the same caller is the same act',
    schema: { type: 'string', maxLength: 200 },
  };
  const answer = (description: string): Json => ({
    description,
    content: { 'application/json': { schema: { type: 'object' } } },
  });
  return {
    '/v1/gaps/{id}': get(
      'Where a gap stands and everything that was said of it, in the order of the log',
      [id, ...fromQuery(gapQuery)],
      { type: 'object' },
    ),
    '/v1/gaps/{id}/explanations': {
      post: {
        summary:
          'Says something of a gap, for managers: an explanation, the confirmation of one by a second person, a withdrawal. An explained gap stays in every report; it no longer keeps a control test from a conclusion',
        parameters: [id, key],
        requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(gapSaying) } } },
        responses: {
          201: answer('Durable, and read back'),
          202: answer('Durable; it is not read back yet'),
          200: answer('It was written before under this key'),
          ...problems(),
        },
      },
    },
  };
}
