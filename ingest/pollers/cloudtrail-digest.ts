import { createHash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';

const hex = z.string().regex(/^[0-9a-f]+$/i);

/** A digest file of CloudTrail: the log files of an hour with their hashes, signed, and chained to the one before. */
const digestSchema = z.object({
  digestStartTime: z.string(),
  digestEndTime: z.string(),
  digestS3Bucket: z.string(),
  digestS3Object: z.string(),
  digestPublicKeyFingerprint: z.string(),
  digestSignatureAlgorithm: z.literal('SHA256withRSA'),
  previousDigestS3Bucket: z.string().nullish(),
  previousDigestS3Object: z.string().nullish(),
  previousDigestHashValue: hex.nullish(),
  previousDigestSignature: hex.nullish(),
  logFiles: z.array(
    z.object({ s3Bucket: z.string(), s3Object: z.string(), hashValue: hex, hashAlgorithm: z.literal('SHA-256') }),
  ),
});
export type Digest = z.output<typeof digestSchema>;

/** The digest that was verified before, to which the next one must point. */
export interface Link {
  readonly object: string;
  readonly hash: string;
  readonly signature: string;
}

/** SHA-256 as hexadecimal digits, as CloudTrail writes it: over what a file holds, unpacked. */
export function sha256Hex(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Reads a digest file; undefined if it is none that can be verified. */
export function readDigest(content: Buffer): Digest | undefined {
  try {
    return digestSchema.safeParse(JSON.parse(content.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

export interface DigestFile {
  readonly digest: Digest;
  readonly content: Buffer;
  readonly bucket: string;
  readonly key: string;
  /** `x-amz-meta-signature` of the file, hexadecimal. */
  readonly signature: string;
}

/**
 * Verifies a digest file as AWS documents it: RSA PKCS #1 v1.5 with SHA-256 over end time, place, hash of the file, and
 * the signature of the digest before, so that one that is taken out or changed breaks the chain. Gives what is wrong, in
 * words; nothing where all holds. `previous` undefined: this is the first that is seen.
 */
export function digestFaults(file: DigestFile, key: KeyObject | undefined, previous: Link | undefined): string[] {
  const { digest, content, bucket, key: name, signature } = file;
  const faults: string[] = [];
  if (digest.digestS3Bucket !== bucket || digest.digestS3Object !== name)
    faults.push('names another place than where it lies: it was moved');
  if (!key) faults.push(`is signed with a key that CloudTrail does not list (${digest.digestPublicKeyFingerprint})`);
  else {
    const before = digest.previousDigestSignature ?? 'null';
    const signed = [digest.digestEndTime, `${bucket}/${name}`, sha256Hex(content), before].join('\n');
    const isRight = /^[0-9a-f]+$/i.test(signature) && verify('RSA-SHA256', Buffer.from(signed), key, Buffer.from(signature, 'hex')); // prettier-ignore
    if (!isRight) faults.push('has a signature that does not fit: it was changed');
  }
  if (previous) {
    if (digest.previousDigestS3Object !== previous.object)
      faults.push(`follows ${digest.previousDigestS3Object ?? 'none'}, but the last one verified is ${previous.object}: one is missing`); // prettier-ignore
    else if (
      digest.previousDigestHashValue?.toLowerCase() !== previous.hash ||
      digest.previousDigestSignature?.toLowerCase() !== previous.signature
    )
      faults.push('follows another form of the digest before it: that one was changed');
  }
  return faults;
}
