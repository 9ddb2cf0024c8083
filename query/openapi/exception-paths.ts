import { dispositionBody } from '../../model/disposition.ts';
import { exceptionQuery, exceptionsQuery } from '../dispositions/exceptions-api.ts';
import { fromQuery, get, jsonSchema, path, problems } from './parts.ts';
import type { Json } from './parts.ts';

/** Exceptions and what people say of them. */
export function exceptionPaths(): Json {
  const id = path('id', 'the id of an exception, such as T-01-0123456789abcdef01234567');
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
    '/v1/exceptions': get(
      'Exceptions that kept checks found, by moment, with what was said of each',
      fromQuery(exceptionsQuery),
      { type: 'object' },
    ),
    '/v1/exceptions/{id}': get('One of them: the fact, and what was said of it', [id, ...fromQuery(exceptionQuery)], {
      type: 'object',
    }),
    '/v1/exceptions/{id}/dispositions': {
      ...get(
        'Everything that was said of an exception, in the order of the log; nothing is ever taken back',
        [id, ...fromQuery(exceptionQuery.omit({ format: true }))],
        { type: 'object' },
      ),
      post: {
        summary:
          'Says something of an exception, for managers: a response, a classification, the confirmation of one by a second person, a re-test. It changes no result',
        parameters: [id, key],
        requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(dispositionBody) } } },
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
