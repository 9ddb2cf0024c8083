import { keyOf, normaliseHost } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { emailKey, idpUserKey, tokenKey } from '../../model/keys.ts';
import { at, getString, isObject, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** What a subject identifier names (RFC 9493, sources.md 3.7). Each may be absent. */
export interface SsfSubject {
  readonly user?: Key;
  readonly email?: Key;
  readonly token?: Key;
  readonly session?: Key;
  readonly display?: string;
  /** Whether the format is one that is known here. */
  readonly known: boolean;
}

/**
 * Reads a subject identifier: `sub_id` of the SET, or `subject` within the event in older drafts. Formats: iss_sub,
 * opaque, email, jwt_id, and complex, whose members are each one of those.
 */
export function readSubject(subject: Doc, issuer: string): SsfSubject {
  const format = getString(subject, 'format') ?? getString(subject, 'subject_type');
  if (format === 'complex' || (format === undefined && isObject(at(subject.json, 'user'))))
    return readComplex(subject, issuer);
  return { ...readPlain(subject, issuer, format), known: KNOWN.has(format ?? '') };
}

const KNOWN: ReadonlySet<string> = new Set([
  'iss_sub',
  'iss-sub',
  'opaque',
  'email',
  'jwt_id',
  'account',
  'phone_number',
  'did',
  'uri',
]);

type Named = Omit<SsfSubject, 'known'>;

function readPlain(subject: Doc, issuer: string, format: string | undefined): Named {
  const iss = getString(subject, 'iss') ?? issuer;
  switch (format ?? '') {
    case 'iss_sub':
    case 'iss-sub':
      return defined({ user: idpUserKey(iss, getString(subject, 'sub')) });
    case 'opaque':
      return defined({ user: idpUserKey(issuer, getString(subject, 'id')) });
    case 'email': {
      const email = getString(subject, 'email');
      return defined({ email: emailKey(email), display: email });
    }
    case 'jwt_id':
      return defined({ token: tokenKey(iss, getString(subject, 'jti')) });
    default:
      return {};
  }
}

function readComplex(subject: Doc, issuer: string): SsfSubject {
  const part = (name: string): Doc => partOf(subject, name);
  const formatOf = (doc: Doc): string | undefined => getString(doc, 'format') ?? getString(doc, 'subject_type');
  const user = readPlain(part('user'), issuer, formatOf(part('user')));
  const session = part('session');
  const id = formatOf(session) === 'iss_sub' ? getString(session, 'sub') : getString(session, 'id');
  return { ...user, ...defined({ session: sessionKey(getString(session, 'iss') ?? issuer, id) }), known: true };
}

/**
 * The key of a session at its issuer, in the form in which the issuer's own log names it: Keycloak's issuers end in
 * `/realms/<name>`, Okta's are a bare host with identifiers that begin with `idx`, `102` or `trs`.
 */
export function sessionKey(issuer: string, id: unknown): Key | undefined {
  const scope = issuer.replace(/\/+$/, '');
  if (/\/realms\/[^/]+$/.test(scope)) return keyOf('keycloak:session', scope, id);
  const host = normaliseHost(scope);
  if (typeof id === 'string' && /^(?:idx|102|trs)[\w-]{10,}$/.test(id) && host !== undefined)
    return keyOf('okta:session', host, id);
  return keyOf('idp:session', scope, id);
}

function defined(named: { readonly [K in keyof Named]: Named[K] | undefined }): Named {
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}
