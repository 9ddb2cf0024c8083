import { evidenceSchema, logKeysSchema } from '../../ledger/evidence.ts';
import { redeemBody } from '../log/log-api.ts';
import { jsonSchema, path, problems } from './parts.ts';
import type { Json } from './parts.ts';

/** The part of the API's description that is about the log: checkpoint, tiles, proofs, keys, receipts. */
export function logPaths(): Json {
  const tree = [path('topic', 'a topic of the log'), path('partition', 'its partition, from 0')];
  const tile = path('tile', '<level>/<place>[.p/<width>] as C2SP tlog-tiles names it, such as 0/x001/067');
  const get = (summary: string, parameters: readonly Json[], content: Json, more: Json = {}): Json => ({
    get: {
      summary,
      ...(parameters.length > 0 ? { parameters } : {}),
      ...more,
      responses: { 200: { description: 'What was asked for', content }, ...problems() },
    },
  });
  const text = { 'text/plain': { schema: { type: 'string' } } };
  const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
  const query = ['topic', 'partition', 'offset', 'from', 'to'].map((name) => ({
    name,
    in: 'query',
    required: false,
    description: QUERY[name],
    schema: { type: name === 'topic' ? 'string' : 'integer' },
  }));
  return {
    '/v1/log/checkpoint': get('The last signed checkpoint of the log of checkpoints (C2SP signed note)', [], text),
    '/v1/log/{topic}/{partition}/checkpoint': get(
      "The head of a partition's tree that the last checkpoint covers: origin, size, root",
      tree,
      text,
    ),
    '/v1/log/tile/{tile}': get('Hashes of the log of checkpoints', [tile], bytes),
    '/v1/log/{topic}/{partition}/tile/{tile}': get("Hashes of a partition's tree", [...tree, tile], bytes),
    '/v1/log/proof': get(
      'Whether the record at topic, partition and offset is in the signed log; or how two sizes of a tree hang together',
      query,
      { 'application/json': { schema: { anyOf: [jsonSchema(evidenceSchema), { type: 'object' }] } } },
    ),
    '/v1/log/keys': get(
      'The public keys of the log: for receipts (JWKS members) and for checkpoints (C2SP vkey)',
      [],
      { 'application/json': { schema: jsonSchema(logKeysSchema) } },
      { security: [] },
    ),
    '/v1/log/redeem': {
      post: {
        summary: 'What became of a receipt: for each leaf a proof, or when to come again, or what is wrong',
        security: [],
        requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(redeemBody) } } },
        responses: {
          200: {
            description: 'The answer for up to 256 leaves',
            content: { 'application/json': { schema: { type: 'object' } } },
          },
          ...problems(),
        },
      },
    },
  };
}

const QUERY: Readonly<Record<string, string>> = {
  topic: 'the topic of the record or the tree; without it the log of checkpoints is meant',
  partition: 'its partition',
  offset: 'the place of the record',
  from: 'the smaller size',
  to: 'the larger size',
};
