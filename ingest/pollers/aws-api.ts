import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import type { PolicyPoll } from '../../model/policy-poll.ts';
import { MAX_FETCHED_BYTES } from '../intake/limits.ts';
import type { PollHttp } from './poll-http.ts';
import { addressOf, jsonOf } from './poll-source.ts';

/** The few calls of AWS that reading a trail needs. Every one goes through the bounded client of the polls. */

const xml = new XMLParser({ parseTagValue: false, processEntities: true, isArray: (name) => ['Contents', 'CommonPrefixes'].includes(name) }); // prettier-ignore
const listSchema = z.object({
  ListBucketResult: z.object({
    Contents: z.array(z.object({ Key: z.string() })).default([]),
    CommonPrefixes: z.array(z.object({ Prefix: z.string() })).default([]),
    IsTruncated: z.string().default('false'),
    NextContinuationToken: z.string().optional(),
  }),
});

/** Keys of a bucket below a prefix, in order; with a delimiter the names of what lies one step below it as well. */
export async function* listObjects(
  http: PollHttp,
  poll: PolicyPoll,
  bucket: string,
  prefix: string,
  delimiter?: string,
): AsyncGenerator<{ readonly keys: readonly string[]; readonly prefixes: readonly string[] }, void, undefined> {
  let token: string | undefined;
  do {
    const query = { 'list-type': 2, prefix, ...(delimiter !== undefined && { delimiter }), ...(token !== undefined && { 'continuation-token': token }) }; // prettier-ignore
    const url = addressOf(poll, `/${bucket}`, query);
    // The signature is over %20, and a form's plus is no space to S3.
    url.search = url.search.replaceAll('+', '%20');
    const { body } = await http.send({ url });
    const read = readXml(body);
    yield { keys: read.Contents.map(({ Key }) => Key), prefixes: read.CommonPrefixes.map(({ Prefix }) => Prefix) };
    token = read.IsTruncated === 'true' ? read.NextContinuationToken : undefined;
  } while (token !== undefined);
}

function readXml(body: Buffer): z.output<typeof listSchema>['ListBucketResult'] {
  try {
    return listSchema.parse(xml.parse(body.toString('utf8'))).ListBucketResult;
  } catch {
    throw new Problem('unavailable', 'S3 answered a list that cannot be read.');
  }
}

/** A file of a bucket: what it holds, unpacked and bounded, and its headers. Undefined where it is not there. */
export async function getObject(
  http: PollHttp,
  poll: PolicyPoll,
  bucket: string,
  key: string,
): Promise<{ readonly content: Buffer; readonly headers: Headers } | undefined> {
  const url = addressOf(poll, `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`);
  const { status, body, headers } = await http.send({ url, accept: [404] });
  if (status === 404) return undefined;
  // A client may have unpacked it already, where the file is stored with the encoding as its header.
  if (body[0] !== 0x1f || body[1] !== 0x8b) return { content: body, headers };
  try {
    return { content: gunzipSync(body, { maxOutputLength: MAX_FETCHED_BYTES }), headers };
  } catch (error) {
    throw new Problem(
      'unavailable',
      `The file ${key} cannot be unpacked within ${MAX_FETCHED_BYTES} bytes.`,
      {},
      error,
    );
  }
}

const messagesSchema = z.object({
  Messages: z.array(z.object({ Body: z.string(), ReceiptHandle: z.string() })).default([]),
});

/** Up to ten messages of a queue; they come again unless they are deleted. */
export async function receiveMessages(
  http: PollHttp,
  queue: string,
): Promise<readonly { readonly body: string; readonly handle: string }[]> {
  const body = await sqs(http, queue, 'ReceiveMessage', { QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 300 }); // prettier-ignore
  const read = messagesSchema.safeParse(jsonOf(body, 'SQS'));
  if (!read.success) throw new Problem('unavailable', 'SQS answered something that is no list of messages.');
  return read.data.Messages.map(({ Body, ReceiptHandle }) => ({ body: Body, handle: ReceiptHandle }));
}

export async function deleteMessage(http: PollHttp, queue: string, handle: string): Promise<void> {
  await sqs(http, queue, 'DeleteMessage', { QueueUrl: queue, ReceiptHandle: handle });
}

async function sqs(http: PollHttp, queue: string, action: string, body: object): Promise<Buffer> {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` };
  const url = new URL(`${new URL(queue).origin}/`);
  return (await http.send({ url, method: 'POST', headers, body: JSON.stringify(body) })).body;
}

const keysSchema = z.object({ PublicKeyList: z.array(z.object({ Fingerprint: z.string(), Value: z.string() })) });

/** Where the keys of a region's digests are asked for. */
export function keysUrl(poll: PolicyPoll, region: string): string {
  return poll.keys_url ?? `https://cloudtrail.${region}.amazonaws.com/`;
}

/** The public keys with which CloudTrail signed in a stretch of time (milliseconds), by fingerprint. */
export async function listPublicKeys(
  http: PollHttp,
  poll: PolicyPoll,
  region: string,
  from: number,
  to: number,
): Promise<ReadonlyMap<string, KeyObject>> {
  const { body } = await http.send({
    url: new URL(keysUrl(poll, region)),
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys',
    },
    body: JSON.stringify({ StartTime: Math.floor(from / 1_000), EndTime: Math.ceil(to / 1_000) }),
  });
  const read = keysSchema.safeParse(jsonOf(body, 'CloudTrail'));
  if (!read.success) throw new Problem('unavailable', 'CloudTrail answered something that is no list of keys.');
  return new Map(
    read.data.PublicKeyList.map(({ Fingerprint, Value }) => [
      Fingerprint,
      createPublicKey({ key: Buffer.from(Value, 'base64'), format: 'der', type: 'pkcs1' }),
    ]),
  );
}
