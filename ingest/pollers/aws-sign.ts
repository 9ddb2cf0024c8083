import { AwsV4Signer } from 'aws4fetch';
import { Problem } from '../../model/problem.ts';
import type { PollRequest } from './poll-http.ts';

/** The AWS service that a request is for: the APIs in JSON name their operation in a header, S3 does not. */
function serviceOf({ headers = {} }: PollRequest): string {
  const target = headers['x-amz-target'] ?? '';
  if (target.startsWith('AmazonSQS')) return 'sqs';
  return target === '' ? 's3' : 'cloudtrail';
}

/**
 * The headers of Signature Version 4 for a request. `secret` is `ACCESSKEYID:SECRET`, or `ACCESSKEYID:SECRET:TOKEN` for a
 * session; a Problem of code `configuration` if it is not.
 */
export async function signAws(
  request: PollRequest,
  region: string,
  secret: string,
): Promise<Readonly<Record<string, string>>> {
  const [, accessKeyId, secretAccessKey, sessionToken] =
    /^([A-Z0-9]{16,128}):([^:\s]{16,}?)(?::(\S+))?$/.exec(secret) ?? [];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Problem(
      'configuration',
      'The AWS secret of the poll must be ACCESSKEYID:SECRET or ACCESSKEYID:SECRET:TOKEN.',
    );
  }
  const signer = new AwsV4Signer({
    url: request.url.href,
    method: request.method ?? 'GET',
    headers: request.headers ?? {},
    ...(request.body !== undefined && { body: request.body }),
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: serviceOf(request),
    region,
  });
  const { headers } = await signer.sign();
  // The client of HTTP sets the host itself, from the same address.
  return Object.fromEntries([...headers].filter(([name]) => name !== 'host'));
}
