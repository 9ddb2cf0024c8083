import type { ActorKind, ActorRef } from '../../model/actor.ts';
import { keyOf, normaliseEmail } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { emailKey, idpUserKey } from '../../model/keys.ts';
import { addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { getString, partOf } from './read.ts';
import type { Doc } from './read.ts';

/** Who called, as CloudTrail's `userIdentity` says it (sources.md 1.8, 2.2). */
export interface Caller {
  readonly actor: ActorRef;
  /** ARN of the role or user by whose rights the call was made: what inventories and brokers are named by. */
  readonly principal?: string;
  /** The same as a hub key. */
  readonly principalKey?: Key;
  /** The part of `principalId` after the colon: chosen by whoever took the role. */
  readonly sessionName?: string;
}

/** Reads the caller of a record. What CloudTrail does not say stays unknown; nothing is guessed from names of roles. */
export function readCaller(record: Doc): Caller {
  const identity = partOf(record, 'userIdentity');
  const session = partOf(identity, 'sessionContext');
  const type = getString(identity, 'type') ?? 'Unknown';
  const arn = getString(identity, 'arn');
  const principalId = getString(identity, 'principalId');
  const role = getString(session, 'sessionIssuer', 'arn');
  const sessionName = type === 'AssumedRole' ? afterColon(principalId) : undefined;
  const principalKey =
    type === 'AssumedRole' || type === 'Role'
      ? keyOf('aws:role', undefined, role ?? arn)
      : userKey(identity, type, arn);
  const principal = role ?? (arn?.startsWith('arn:') ? arn : getString(identity, 'invokedBy'));
  const person = personOf(identity, sessionName);
  const kind = kindOf(record, identity, type, person, role);
  const key = person?.key ?? principalKey ?? keyOf('aws:account', undefined, getString(identity, 'accountId'));
  const email = normaliseEmail(sessionName ?? getString(identity, 'userName'));
  const display = sessionName ?? getString(identity, 'userName') ?? getString(identity, 'invokedBy');
  return compact<Caller>({
    actor: compact<ActorRef>({ kind, key: key?.key ?? '', display, email }),
    principal,
    principalKey,
    sessionName,
  });
}

/** Adds the hub keys of the caller: the principal, the person where one is named, the role that issued the session. */
export function addCallerKeys(draft: Draft, record: Doc, caller: Caller): void {
  const identity = partOf(record, 'userIdentity');
  addKey(draft, caller.principalKey, 'actor', 'userIdentity');
  const person = personOf(identity, caller.sessionName);
  addKey(draft, person?.key, 'actor', person?.field ?? '', person?.exact ? 'exact' : 'asserted');
  addKey(draft, emailKey(caller.actor.email), 'actor', 'userIdentity.principalId', 'asserted');
}

interface Person {
  readonly key: Key;
  readonly field: string;
  readonly exact: boolean;
}

// Identity Center names the user; else the name of the session is an e-mail address in most SAML set-ups, which
// whoever runs the identity provider chose (sources.md 4.1).
function personOf(identity: Doc, sessionName: string | undefined): Person | undefined {
  const behalf = partOf(identity, 'onBehalfOf');
  const known = idpUserKey(getString(behalf, 'identityStoreArn'), getString(behalf, 'userId'));
  if (known) return { key: known, field: behalf.where, exact: true };
  const email = emailKey(sessionName);
  return email && { key: email, field: 'userIdentity.principalId', exact: false };
}

function userKey(identity: Doc, type: string, arn: string | undefined): Key | undefined {
  if (type === 'WebIdentityUser') {
    const provider = providerIssuer(getString(identity, 'identityProvider'));
    return idpUserKey(provider, getString(identity, 'userName'));
  }
  if (type === 'AWSAccount') return keyOf('aws:account', undefined, getString(identity, 'accountId'));
  return keyOf('aws:user', undefined, arn ?? getString(identity, 'invokedBy') ?? getString(identity, 'principalId'));
}

function kindOf(
  record: Doc,
  identity: Doc,
  type: string,
  person: Person | undefined,
  role: string | undefined,
): ActorKind {
  if (type === 'AWSService') return getString(record, 'eventType') === 'AwsServiceEvent' ? 'system' : 'service';
  if (type === 'WebIdentityUser') return 'service';
  if (type === 'IAMUser' || type === 'Root' || type === 'IdentityCenterUser' || type === 'SAMLUser') return 'human';
  if (type !== 'AssumedRole') return 'unknown';
  if (person) return 'human';
  if (getString(identity, 'sessionContext', 'webIdFederationData', 'federatedProvider') !== undefined) return 'service';
  // Roles under this path can be taken by services of AWS alone.
  if (role?.includes(':role/aws-service-role/')) return 'system';
  return 'unknown';
}

/** Issuer URL of an OIDC provider, from its ARN (`arn:...:oidc-provider/<host and path>`) or host; undefined for SAML. */
export function providerIssuer(provider: string | undefined): string | undefined {
  if (provider === undefined) return undefined;
  const path = /:oidc-provider\/(.+)$/.exec(provider)?.[1] ?? (provider.startsWith('arn:') ? undefined : provider);
  return path === undefined || path === '' ? undefined : `https://${path.replace(/^https:\/\//, '')}`;
}

function afterColon(principalId: string | undefined): string | undefined {
  const colon = principalId?.indexOf(':') ?? -1;
  return colon < 0 ? undefined : principalId?.slice(colon + 1);
}
