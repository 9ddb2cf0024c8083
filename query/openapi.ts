import { z } from 'zod';
import { FRAMEWORK_IDS } from './frameworks/registry.ts';
import { SOURCES } from '../model/source.ts';
import { cloudEventSchema, tokenEventDataSchema } from '../model/token-event.ts';
import {
  asOfQuery,
  eventsQuery,
  exportQuery,
  identitiesQuery,
  identityQuery,
  sourcesQuery,
  traceQuery,
} from './api-schemas.ts';
import { deadLetterPaths } from './openapi-dead-letters.ts';
import { logPaths } from './log/log-openapi.ts';
import { chainSchema, eventSchema, pageSchema, partySchema, problemSchema, sourceSchema } from './response-schemas.ts';

type Json = Record<string, unknown>;

const SCHEMAS = {
  Chain: chainSchema,
  Event: eventSchema,
  EventsPage: pageSchema,
  Party: partySchema,
  Source: sourceSchema,
  Problem: problemSchema,
  TokenCloudEvent: cloudEventSchema,
  TokenEventData: tokenEventDataSchema,
} as const;

/**
 * The description of the whole HTTP API (OpenAPI 3.1), made from the schemas by which requests are read and answers are
 * measured. The doors of other rooms are described here as well, so that there is one document.
 */
export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Custody',
      version,
      description:
        'Who asked for access, who approved it, who ran it, with which short-lived credential, and what was touched. Errors are problem details (RFC 9457) with a stable code.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ bearer: [] }],
    paths: {
      ...intakePaths(),
      ...queryPaths(),
      ...deadLetterPaths(),
      ...controlPaths(),
      ...reportPaths(),
      ...operatorPaths(),
      ...logPaths(problems()),
      ...openPaths(),
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, component(name, schema)])),
    },
  };
}

function queryPaths(): Json {
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
      'Every event of a period as OCSF 1.8.0 or as it is stored (NDJSON), or as a Parquet file',
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
    '/v1/sources': get(
      'What each source sent, against what was expected of it, and its gaps',
      fromQuery(sourcesQuery),
      { type: 'object', properties: { sources: { type: 'array', items: ref('Source') } } },
    ),
  };
}

function intakePaths(): Json {
  const accepted = {
    202: {
      description:
        'Stored: what was sent survives a crash from now on. `receipt` is a compact JWS to be redeemed at /v1/log/redeem; `receipts` where it stands in several places',
    },
    ...problems(),
  };
  const body = (description: string, content: Json): Json => ({ required: true, description, content });
  return {
    '/v1/ingest/cloudevents': {
      post: {
        summary: 'Events of the life of tokens, from issuers (CloudEvents 1.0: structured, batch, binary)',
        requestBody: body('At most 64 KiB an event. Never send a token: its jti, or its SHA-256', {
          'application/cloudevents+json': { schema: ref('TokenCloudEvent') },
          'application/cloudevents-batch+json': { schema: { type: 'array', items: ref('TokenCloudEvent') } },
          'application/json': { schema: ref('TokenEventData') },
        }),
        responses: accepted,
      },
    },
    '/v1/ingest/{source}': {
      post: {
        summary: "A vendor's own delivery, with that vendor's own credential",
        parameters: [{ ...path('source', 'which system sends'), schema: { type: 'string', enum: [...SOURCES] } }],
        requestBody: body('What the system sends: JSON, NDJSON, or its own wrapping of either', {
          'application/json': { schema: {} },
          'application/x-ndjson': { schema: {} },
        }),
        responses: accepted,
      },
    },
  };
}

