import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '../model/problem.ts';

/** Where a list goes on: after the event of this time (microseconds UTC) and place in the log. */
export interface Position {
  readonly us: number;
  readonly ref: string;
}

const MAC_BYTES = 16;
const shape = z.tuple([z.number().int().nonnegative(), z.string().regex(/^\d{1,20}$/), z.string()]);

/**
 * A cursor is a place in one list. It carries the hash of what was asked, and a MAC, so that it cannot be moved to
 * another question or made up; it is no secret.
 */
export function writeCursor(key: Buffer, question: string, at: Position): string {
  const body = Buffer.from(JSON.stringify([at.us, at.ref, hashOf(question)]));
  return Buffer.concat([macOf(key, body), body]).toString('base64url');
}

/** The place that a cursor stands for; a Problem of code `invalid_request` if it is not one for this question. */
export function readCursor(key: Buffer, question: string, cursor: string): Position {
  const bytes = cursor.length > 512 ? Buffer.alloc(0) : Buffer.from(cursor, 'base64url');
  const [mac, body] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)];
  if (mac.length !== MAC_BYTES || !timingSafeEqual(mac, macOf(key, body))) throw invalid();
  const [us, ref, hash] = shape.parse(JSON.parse(body.toString('utf8')));
  if (hash !== hashOf(question)) throw invalid();
  return { us, ref };
}

function macOf(key: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', key).update('custody cursor\u0000').update(body).digest().subarray(0, MAC_BYTES);
}

function hashOf(question: string): string {
  return createHash('sha256').update(question).digest('base64url').slice(0, 16);
}

function invalid(): Problem {
  return new Problem('invalid_request', 'The cursor does not belong to this list. Begin again without it.');
}
