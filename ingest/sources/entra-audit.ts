import type { ActorRef } from '../../model/actor.ts';
import type { Action, Outcome } from '../../model/action.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { accessRequestKey, emailKey } from '../../model/keys.ts';
import { addEdge, addKey, compact } from './draft.ts';
import {
  addEntraContext,
  entraId,
  entraPrincipal,
  entraRecordId,
  entraText,
  entraTime,
  entraUser,
} from './entra-parts.ts';
import type { EntraRecord, EntraTold } from './entra-parts.ts';
import { at, getString, needString, partOf, partsOf } from './read.ts';
import type { Doc } from './read.ts';

// First that fits. Entra names an operation in words; those of privileged identity management tell a request's life.
const RULES: readonly (readonly [RegExp, Action])[] = [
  [/request (?:approved|approval)|approve.*request|^user approved/i, 'access.approve'],
  [/request denied|den(?:y|ied).*request|^user denied/i, 'access.deny'],
  [/request(?:ed)?.*(?:expired|timed out)/i, 'access.expire'],
  [/request.*(?:cancel)|cancel.*request/i, 'access.cancel'],
  [/^add (?:eligible )?member to role.*requested|^(?:create|user requests?).*access (?:package|request)/i, 'access.request'],
  [/^add (?:eligible |scoped )?member to role|^add app role assignment|^add delegated permission/i, 'access.grant'],
  [/^(?:fulfill|deliver).*access package assignment/i, 'access.grant'],
  [/^remove (?:eligible |scoped )?member from role|^remove app role assignment|^remove delegated permission/i, 'access.revoke'],
  [/^add member to group/i, 'group.member.add'],
  [/^remove member from group/i, 'group.member.remove'],
  [/certificates and secrets management|^add (?:service principal )?credentials/i, 'credential.rotate'],
  [/^remove (?:service principal )?credentials/i, 'credential.delete'],
  [/^(?:delete user|disable account)/i, 'user.deactivate'],
  [/^(?:restore user|enable account)/i, 'user.reactivate'],
  [/^(?:reset|change).*password|strongauthentication|security info/i, 'credential.rotate'],
  [/^(?:revoke sign-?in sessions|invalidate.*refresh tokens?|update stsrefreshtokenvalidfrom)/i, 'session.revoke'],
  [/user$|^invite|^redeem/i, 'user.change'],
  [/^(?:add|added|update|updated|delete|deleted|remove|removed|create|set|verify|disable|enable) /i, 'config.change'],
]; // prettier-ignore

const REQUESTS: ReadonlySet<Action> = new Set([
  'access.request',
  'access.approve',
  'access.deny',
  'access.expire',
  'access.cancel',
  'access.grant',
]);

/** Reads a directory audit (sources.md 1.6): changes of users, groups, roles and applications, and access requests. */
export function readAudit(record: EntraRecord): EntraTold {
  const { doc } = record;
  // The envelope's name is the same; some categories have no name of their own within.
  const named = (getString(doc, 'activityDisplayName') ?? '').trim();
  const type = named === '' ? needString(record.envelope, 'operationName') : named;
  const action = RULES.find(([pattern]) => pattern.test(type))?.[1] ?? 'other';
  const result = getString(doc, 'result');
  const outcome = outcomeOf(result, action);
  const actor = initiatorOf(record);
  const targets = partsOf(doc, 'targetResources');
  const address = entraText(doc, 'initiatedBy', 'user', 'ipAddress') ?? entraText(record.envelope, 'callerIpAddress');
  addEntraContext(record, address);
  for (const target of targets) addTarget(record, target);
  const request = addRequest(record, targets, action);
  if (action === 'access.grant' && outcome === 'success') addGrant(record, request);
  const occurred = entraTime(record, 'activityDateTime');
  return compact<EntraTold>({
    kind: 'audit',
    id: entraRecordId(record),
    type,
    occurred,
    action,
    outcome,
    outcomeCode: result,
    outcomeReason: entraText(doc, 'resultReason'),
    actor,
    resource: resourceOf(record, targets, request),
    sourceIp: address,
    userAgent: entraText(doc, 'userAgent'),
    facts: factsOf({ record, targets, action, outcome, actor, at: occurred.at }),
    content: contentOf(record, type),
  });
}

function outcomeOf(result: string | undefined, action: Action): Outcome {
  const word = (result ?? '').toLowerCase();
  if (word === 'success') return action === 'access.deny' ? 'denied' : 'success';
  if (word === 'failure' || word === 'timeout') return 'failure';
  return 'unknown';
}

// The application that did it, or the person; one of the two, and the other null.
function initiatorOf(record: EntraRecord): ActorRef {
  const { doc } = record;
  const user = at(doc.json, 'initiatedBy', 'user');
  if (user !== undefined && user !== null) return entraUser(record, partOf(doc, 'initiatedBy', 'user'), 'id', 'actor');
  const app = partOf(doc, 'initiatedBy', 'app');
  // What Entra does itself names no application, only an identity in the envelope.
  const display = entraText(app, 'displayName') ?? entraText(record.envelope, 'identity');
  const id = entraId(app, 'servicePrincipalId');
  const key = addKey(record.draft, entraPrincipal(record, id), 'actor', 'initiatedBy.app.servicePrincipalId');
  const appKey = keyOf('entra:app', record.tenant, entraId(app, 'appId'));
  addKey(record.draft, appKey, 'place', 'initiatedBy.app.appId');
  const kind = key || appKey || display !== undefined ? 'service' : 'unknown';
  return compact<ActorRef>({ kind, key: key?.key ?? '', display });
}