function controlPaths(): Json {
  const period = ['from', 'to'].map((name) => parameter(name, 'a time with a zone', true));
  const asOf = parameter('as_of', 'only what was received by then counts', false);
  const framework = {
    ...parameter('framework', 'which framework', true),
    schema: { type: 'string', enum: [...FRAMEWORK_IDS, 'all'] },
  };
  const windows = {
    ...parameter('windows', 'how many windows of the same length before it', true),
    schema: { type: 'integer' },
  };
  return {
    '/v1/controls': get('The catalogue of control tests and the frameworks', [], { type: 'object' }),
    '/v1/controls/{test}': get('One test over a period', [path('test', 'such as T-01'), ...period, asOf], {
      type: 'object',
    }),
    '/v1/check': get('All tests of a framework over a period', [framework, ...period, asOf], { type: 'object' }),
    '/v1/check/runs': get('What was kept of the checks of a period and as-of', [...period, asOf], { type: 'object' }),
    '/v1/backtest': get('The same tests over windows before a period', [framework, ...period, asOf, windows], {
      type: 'object',
    }),
  };
}

function reportPaths(): Json {
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

function operatorPaths(): Json {
  const lines = {
    description: 'Lines while it runs, the last with the outcome',
    content: { 'application/x-ndjson': {} },
  };
  const post = (summary: string, more: Json = {}): Json => ({
    post: { summary, ...more, responses: { 200: lines, ...problems() } },
  });
  const file = {
    required: true,
    content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
  };
  const source = { ...parameter('source', 'what the file is', true), schema: { type: 'string', enum: [...SOURCES] } };
  return {
    '/v1/deliveries': post('Replays captured deliveries, one a line', { requestBody: file }),
    '/v1/imports': post('Imports a file of a source; the same file again goes on where it stopped', {
      parameters: [
        source,
        parameter('instance', 'the installation, where the file does not tell', false),
        parameter('received_at', 'when the file was collected, a time with a zone', false),
      ],
      requestBody: file,
    }),
    '/v1/polls': {
      ...get('What is polled, how far, and how the last rounds ended', [], { type: 'object' }),
      ...post('Polls at once', { parameters: [parameter('source', 'a family, or <family>/<instance>', false)] }),
    },
    '/v1/rebuild': post('Derives events, keys and edges again from the records'),
  };
}

function openPaths(): Json {
  const open = (summary: string): { get: Json } => ({
    get: { summary, security: [], responses: { 200: { description: 'Yes' }, 503: { description: 'No' } } },
  });
  return {
    '/healthz': open('Whether the process lives'),
    '/readyz': open('Whether it can work'),
    '/openapi.json': open('This document'),
    '/v1/issuer-contract': open('The documents of the contract with token issuers'),
    '/v1/issuer-contract/{name}': {
      get: { ...open('One of them: JSON Schema, AsyncAPI').get, parameters: [path('name', 'such as asyncapi.json')] },
    },
  };
}

function get(summary: string, parameters: readonly Json[], schema: Json): Json {
  const found = { description: 'What was asked for', content: { 'application/json': { schema } } };
  return {
    get: { summary, ...(parameters.length > 0 ? { parameters } : {}), responses: { 200: found, ...problems() } },
  };
}

function problems(): Json {
  return { default: { description: 'A problem', content: { 'application/problem+json': { schema: ref('Problem') } } } };
}

function fromQuery(schema: z.ZodObject): readonly Json[] {
  const { properties, required } = jsonSchema(schema) as { properties: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required?.includes(name) ?? false,
    schema: property,
  }));
}

function parameter(name: string, description: string, required: boolean): Json {
  return { name, in: 'query', required, description, schema: { type: 'string' } };
}

function path(name: string, description: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

function ref(name: keyof typeof SCHEMAS): Json {
  return { $ref: `#/components/schemas/${name}` };
}

// zod hangs named schemas below the one that uses them; in this document they stand beside each other.
function component(name: string, schema: z.ZodType): Json {
  const whole = jsonSchema(schema) as { $defs?: Record<string, Json> } & Json;
  const text = JSON.stringify(whole.$defs?.[name] ?? whole).replaceAll('#/$defs/', '#/components/schemas/');
  return JSON.parse(text) as Json;
}

// What is read from a request is described as it is sent, not as it is understood (a time is text).
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as Json;
  return rest;
}
