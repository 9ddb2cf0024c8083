import { dispositionBody } from '../../model/disposition.ts';
import { exceptionQuery, exceptionsQuery } from '../dispositions/exceptions-api.ts';
import { fromQuery, get, path, postAct } from './parts.ts';
import type { Json } from './parts.ts';

/** Exceptions and what people say of them. */
export function exceptionPaths(): Json {
  const id = path('id', 'the id of an exception, such as T-01-0123456789abcdef01234567');
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
      post: postAct(
        'Says something of an exception, for managers: a response, a classification, the confirmation of one by a second person, a re-test. It changes no result',
        id,
        dispositionBody,
      ),
    },
  };
}
