import type { StoredEvent } from '../../store/stored-event.ts';
import type { Credentials } from './credentials.ts';
import { expiryOf } from './credentials.ts';

/**
 * Whether a credential is short-lived or standing. `unnamed`: the target recorded none. `unknown`: it is named, but
 * nothing says how long it lives (a client certificate, a token whose birth was not seen).
 */
export type CredentialClass = 'short_lived' | 'standing' | 'unnamed' | 'unknown';

/** Classes by what the key itself says (AWS: `AKIA` is a standing key, `ASIA` a session's), else by its recorded birth. */
export function classOfCredential(
  event: StoredEvent,
  key: string | undefined,
  credentials: Credentials,
): CredentialClass {
  if (key === undefined) return 'unnamed';
  const accessKey = /^aws:accesskey:(A[A-Z]{3})/.exec(key)?.[1];
  if (accessKey !== undefined) return accessKey === 'ASIA' ? 'short_lived' : 'standing';
  if (/^k8s:credential-id:.*\/JTI=/.test(key) || key.startsWith('token:jti:')) return 'short_lived';
  const births = credentials.sameAs(key).flatMap((name) => credentials.birthsOf(name));
  const last = births.at(-1);
  if (last) return expiryOf(last) === undefined ? 'standing' : 'short_lived';
  const ttl = event.facts.call?.credential_ttl_s;
  if (ttl !== undefined) return ttl > 0 ? 'short_lived' : 'standing';
  return 'unknown';
}
