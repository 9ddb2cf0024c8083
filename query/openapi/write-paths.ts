import { SOURCES } from '../../model/source.ts';
import { get, parameter, path, problems, ref } from './parts.ts';
import type { Json } from './parts.ts';

/** The doors. */
export function intakePaths(): Json {
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

/** What operators do. */
export function operatorPaths(): Json {
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
    '/metrics': {
      get: {
        summary: 'Figures of this process for Prometheus',
        responses: {
          200: { description: 'The figures', content: { 'text/plain': { schema: { type: 'string' } } } },
          ...problems(),
        },
      },
    },
    '/v1/rebuild': post('Derives events, keys and edges again from the records'),
  };
}

/** What needs no credential. */
export function openPaths(): Json {
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
