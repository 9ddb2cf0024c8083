import { createHash, timingSafeEqual } from 'node:crypto';
import type { Policy, PolicySource } from '../../model/policy.ts';
import { familyOf } from '../../model/source.ts';
import type { Source } from '../../model/source.ts';
import type { Micros } from '../../model/time.ts';
import { doorFault } from './door-fault.ts';
import type { Secrets } from './secrets.ts';
import { isSigned, readSignature, signingKey, verifySignature } from './signature.ts';
import type { Headers, SignedHeaders } from './signature.ts';

type CredentialKind = PolicySource['credentials'][number]['kind'];

/** One registered credential, ready to be compared: the digest of a token, or the key of an HMAC. */
interface Credential {
  readonly installation: PolicySource;
  readonly kind: CredentialKind;
  readonly digest: Buffer;
  readonly key: Buffer;
}

/** An installation that has proven itself, and how. */
export interface Sender {
  readonly installation: PolicySource;
  readonly kind: CredentialKind | 'signed_set';
}

/** What the headers alone show: senders that are proven, and those whose signature needs the body. */
export interface HeaderCheck {
  readonly proven: readonly Sender[];
  readonly pending: readonly Credential[];
  readonly signed?: SignedHeaders;
}

/** The registered credentials of all installations. */
export interface CredentialBook {
  /** Those whose installation may use the door of this source. */
  of(source: Source): readonly Credential[];
}

const SIGNING: readonly CredentialKind[] = ['gitlab_signature', 'standard_webhooks'];
const NOBODY = digestOf('no credential is registered');

/**
 * Joins the policy's credentials with their secrets. A name without a secret is a fault of the configuration: better
 * no start than a door that nobody can pass. Two credentials of one installation are both valid, for rotation.
 */
export function openCredentials(policy: Policy, secrets: Secrets): CredentialBook {
  const all = policy.sources.flatMap((installation) =>
    installation.credentials.map(({ kind, secret: name }): Credential => {
      const secret = secrets.get(name);
      return {
        installation,
        kind,
        digest: digestOf(secret),
        key: SIGNING.includes(kind) ? signingKey(secret, name) : Buffer.alloc(0),
      };
    }),
  );
  return {
    of: (source) =>
      all.filter(
        ({ installation }) =>
          source !== 'custody.self' &&
          installation.family === familyOf(source) &&
          (installation.sources?.includes(source) ?? true),
      ),
  };
}

/**
 * Checks what the headers alone can show, before a body is taken in. Every registered credential is compared, and a
 * dummy where there is none, so that neither answer nor time tells a source without credentials from a wrong one.
 * A signature wins where it is present: an installation that has a signing key is then judged by it alone.
 * Throws `unauthenticated` when nobody is proven and nobody is left for the body to prove.
 */
export function checkHeaders(book: CredentialBook, source: Source, headers: Headers, now: Micros): HeaderCheck {
  const credentials = book.of(source);
  const signed = isSigned(headers) ? readSignature(headers, now) : undefined;
  const signers = new Set(
    isSigned(headers) ? credentials.filter(isSigning).map(({ installation }) => installation) : [],
  );
  const proven: Sender[] = [];
  for (const { installation, kind, digest } of credentials.filter((credential) => !isSigning(credential))) {
    const matches = timingSafeEqual(digestOf(presented(kind, source, headers)), digest);
    if (matches && !signers.has(installation)) proven.push({ installation, kind });
  }
  if (credentials.length === 0) timingSafeEqual(digestOf(headers['authorization'] ?? ''), NOBODY);
  const pending = signed ? credentials.filter(isSigning) : [];
  if (proven.length === 0 && pending.length === 0) throw unauthenticated();
  return { proven, pending, ...(signed && { signed }) };
}

/** The senders that headers and body together prove. Throws `unauthenticated` where there are none. */
export function checkBody(check: HeaderCheck, body: Buffer): readonly Sender[] {
  const { proven, pending, signed } = check;
  const senders = signed ? [...proven, ...pending.filter(({ key }) => verifySignature(key, signed, body))] : proven;
  if (senders.length === 0) throw unauthenticated();
  return senders;
}

/** The one answer to every sender that is not known, whatever the cause. */
export function unauthenticated(): Error {
  return doorFault('unauthenticated', 'No valid credential for this source was given.');
}

function isSigning({ kind }: Credential): boolean {
  return SIGNING.includes(kind);
}

/** What the sender presents for a kind of credential; "" where it presents nothing, which never matches. */
function presented(kind: CredentialKind, source: Source, headers: Headers): string {
  if (kind === 'gitlab_token')
    return headers[source === 'gitlab.webhook' ? 'x-gitlab-token' : 'x-gitlab-event-streaming-token'] ?? '';
  if (kind === 'bearer') return /^Bearer +(\S+) *$/i.exec(headers['authorization'] ?? '')?.[1] ?? '';
  return kind === 'header' ? (headers['authorization'] ?? '') : '';
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
