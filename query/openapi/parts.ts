import { z } from 'zod';
import { cloudEventSchema, tokenEventDataSchema } from '../../model/token-event.ts';
import { chainSchema, eventSchema, pageSchema, partySchema, problemSchema, sourceSchema } from '../response-schemas.ts';

/** A piece of the document. */
export type Json = Record<string, unknown>;

/** The schemas that stand among the components, by name. */
export const SCHEMAS = {
  Chain: chainSchema,
  Event: eventSchema,
  EventsPage: pageSchema,
  Party: partySchema,
  Source: sourceSchema,
  Problem: problemSchema,
  TokenCloudEvent: cloudEventSchema,
  TokenEventData: tokenEventDataSchema,
} as const;

/** A GET with its parameters and what it answers. */
export function get(summary: string, parameters: readonly Json[], schema: Json): Json {
  const found = { description: 'What was asked for', content: { 'application/json': { schema } } };
  return {
    get: { summary, ...(parameters.length > 0 ? { parameters } : {}), responses: { 200: found, ...problems() } },
  };
}

/** The answers of every route that fails. */
export function problems(): Json {
  return { default: { description: 'A problem', content: { 'application/problem+json': { schema: ref('Problem') } } } };
}

/** The parameters of a query, from the schema by which it is read. */
export function fromQuery(schema: z.ZodObject): readonly Json[] {
  const { properties, required } = jsonSchema(schema) as { properties: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required?.includes(name) ?? false,
    schema: property,
  }));
}

/** A parameter of a query, as text. */
export function parameter(name: string, description: string, required: boolean): Json {
  return { name, in: 'query', required, description, schema: { type: 'string' } };
}

/** A parameter in the path. */
export function path(name: string, description: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

/** A schema that stands among the components. */
export function ref(name: keyof typeof SCHEMAS): Json {
  return { $ref: `#/components/schemas/${name}` };
}

/** A schema as a component: zod hangs named schemas below the one that uses them; here they stand beside each other. */
export function component(name: string, schema: z.ZodType): Json {
  const whole = jsonSchema(schema) as { $defs?: Record<string, Json> } & Json;
  const text = JSON.stringify(whole.$defs?.[name] ?? whole).replaceAll('#/$defs/', '#/components/schemas/');
  return JSON.parse(text) as Json;
}

/** What is read from a request, as it is sent and not as it is understood (a time is text). */
export function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as Json;
  return rest;
}

/** A POST by which somebody says something that is kept for ever, once for each `Idempotency-Key` of a caller. */
export function postAct(summary: string, subject: Json, body: z.ZodType): Json {
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
    summary,
    parameters: [subject, key],
    requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body) } } },
    responses: {
      201: answer('Durable, and read back'),
      202: answer('Durable; it is not read back yet'),
      200: answer('It was written before under this key'),
      ...problems(),
    },
  };
}
