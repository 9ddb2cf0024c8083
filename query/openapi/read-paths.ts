import {
  asOfQuery,
  eventsQuery,
  exportQuery,
  identitiesQuery,
  identityQuery,
  issuersQuery,
  sourcesQuery,
  traceQuery,
} from '../api-schemas.ts';
import { FRAMEWORK_IDS } from '../frameworks/registry.ts';
import { fromQuery, get, parameter, path, problems, ref } from './parts.ts';
import type { Json } from './parts.ts';

/** Events, chains, identities and sources. */
export function queryPaths(): Json {
  return {
    '/v1/events': get(
      'Events of a period in order of time, filtered; JSON pages by cursor',
      fromQuery(eventsQuery),
      ref('EventsPage'),
    ),
    '/v1/events/{id}': get(
      'One event with its record, its leaf, the proof of it and what came again',
      [path('id', 'event:<family>/<id>, a UUID, or a place in the log')],
      ref('Event'),
    ),
    '/v1/export': get(
      'Every event of a period as OCSF 1.8.0 or as it is stored (NDJSON), or as a Parquet file. What it is for stands in the header Custody-Purpose: T-37 asks it of every export',
      fromQuery(exportQuery),
      { type: 'string', format: 'binary' },
    ),
    '/v1/trace': get('The chain of an event or a key', fromQuery(traceQuery), ref('Chain')),
    '/v1/chains/{id}': get(
      'The chain with this id',
      [path('id', '32 hexadecimal digits'), ...fromQuery(asOfQuery)],
      ref('Chain'),
    ),
    '/v1/entities/{key}': get('What is known of a key', [path('key', 'a key')], { type: 'object' }),
    '/v1/identities': get(
      'Persons with their accounts and why, accounts of nobody, accounts that two persons are said to be',
      fromQuery(identitiesQuery),
      { type: 'object' },
    ),
    '/v1/identities/{key}': get(
      'Whose an account is, step by step, and whether another is the same party',
      [path('key', 'a key or an e-mail address'), ...fromQuery(identityQuery)],
      { type: 'object' },
    ),
    '/v1/issuers': get(
      'How good the evidence of each token issuer is, and what the issuer can mend',
      fromQuery(issuersQuery),
      { type: 'object', properties: { issuers: { type: 'array', items: { type: 'object' } } } },
    ),
    '/v1/sources': get(
      'What each source sent, against what was expected of it, and its gaps',
      fromQuery(sourcesQuery),
      { type: 'object', properties: { sources: { type: 'array', items: ref('Source') } } },
    ),
  };
}

/** Control tests. */
export function controlPaths(): Json {
  const period = ['from', 'to'].map((name) => parameter(name, 'a time with a zone', true));
  const asOf = parameter('as_of', 'only what was received by then counts', false);
  const framework = {
    ...parameter('framework', 'which framework', true),
    schema: { type: 'string', enum: [...FRAMEWORK_IDS, 'all'] },
  };
  const check = [framework, ...period, asOf, parameter('tests', 'only these, such as T-01,T-09', false)];
  const windows = {
    ...parameter('windows', 'how many windows of the same length before it', true),
    schema: { type: 'integer' },
  };
  return {
    '/v1/controls': get('The catalogue of control tests and the frameworks', [], { type: 'object' }),
    '/v1/controls/{test}': get('One test over a period', [path('test', 'such as T-01'), ...period, asOf], {
      type: 'object',
    }),
    '/v1/check': {
      ...get('All tests of a framework over a period; nothing is kept', check, { type: 'object' }),
      post: {
        summary: 'The same, and the result is kept with its digests; needs the permission "report"',
        parameters: check,
        responses: {
          200: { description: 'What was kept', content: { 'application/json': { schema: { type: 'object' } } } },
          ...problems(),
        },
      },
    },
    '/v1/check/runs': get('What was kept of the checks of a period and as-of', [...period, asOf], { type: 'object' }),
    '/v1/backtest': get('The same tests over windows before a period', [framework, ...period, asOf, windows], {
      type: 'object',
    }),
  };
}

/** Reports and their files. */
export function reportPaths(): Json {
  const id = path('id', 'the id that starting it gave');
  return {
    '/v1/reports': {
      ...get('The reports that were asked for, the newest first', [], { type: 'object' }),
      post: {
        summary: 'Starts a report: framework, from, to, as_of; issue, supplement; sampling; checkpoint',
        responses: { 202: { description: 'Started' }, ...problems() },
      },
    },
    '/v1/reports/{id}': {
      ...get('How far a report is, and what came of it', [id], { type: 'object' }),
      delete: { summary: 'Cancels a report that waits or runs', parameters: [id], responses: problems() },
    },
    '/v1/reports/{id}/progress': {
      get: {
        summary: 'How far a report is, line by line until it has ended',
        parameters: [id],
        responses: {
          200: { description: 'Lines; the last with the outcome', content: { 'application/x-ndjson': {} } },
          ...problems(),
        },
      },
    },
    '/v1/reports/{id}/{file}': get('A file of a finished report', [id, path('file', 'its name')], {
      type: 'string',
      format: 'binary',
    }),
  };
}
