import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { json } from './scripted-server.ts';
import type { ScriptedAnswer, ScriptedRequest } from './scripted-server.ts';

const BUCKET = 'acme-trail';
const ACCOUNT = '111122223333';
const REGION = 'eu-central-1';

interface Stored {
  bytes: Buffer;
  headers: Record<string, string>;
}

/** A bucket with a trail: log files, and digest files that are signed and chained as CloudTrail does it. */
export interface ScriptedTrail {
  readonly objects: Map<string, Stored>;
  readonly events: Record<string, unknown>[];
  readonly queue: { readonly body: string; readonly handle: string }[];
  /** Writes a log file with so many events; gives its key. */
  addFile(ms: number, events: number): string;
  /** Writes the digest over the log files since the last; gives its key. */
  addDigest(ms: number): string;
  readonly script: (request: ScriptedRequest) => ScriptedAnswer;
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

/**
 * The API of S3, of a queue of SQS, and of CloudTrail's list of keys, over one trail. With `random` the queue is as SQS may
 * be: messages in any order, and some again after they were deleted.
 */
export function trailApi(random?: () => number): ScriptedTrail {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const objects = new Map<string, Stored>();
  const events: Record<string, unknown>[] = [];
  const queue: { body: string; handle: string }[] = [];
  let unlisted: string[] = [];
  let last: { key: string; content: Buffer; signature: string } | undefined;
  let number = 0;
  const keyOf = (kind: string, ms: number): string => {
    number += 1;
    const day = iso(ms).slice(0, 10).replaceAll('-', '/');
    return `AWSLogs/${ACCOUNT}/${kind}/${REGION}/${day}/${ACCOUNT}_${kind}_${REGION}_${iso(ms).replace(/[-:]/g, '')}_${String(number).padStart(6, '0')}.json.gz`;
  };
  const tell = (key: string): void => {
    const notice = { Records: [{ s3: { bucket: { name: BUCKET }, object: { key: encodeURIComponent(key) } } }] };
    queue.push({ body: JSON.stringify(notice), handle: `h${number}` });
  };
  return {
    objects,
    events,
    queue,
    addFile(ms, count) {
      const key = keyOf('CloudTrail', ms);
      const records = Array.from({ length: count }, (_, at) => ({
        eventVersion: '1.11',
        eventID: `${String(number).padStart(8, '0')}-0000-4000-8000-${String(at).padStart(12, '0')}`,
        eventTime: iso(ms),
        eventSource: 's3.amazonaws.com',
        eventName: 'ListBuckets',
        awsRegion: REGION,
        sourceIPAddress: '198.51.100.7',
        userAgent: 'aws-cli/2',
        requestID: `R${number}${at}`,
        readOnly: true,
        eventType: 'AwsApiCall',
        managementEvent: true,
        recipientAccountId: ACCOUNT,
        eventCategory: 'Management',
        userIdentity: { type: 'IAMUser', principalId: 'AIDAEXAMPLE', arn: `arn:aws:iam::${ACCOUNT}:user/jon`, accountId: ACCOUNT, accessKeyId: 'AKIAEXAMPLE000000009', userName: 'jon' }, // prettier-ignore
      }));
      events.push(...records);
      objects.set(key, { bytes: gzipSync(JSON.stringify({ Records: records })), headers: {} });
      unlisted.push(key);
      tell(key);
      return key;
    },
    addDigest(ms) {
      const key = keyOf('CloudTrail-Digest', ms);
      const logFiles = unlisted.map((name) => ({
        s3Bucket: BUCKET,
        s3Object: name,
        hashValue: sha256(contentOf(objects, name)),
        hashAlgorithm: 'SHA-256',
      }));
      const digest = {
        awsAccountId: ACCOUNT,
        digestStartTime: iso(ms - 3_600_000),
        digestEndTime: iso(ms),
        digestS3Bucket: BUCKET,
        digestS3Object: key,
        digestPublicKeyFingerprint: 'f00d',
        digestSignatureAlgorithm: 'SHA256withRSA',
        previousDigestS3Bucket: last ? BUCKET : null,
        previousDigestS3Object: last?.key ?? null,
        previousDigestHashValue: last ? sha256(last.content) : null,
        previousDigestHashAlgorithm: 'SHA-256',
        previousDigestSignature: last?.signature ?? null,
        logFiles,
      };
      const content = Buffer.from(JSON.stringify(digest));
      const text = [
        digest.digestEndTime,
        `${BUCKET}/${key}`,
        sha256(content),
        digest.previousDigestSignature ?? 'null',
      ].join('\n');
      const signature = sign('RSA-SHA256', Buffer.from(text), privateKey).toString('hex');
      objects.set(key, { bytes: gzipSync(content), headers: { 'x-amz-meta-signature': signature, 'x-amz-meta-signature-algorithm': 'SHA256withRSA' } }); // prettier-ignore
      unlisted = [];
      last = { key, content, signature };
      tell(key);
      return key;
    },
    script({ url, headers, body }) {
      if (headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE000000001/') !== true)
        return { status: 403, body: '' };
      const target = String(headers['x-amz-target'] ?? '');
      if (target.endsWith('ListPublicKeys')) {
        const value = publicKey.export({ type: 'pkcs1', format: 'der' }).toString('base64');
        return json({ PublicKeyList: [{ Fingerprint: 'f00d', Value: value }] });
      }
      if (target === 'AmazonSQS.ReceiveMessage' && random) queue.sort(() => random() - 0.5);
      if (target === 'AmazonSQS.ReceiveMessage')
        return json(queue.length === 0 ? {} : { Messages: queue.slice(0, 10).map(({ body: text, handle }) => ({ Body: text, ReceiptHandle: handle })) }); // prettier-ignore
      if (target === 'AmazonSQS.DeleteMessage') {
        const { ReceiptHandle: handle } = JSON.parse(body) as { ReceiptHandle: string };
        const at = queue.findIndex((message) => message.handle === handle);
        if (at >= 0 && !(random && random() < 0.2)) queue.splice(at, 1);
        return json({});
      }
      if (url.pathname === `/${BUCKET}`) return listBucket(objects, url);
      const found = objects.get(decodeURIComponent(url.pathname.slice(BUCKET.length + 2)));
      return found ? { body: found.bytes, headers: found.headers } : { status: 404, body: '<Error/>' };
    },
  };
}

function contentOf(objects: Map<string, Stored>, key: string): Buffer {
  const stored = objects.get(key);
  return stored ? gunzipSync(stored.bytes) : Buffer.alloc(0);
}

function listBucket(objects: Map<string, Stored>, url: URL): ScriptedAnswer {
  const prefix = url.searchParams.get('prefix') ?? '';
  const delimiter = url.searchParams.get('delimiter');
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  if (delimiter !== null) {
    const below = [...new Set(keys.map((key) => `${prefix}${key.slice(prefix.length).split('/')[0]}/`))];
    return xml(below.map((one) => `<CommonPrefixes><Prefix>${one}</Prefix></CommonPrefixes>`).join(''));
  }
  // Three an answer, so that it pages.
  const from = Number(url.searchParams.get('continuation-token') ?? 0);
  const page = keys.slice(from, from + 3).map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`);
  const isMore = from + 3 < keys.length;
  return xml(
    `${page.join('')}<IsTruncated>${isMore}</IsTruncated>${isMore ? `<NextContinuationToken>${from + 3}</NextContinuationToken>` : ''}`,
  );
}

function xml(inner: string): ScriptedAnswer {
  return {
    body: `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>${BUCKET}</Name>${inner}</ListBucketResult>`,
    headers: { 'content-type': 'application/xml' },
  };
}
