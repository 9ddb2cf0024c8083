import { hostname, userInfo } from 'node:os';
import type { ActorRef } from '../model/actor.ts';
import { idpUserKey, osUserKey } from '../model/keys.ts';
import type { Principal } from './authorize.ts';

/**
 * The account that a credential proves, as our own log names it. An access token proves a subject of its issuer. The
 * token of the data folder proves no person: only that somebody can read the folder, so it stands for the account of the
 * operating system under which this process runs (the file is its owner's alone).
 */
export function actorOf({ subject, issuer }: Pick<Principal, 'subject' | 'issuer'>): ActorRef {
  if (issuer === 'local') return localActor();
  return { kind: 'unknown', key: idpUserKey(issuer, subject)?.key ?? '', display: subject.slice(0, 512) };
}

function localActor(): ActorRef {
  const name = osUser();
  return { kind: 'unknown', key: osUserKey(hostname(), name)?.key ?? `os:user:localhost/${name}` };
}

function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that no list of users names.
    return String(process.getuid?.() ?? 'unknown');
  }
}