function typeOfTarget(target: Doc): string {
  return (getString(target, 'type') ?? getString(target, 'Type') ?? '').toLowerCase();
}

function addTarget(record: EntraRecord, target: Doc): void {
  const { draft, tenant } = record;
  const type = typeOfTarget(target);
  const id = entraId(target, 'id');
  const field = `${target.where}.id`;
  if (type === 'user' || type === 'serviceprincipal') addKey(draft, entraPrincipal(record, id), 'target', field);
  if (type === 'user')
    addKey(
      draft,
      emailKey(getString(target, 'userPrincipalName')),
      'target',
      `${target.where}.userPrincipalName`,
      'asserted',
    );
  if (type === 'group') addKey(draft, keyOf('entra:group', tenant, id), 'target', field);
}

// Privileged identity management names its request as a target, and in `additionalDetails` (sources.md 2.4).
function addRequest(record: EntraRecord, targets: readonly Doc[], action: Action): Key | undefined {
  if (!REQUESTS.has(action)) return undefined;
  const target = targets.find((one) => typeOfTarget(one) === 'request');
  const id = (target && entraId(target, 'id')) ?? detailOf(record, 'RequestId');
  const key = accessRequestKey('entra', record.tenant, id);
  const decides = action === 'access.approve' || action === 'access.deny';
  const ends = action === 'access.expire' || action === 'access.cancel';
  const role = action === 'access.request' ? 'creates' : decides ? 'decides' : ends ? 'ends' : 'subject';
  return addKey(record.draft, key, role, target ? `${target.where}.id` : 'additionalDetails.RequestId');
}

function addGrant(record: EntraRecord, request: Key | undefined): void {
  const grant = keyOf('grant', 'entra', `audit:${entraRecordId(record)}`);
  addKey(record.draft, grant, 'creates', 'id');
  addEdge(record.draft, request, grant, { relation: 'granted', rule: 'E4' });
}

function detailOf({ doc }: EntraRecord, name: string): string | undefined {
  const found = partsOf(doc, 'additionalDetails').find((one) => at(one.json, 'key') === name);
  return found && getString(found, 'value');
}

function resourceOf(record: EntraRecord, targets: readonly Doc[], request: Key | undefined): AuditEvent['resource'] {
  const named = (type: string): Doc | undefined => targets.find((one) => typeOfTarget(one) === type);
  const target = named('role') ?? named('group') ?? targets[0];
  if (!target) return undefined;
  // A user whose number is left out is still told by name.
  const id = entraId(target, 'id') ?? entraText(target, 'userPrincipalName');
  if (id === undefined && !request) return undefined;
  const type = typeOfTarget(target) || 'object';
  return compact<NonNullable<AuditEvent['resource']>>({
    type,
    key: id === undefined ? (request?.key ?? '') : `entra://${record.tenant}/${type}/${id}`,
    display: entraText(target, 'displayName') ?? entraText(target, 'userPrincipalName'),
  });
}

function factsOf(about: {
  readonly record: EntraRecord;
  readonly targets: readonly Doc[];
  readonly action: Action;
  readonly outcome: Outcome;
  readonly actor: ActorRef;
  readonly at: number;
}): Facts {
  const { record, targets, action, outcome, actor, at: when } = about;
  const nameOf = (type: string): string | undefined => {
    const target = targets.find((one) => typeOfTarget(one) === type);
    return target && entraText(target, 'displayName');
  };
  const user = targets.find((one) => typeOfTarget(one) === 'user');
  const member = user && entraPrincipal(record, entraId(user, 'id'));
  const isMember = /^(?:access\.(?:grant|revoke)|group\.member\.)/.test(action);
  const decided = action === 'access.approve' ? 'approved' : action === 'access.deny' ? 'denied' : undefined;
  const mode = actor.kind === 'human' ? 'human' : actor.kind === 'service' ? 'policy' : undefined;
  const role = nameOf('role');
  return compact<Facts>({
    request: action === 'access.request' ? (role === undefined ? {} : { roles: [role] }) : undefined,
    decision:
      decided && outcome !== 'failure'
        ? compact<NonNullable<Facts['decision']>>({ decided, mode, at: when, by: actor })
        : undefined,
    member:
      isMember && member
        ? compact<NonNullable<Facts['member']>>({ member: member.key, group: nameOf('group'), access: role })
        : undefined,
  });
}

function contentOf({ doc }: EntraRecord, type: string): unknown {
  const targets = partsOf(doc, 'targetResources').map((one) => [at(one.json, 'id') ?? null, typeOfTarget(one)]);
  return [type, at(doc.json, 'result') ?? null, at(doc.json, 'correlationId') ?? null, targets];
}
