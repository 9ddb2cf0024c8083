import { gapSaying } from '../../model/gap-explanation.ts';
import { gapQuery } from '../gaps/gaps-api.ts';
import { fromQuery, get, path, postAct } from './parts.ts';
import type { Json } from './parts.ts';

/** Gaps of the streams and what people say of them. */
export function gapPaths(): Json {
  const id = path('id', 'the id of a gap, as GET /v1/sources gives it');
  return {
    '/v1/gaps/{id}': get(
      'Where a gap stands and everything that was said of it, in the order of the log',
      [id, ...fromQuery(gapQuery)],
      { type: 'object' },
    ),
    '/v1/gaps/{id}/explanations': {
      post: postAct(
        'Says something of a gap, for managers: an explanation, the confirmation of one by a second person, a withdrawal. An explained gap stays in every report; it no longer keeps a control test from a conclusion',
        id,
        gapSaying,
      ),
    },
  };
}
