import { z } from 'zod';
import { obligatoryFor } from '../../model/token-contract.ts';
import {
  REVIEW_EVENT_TYPE,
  TOKEN_BOUNDS,
  TOKEN_EVENT_TYPES,
  cloudEventSchema,
  reviewDataSchema,
  tokenEventDataSchema,
} from '../../model/token-event.ts';
import { DATA_SCHEMA } from './build-event.ts';

type Json = Record<string, unknown>;

/** The version of the contract, which is that of the kit that carries it. */
export const CONTRACT_VERSION = '0.1.0';

// The draft that AsyncAPI 3.0 and nearly every validator read.
const DIALECT = 'http://json-schema.org/draft-07/schema#';
const BASE = DATA_SCHEMA.slice(0, DATA_SCHEMA.lastIndexOf('/') + 1);
const EVENT_ID = `${BASE}cloudevent-1.json`;
const REVIEW_ID = `${BASE}review-1.json`;
const ALL_TYPES = [...TOKEN_EVENT_TYPES, REVIEW_EVENT_TYPE] as const;

const WHEN: Readonly<Record<(typeof ALL_TYPES)[number], string>> = {
  'io.accessaudit.token.requested.v1': 'A credential was asked for',
  'io.accessaudit.token.approved.v1': 'A policy or a person said yes',
  'io.accessaudit.token.denied.v1': 'A policy or a person said no',
  'io.accessaudit.token.issued.v1': 'A token was minted without a parent token',
  'io.accessaudit.token.exchanged.v1': 'A token was minted from one or more tokens (RFC 8693 and alike)',
  'io.accessaudit.token.used.v1': 'A token was seen at a resource',
  'io.accessaudit.token.revoked.v1': 'A token was made invalid before its time',
  'io.accessaudit.token.expired.v1': 'A token came to its end',
  'io.accessaudit.review.completed.v1': 'A review, of a break-glass use for one, was done',
};

/**
 * The contract with issuers as documents, by file name: JSON Schema (draft 7) of `data`, of reviews and of the whole event,
 * and AsyncAPI 3.0 of the channels. Made from the schemas by which the door judges, so that they say the same; what JSON
 * Schema cannot say (the sum of bytes, token material, which sources a credential speaks for) stands in the descriptions.
 */
export function contractDocuments(): Readonly<Record<string, Json>> {
  return {
    'token-event.schema.json': schemaOf(tokenEventDataSchema, DATA_SCHEMA, 'Data of a token event'),
    'review.schema.json': schemaOf(reviewDataSchema, REVIEW_ID, 'Data of a review'),
    'cloudevent.schema.json': eventSchema(),
    'asyncapi.json': asyncApi(CONTRACT_VERSION),
  };
}

function schemaOf(schema: z.ZodType, id: string, title: string): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as Json;
  const bounded = withBounds(rest, '');
  return { $schema: DIALECT, $id: id, title, ...bounded };
}

/** Gives every text and list the bound that the door holds it to (sources.md 3.4). */
function withBounds(node: Json, name: string): Json {
  const entries = Object.entries(node).map(([key, value]): [string, unknown] => {
    if (Array.isArray(value))
      return [key, value.map((item: unknown) => (isObject(item) ? withBounds(item, name) : item))];
    if (!isObject(value)) return [key, value];
    if (key !== 'properties') return [key, withBounds(value, name)];
    const members = Object.entries(value).map(
      ([member, inner]) => [member, withBounds(inner as Json, member)] as const,
    );
    return [key, Object.fromEntries(members)];
  });
  const limits = { actors: TOKEN_BOUNDS.actors, parent_tokens: TOKEN_BOUNDS.parentTokens };
  const maxItems =
    node['type'] === 'array' && Object.hasOwn(limits, name) ? limits[name as keyof typeof limits] : undefined;
  const isText = [node['type']].flat().includes('string') && node['const'] === undefined && node['enum'] === undefined;
  return {
    ...Object.fromEntries(entries),
    ...(maxItems !== undefined && { maxItems }),
    ...(isText && { maxLength: name === 'dssematerial' ? TOKEN_BOUNDS.material : TOKEN_BOUNDS.string }),
  };
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function eventSchema(): Json {
  const { $id, $schema, title, ...envelope } = schemaOf(cloudEventSchema, EVENT_ID, 'Event of a token issuer');
  return {
    $schema,
    $id,
    title,
    description:
      `CloudEvents 1.0, structured. At most ${TOKEN_BOUNDS.eventBytes} bytes as JSON. Never the token, in no field: ` +
      'only iss and jti, or its SHA-256. Types that are not named here are kept and not read.',
    ...envelope,
    allOf: ALL_TYPES.map((type) => ({
      anyOf: [
        { properties: { type: { not: { const: type } } } },
        // `time` places the event; the specification alone does not demand it.
        { required: ['time', 'data'], properties: { time: { type: 'string' }, data: { allOf: dataOf(type) } } },
      ],
    })),
  };
}

function dataOf(type: (typeof ALL_TYPES)[number]): readonly Json[] {
  if (type === REVIEW_EVENT_TYPE) return [{ $ref: REVIEW_ID }];
  const needs = obligatoryFor(type).map((needed) => {
    const names = typeof needed === 'string' ? [needed] : needed;
    const each = names.map((name) => ({ required: [name], properties: { [name]: given() } }));
    return each.length === 1 && each[0] ? each[0] : { anyOf: each };
  });
  return [{ $ref: DATA_SCHEMA }, ...needs];
}

// null, "" and [] tell nothing, so they count as absent.
function given(): Json {
  return { not: { enum: [null, '', []] } };
}

function asyncApi(version: string): Json {
  const names = ALL_TYPES.map((type) => [type.replace('io.accessaudit.', '').replace(/\.v\d+$/, ''), type] as const);
  const messageRefs = (channel: string): readonly Json[] =>
    names.map(([name]) => ({ $ref: `#/channels/${channel}/messages/${name}` }));
  const messages = Object.fromEntries(names.map(([name]) => [name, { $ref: `#/components/messages/${name}` }]));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Custody: events of token issuers',
      version,
      description:
        'Any system that mints or brokers short-lived credentials reports the life of each. Delivery is at least once and ' +
        'in any order; source and id name an event, and a repeat changes nothing. Answers of the door: 202 stored, 409 the ' +
        'same source and id with other content, 413, 415, 422 with the failing events, 429 and 503 with Retry-After.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/cloudevents+json',
    channels: {
      door: {
        address: '/v1/ingest/cloudevents',
        description: `HTTP: structured, batch (at most ${TOKEN_BOUNDS.batchBytes} bytes, all of it or nothing) or binary.`,
        messages,
      },
      log: {
        address: 'ce',
        description:
          'Kafka: the topic of the family, behind the prefix of the installation. Key: the CloudEvents source. Header ' +
          'content-type: application/cloudevents+json, or binary with ce_ headers.',
        messages,
      },
    },
    operations: {
      takeEvents: { action: 'receive', channel: { $ref: '#/channels/door' }, messages: messageRefs('door') },
      readEvents: { action: 'receive', channel: { $ref: '#/channels/log' }, messages: messageRefs('log') },
    },
    components: {
      messages: Object.fromEntries(
        names.map(([name, type]) => [
          name,
          {
            name: type,
            title: WHEN[type],
            contentType: 'application/cloudevents+json',
            payload: {
              schemaFormat: 'application/schema+json;version=draft-07',
              schema: { $ref: 'cloudevent.schema.json' },
            },
          },
        ]),
      ),
    },
  };
}
