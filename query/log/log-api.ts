import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify';
import { z } from 'zod';
import { formatCheckpoint } from '../../ledger/checkpoint.ts';
import type { LogKeys } from '../../ledger/evidence.ts';
import type { PublicLogKey } from '../../ledger/signing-key.ts';
import type { TrustedLog } from '../../ledger/verify-evidence.ts';
import { FAMILIES } from '../../model/source.ts';
import { Problem } from '../../model/problem.ts';
import type { Micros } from '../../model/time.ts';
import { findRecord } from '../../store/queries/find-record.ts';
import type { Reader } from '../../store/query.ts';
import { findHead } from '../../store/trees/heads.ts';
import { read } from '../api-schemas.ts';
import { proveConsistency, proveRecord } from './prove.ts';
import { redeemReceipt } from './redeem.ts';
import { readSigned, unknownSigner } from './signed-checkpoint.ts';
import { parseTileName, readTile } from './tiles.ts';

export interface LogApiDeps {
  readonly reader: Reader;
  readonly tenant: string;
  /** Throws a Problem unless the Authorization header allows it. */
  readonly authorize: (authorization: string | undefined, permission: 'read') => Promise<unknown>;
  /** All keys that sign receipts, those that no longer do included. */
  readonly keys: readonly PublicLogKey[];
  readonly published: LogKeys;
  /** Who signs checkpoints; undefined where that is not known here. */
  readonly trusted: TrustedLog | undefined;
  readonly now: () => Micros;
}

const number = (most: number): z.ZodType<number> =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().max(most));
const topic = z.enum(FAMILIES);
const partition = number(65_535);
export const proofQuery = z.strictObject({
  topic: topic.optional(),
  partition: partition.optional(),
  offset: number(2 ** 36).optional(),
  from: number(Number.MAX_SAFE_INTEGER).optional(),
  to: number(Number.MAX_SAFE_INTEGER).optional(),
});
const treeParams = z.object({ topic, partition });
export const redeemBody = z.strictObject({
  receipt: z.string().min(1).max(40_000),
  from: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
});

const MAX_BODY = 64 * 1_024;
const TEXT = 'text/plain; charset=utf-8';

/**
 * The log as others verify it: `GET /v1/log/checkpoint`, tiles, `/v1/log/proof`, the same per partition, and without a
 * credential of ours `/v1/log/keys`, which are public, and `POST /v1/log/redeem`, where the receipt itself, which only
 * this service can have signed, is what gives the right to ask; the answer tells hashes alone.
 */
export function createLogApi(deps: LogApiDeps): FastifyPluginAsync {
  const { reader } = deps;
  return async (app) => {
    app.get('/v1/log/keys', () => deps.published);
    app.post('/v1/log/redeem', { bodyLimit: MAX_BODY }, async (request, reply) => {
      const { receipt, from } = read(redeemBody, request.body);
      const redeemed = await redeemReceipt(deps, receipt, from);
      if (redeemed.retry_after_s !== undefined) reply.header('retry-after', redeemed.retry_after_s);
      return redeemed;
    });
    await app.register((guarded) => {
      guarded.addHook(
        'onRequest',
        async (request) => void (await deps.authorize(request.headers.authorization, 'read')),
      );
      addCheckpoints(guarded, deps);
      addTiles(guarded, reader);
      guarded.get('/v1/log/proof', (request) => answerProof(deps, read(proofQuery, request.query)));
      return Promise.resolve();
    });
  };
}

function addCheckpoints(app: FastifyInstance, { reader, trusted }: LogApiDeps): void {
  app.get('/v1/log/checkpoint', async (_request, reply) => {
    const checkpoint = await readSigned(reader, trusted);
    if (!checkpoint) throw nothingSigned(trusted);
    return reply.type(TEXT).send(checkpoint.note);
  });
  // The head of a partition is not signed by itself: it is a leaf of the log of checkpoints.
  app.get('/v1/log/:topic/:partition/checkpoint', async (request, reply) => {
    const tree = read(treeParams, request.params);
    const checkpoint = await readSigned(reader, trusted);
    const head = checkpoint && (await findHead(reader, tree, checkpoint.size, 0));
    if (!head) throw nothingSigned(trusted);
    return reply.type(TEXT).send(formatCheckpoint(head));
  });
}

function addTiles(app: FastifyInstance, reader: Reader): void {
  app.get<{ Params: { '*': string } }>('/v1/log/tile/*', async (request, reply) =>
    sendTile(reply, reader, 'checkpoints', request.params['*']),
  );
  app.get<{ Params: { '*': string } }>('/v1/log/:topic/:partition/tile/*', async (request, reply) =>
    sendTile(reply, reader, read(treeParams, request.params), request.params['*']),
  );
}

async function sendTile(
  reply: FastifyReply,
  reader: Reader,
  tree: Parameters<typeof readTile>[1],
  path: string,
): Promise<FastifyReply> {
  const tile = parseTileName(path);
  if (!tile) throw new Problem('invalid_request', 'A tile is named <level>/<place>[.p/<width>], such as 0/x001/067.');
  const bytes = await readTile(reader, tree, tile);
  return reply.type('application/octet-stream').send(bytes);
}

async function answerProof(deps: LogApiDeps, query: z.output<typeof proofQuery>): Promise<unknown> {
  const { topic: name, partition: number, offset, from, to } = query;
  const tree = name !== undefined && number !== undefined ? { topic: name, partition: number } : undefined;
  if (offset !== undefined && tree && from === undefined && to === undefined) {
    const [record] = await deps.reader.read(findRecord(deps.tenant, tree.topic, tree.partition, offset));
    if (!record) throw new Problem('not_found', 'No record is held at this place.');
    const place = { ...tree, sourceEpoch: record.source_epoch };
    const asked = { offset, leaf: Buffer.from(record.leaf, 'hex') };
    return proveRecord(deps.reader, place, asked, await readSigned(deps.reader, deps.trusted));
  }
  const isTree = (name === undefined) === (number === undefined);
  if (offset === undefined && from !== undefined && to !== undefined && isTree)
    return proveConsistency(deps.reader, deps.tenant, tree ?? 'checkpoints', from, to);
  throw new Problem(
    'invalid_request',
    'Ask for a record by topic, partition and offset, or by from and to (and topic and partition) how two sizes hang together.',
  );
}

function nothingSigned(trusted: TrustedLog | undefined): Problem {
  if (!trusted) return unknownSigner();
  return new Problem(
    'not_found',
    'Nothing is signed yet. The first checkpoint comes some seconds after the first record.',
  );
}
