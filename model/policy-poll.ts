import { z } from 'zod';
import { parseStamp } from './time.ts';
import type { Micros } from './time.ts';

/** What the policy file says of what Custody fetches itself: where, how often, with which credential. */

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Whether something may be fetched from there: https, or http on this machine (a test server), without a password or a
 * fragment in the address.
 */
export function isPollUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.includes(hostname));
}

const address = z.string().max(2_048).refine(isPollUrl, 'must be an https address without a password in it');
const secret = z.string().min(1);
const instant = z.string().transform((text, context): Micros => {
  const stamp = parseStamp(text);
  if (stamp) return stamp.at;
  context.addIssue({ code: 'custom', message: 'must be a time with a zone, such as 2026-01-31T00:00:00Z' });
  return z.NEVER;
});

/** How a poll proves itself; `secret` names the entry of the secrets file. */
const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bearer'), secret }),
  /** Okta's API tokens. */
  z.strictObject({ kind: z.literal('ssws'), secret }),
  /** A header of its own: `PRIVATE-TOKEN` of GitLab, `Api-Key` of hoop. */
  z.strictObject({ kind: z.literal('header'), name: z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/), secret }),
  /** OAuth 2.0 client credentials (RFC 6749 4.4): Entra, Keycloak, Okta. */
  z.strictObject({
    kind: z.literal('oauth'),
    token_url: address,
    client_id: z.string().min(1).max(512),
    scope: z.string().max(1_024).optional(),
    secret,
  }),
  /** An AWS key: the secret is `ACCESSKEYID:SECRET`, or `ACCESSKEYID:SECRET:SESSIONTOKEN`. */
  z.strictObject({ kind: z.literal('aws'), region: z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/), secret }),
]);

const seconds = z.number().int();

/** The poll of one installation. What is left out has the default that the source's documentation asks for. */
export const poll = z.strictObject({
  /** The server: `https://acme.okta.com`, `https://gitlab.acme.com`, the endpoint of S3. */
  url: address,
  auth,
  /** A minute where it is left out; an hour for the users of a GitLab, of which each round reads all. */
  interval_seconds: seconds.min(1).max(86_400).optional(),
  /** How far back each round looks again, for what comes late. Repeats are known and left out. */
  overlap_seconds: seconds.min(0).max(604_800).optional(),
  /** Where the first round begins; a week back if it is left out. */
  from: instant.optional(),
  page_size: seconds.min(1).max(1_000).optional(),
  /** A round that meets more pages ends there, and the next begins at once where it stopped. */
  max_pages: seconds.min(1).max(100_000).default(500),
  timeout_seconds: seconds.min(1).max(600).default(30),
  max_page_mib: seconds.min(1).max(64).default(32),
  /** GitLab: `groups/42` or `projects/7`, where the token is no administrator's. Keycloak: the realm. */
  scope: z.string().max(256).optional(),
  realm: z.string().max(256).optional(),
  /** Entra: which logs; the kinds of sign-ins other than interactive ones need Graph's beta. */
  logs: z
    .array(z.enum(['signIns', 'directoryAudits', 'servicePrincipal', 'managedIdentity', 'nonInteractiveUser']))
    .optional(),
  /** CloudTrail: where the trail writes, and the queue that tells of new files; without it the bucket is listed. */
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)
    .optional(),
  prefix: z.string().max(512).default(''),
  accounts: z.array(z.string().regex(/^\d{12}$/)).optional(),
  regions: z.array(z.string().regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/)).optional(),
  organisation: z
    .string()
    .regex(/^o-[a-z0-9]{10,32}$/)
    .optional(),
  queue_url: address.optional(),
  /** CloudTrail: where its public keys are asked for; the address of the region if it is left out. */
  keys_url: address.optional(),
});

export type PolicyPoll = z.output<typeof poll>;

/** Whose security event tokens (RFC 8417) an installation takes, and with which keys they are verified. */
export const securityEvents = z.strictObject({
  issuer: z.string().min(1).max(2_048),
  audience: z.string().min(1).max(2_048),
  jwks_url: address,
  algorithms: z
    .array(
      z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']),
    )
    .min(1)
    .default(['RS256']),
});
