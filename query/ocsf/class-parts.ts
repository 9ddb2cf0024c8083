import { isIP } from 'node:net';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { ClassUid } from './classes.ts';
import { compact } from './compact.ts';
import { ocsfActor, ocsfSession, ocsfTargetUser, ocsfUser } from './parties.ts';
import type { OcsfObject } from './parties.ts';

/**
 * What each class asks for beside what all have. Where the class requires an attribute that the source did not tell, it
 * says so in words (`unknown`, `not recorded`) and never borrows another value.
 */
export const CLASS_PARTS: Readonly<Record<ClassUid, (event: StoredEvent) => OcsfObject>> = {
  3001: (event) => ({ ...withActor(event), user: ocsfTargetUser(event) }),
  3002: (event) => ({
    ...withActor(event),
    // A token is made for the party whose rights it carries; a login is the actor's own.
    user: ocsfUser(event.onBehalfOf ?? event.actor),
    service: serviceOf(event),
    session: ocsfSession(event),
    is_mfa: event.facts.login?.mfa,
  }),
  3003: (event) => ({
    ...withActor(event),
    user: ocsfUser(event.onBehalfOf ?? event.actor),
    privileges: [operationOf(event)],
    session: ocsfSession(event),
  }),
  3004: (event) => ({ ...withActor(event), entity: entityOf(event), comment: event.facts.request?.reason }),
  3005: (event) => ({
    ...withActor(event),
    user: ocsfTargetUser(event),
    privileges: privilegesOf(event),
    resource: resourceOf(event),
  }),
  3006: (event) => ({ ...withActor(event), group: groupOf(event), user: ocsfTargetUser(event) }),
  6001: (event) => ({ ...withEndpoint(event), web_resources: [webResourceOf(event)] }),
  6002: (event) => ({ app: appOf(event) }),
  6003: (event) => ({
    ...withActor(event),
    api: { operation: operationOf(event), service: serviceOf(event) },
    src_endpoint: endpointOf(event) ?? { name: 'not recorded' },
    resources: event.resource === undefined ? undefined : [resourceOf(event)],
  }),
};

function withActor(event: StoredEvent): OcsfObject {
  return { ...withEndpoint(event), actor: ocsfActor(event) };
}

function withEndpoint(event: StoredEvent): OcsfObject {
  const { userAgent } = event;
  return {
    src_endpoint: endpointOf(event),
    http_request: userAgent === undefined ? undefined : { user_agent: userAgent },
  };
}

function endpointOf(event: StoredEvent): OcsfObject | undefined {
  if (event.sourceIp === undefined) return undefined;
  // AWS writes host names ("cloudtrail.amazonaws.com") and words in the same place.
  return isIP(event.sourceIp) === 0 ? { name: event.sourceIp } : { ip: event.sourceIp };
}

function serviceOf(event: StoredEvent): OcsfObject {
  return { name: event.facts.call?.service ?? event.facts.target?.name ?? event.instance };
}

function operationOf(event: StoredEvent): string {
  return event.facts.call?.operation ?? event.type;
}

function resourceOf(event: StoredEvent): OcsfObject | undefined {
  const { resource } = event;
  return resource && compact({ uid: resource.key, name: resource.display, type: resource.type });
}

/** `type_id` 99: none of OCSF's kinds (device, user, group, organisation, policy, email) is a request or a token. */
function entityOf(event: StoredEvent): OcsfObject {
  const { resource, credential } = event;
  const about = event.keys.find((key) => key.role === 'subject' || key.role === 'decides' || key.role === 'ends')?.key;
  const ended = event.action.startsWith('token.') ? (credential?.key ?? about) : undefined;
  const uid = ended ?? resource?.key ?? about ?? credential?.key;
  const type = ended === undefined ? (resource?.type ?? about?.split(':')[0]) : 'token';
  return compact({
    uid,
    name: ended === undefined ? (resource?.display ?? (uid === undefined ? event.type : undefined)) : undefined,
    type: type ?? 'unknown',
    type_id: 99,
  });
}

function privilegesOf(event: StoredEvent): readonly string[] {
  const { member, request } = event.facts;
  if (member?.access !== undefined) return [member.access];
  if (request?.roles !== undefined && request.roles.length > 0) return request.roles;
  return [event.resource?.display ?? event.resource?.key ?? event.type];
}

function groupOf(event: StoredEvent): OcsfObject {
  const group = event.keys.find((key) => /^(?:okta|gitlab|entra):group:/.test(key.key))?.key;
  const uid = event.facts.member?.group ?? group ?? event.resource?.key;
  const name = event.resource?.display ?? (uid === undefined ? 'unknown' : undefined);
  return compact({ uid, name, privileges: event.facts.member?.access && [event.facts.member.access] });
}

function webResourceOf(event: StoredEvent): OcsfObject {
  return resourceOf(event) ?? { name: event.type };
}

function appOf(event: StoredEvent): OcsfObject {
  const { pipeline, job, deployment } = event.facts;
  const subject = event.keys.find((key) => key.role === 'subject' || key.role === 'creates')?.key;
  const name = job?.name ?? pipeline?.project_path ?? job?.project_path ?? event.resource?.display;
  return compact({
    uid: subject ?? event.resource?.key,
    name: name ?? deployment?.environment ?? subject ?? event.resource?.key ?? event.type,
    vendor_name: event.instance,
  });
}
