// As a namespace, so that the issuer kit carries what is used of zod and not its forty languages.
import * as z from 'zod';
import { partyRefSchema } from './token-event.ts';
import { parseStamp } from './time.ts';

/**
 * That accounts are one person, or are not: told by whoever keeps the register (a SCIM bridge, an administrator's tool),
 * in the envelope of the issuer contract. `unlinked` reverses a `linked` from a time on; neither is ever erased.
 */
export const IDENTITY_EVENT_TYPES = [
  'io.accessaudit.identity.linked.v1',
  'io.accessaudit.identity.unlinked.v1',
] as const;
export type IdentityEventType = (typeof IDENTITY_EVENT_TYPES)[number];

/** How the register knows: SCIM or SAML `extern_uid`, GitLab's claim `user_identities`, or an administrator's word. */
export const IDENTITY_METHODS = ['scim', 'saml', 'user_identities', 'admin'] as const;

const MAX_ACCOUNTS = 8;
const stamp = z.string().refine((value) => parseStamp(value) !== undefined, 'must be an RFC 3339 time with a zone');

/** `data` of the identity types. `valid_from` is when it began to hold; left out, a link holds for all time before too. */
export const identityDataSchema = z.looseObject({
  schema_version: z.literal(1),
  identity: z.looseObject({
    accounts: z.array(z.looseObject({ iss: z.string().min(1), sub: z.string().min(1) })).min(2).max(MAX_ACCOUNTS),
    method: z.enum(IDENTITY_METHODS),
    valid_from: stamp.nullish(),
    reason: z.string().nullish(),
    by: partyRefSchema.nullish(),
  }),
}); // prettier-ignore
export type IdentityData = z.output<typeof identityDataSchema>;

/** Whether a type tells of identities. */
export function isIdentityEventType(type: string): type is IdentityEventType {
  return (IDENTITY_EVENT_TYPES as readonly string[]).includes(type);
}
