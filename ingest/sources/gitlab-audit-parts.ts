import type { ActorRef } from '../../model/actor.ts';
import type { AuditEvent, KeyRole } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { emailKey, gitlabEnvironmentKey, gitlabKey, ipKey } from '../../model/keys.ts';
import type { Stamp } from '../../model/time.ts';
import { addEdge, addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { getNumberId, gitlabActor, gitlabResource } from './gitlab.ts';
import { auditAction } from './gitlab-audit-action.ts';
import { at, getString, note } from './read.ts';
import type { Doc } from './read.ts';

/** An audit event as both shapes tell it. */
export interface Audit {
  readonly doc: Doc;
  /** Path of the details: `details`, or the top in lines of audit_json.log. */
  readonly details: readonly string[];
  readonly host: string;
  readonly type: string;
  readonly occurred: Stamp;
  /** Negative for authors that are no users (sources.md 1.1). */
  readonly author: string;
  readonly entityType: string | undefined;
  readonly entityId: string | undefined;
  readonly targetType: string | undefined;
  readonly targetId: string | undefined;
  readonly targetDetails: string | undefined;
  readonly message: unknown;
}

type Actors = Pick<AuditEvent, 'actor' | 'onBehalfOf' | 'actChain'>;

/**
 * Who acted. An AI agent's account acts for a human (composite identity), named by number beside it: the display name
 * "<account> on behalf of @human" is never parsed. Authors with a negative number are tokens and keys.
 */
export function auditActor(audit: Audit): Actors {
  const { doc, details, host, author } = audit;
  const name = getString(doc, ...details, 'author_name') ?? getString(doc, 'author_name');
  const authorClass = getString(doc, ...details, 'author_class') ?? '';
  if (author.startsWith('-')) {
    const isToken = /Deploy|Token|Runner/.test(authorClass) || Number(author) < -1;
    return { actor: compact<ActorRef>({ kind: isToken ? 'service' : 'unknown', key: '', display: name }) };
  }
  const email = getString(doc, ...details, 'author_email');
  const user = gitlabActor(host, { id: author, name, email });
  const human = getNumberId(doc, ...details, 'human_author_id');
  if (!authorClass.includes('CompositeIdentity') && human === undefined) return { actor: user };
  const actor: ActorRef = { ...user, kind: 'ai_agent' };
  if (human === undefined) return { actor };
  const username = getString(doc, ...details, 'human_author_username');
  const onBehalfOf = gitlabActor(host, { id: human, username, name: getString(doc, ...details, 'human_author_name') });
  const sponsored: ActorRef = onBehalfOf.key === '' ? actor : { ...actor, sponsor: onBehalfOf.key };
  return { actor: sponsored, onBehalfOf, actChain: [sponsored] };
}

/** Adds what the event names: deployment, pipeline, job or merge request, its parties, its place and its address. */
export function addAuditKeys(audit: Audit, draft: Draft): void {
  const { doc, details, host, author, entityType, entityId } = audit;
  addFlowKeys(audit, draft);
  addKey(draft, author.startsWith('-') ? undefined : gitlabKey('gitlab:user', host, author), 'actor', 'author_id');
  addKey(draft, emailKey(getString(doc, ...details, 'author_email')), 'actor', 'details.author_email', 'asserted');
  const human = getNumberId(doc, ...details, 'human_author_id');
  addKey(draft, gitlabKey('gitlab:user', host, human), 'on_behalf_of', 'details.human_author_id');
  if (entityType === 'Project') addKey(draft, gitlabKey('gitlab:project', host, entityId), 'place', 'entity_id');
  if (entityType === 'Group') addKey(draft, gitlabKey('gitlab:group', host, entityId), 'place', 'entity_id');
  if (entityType === 'User') addKey(draft, gitlabKey('gitlab:user', host, entityId), 'target', 'entity_id');
  addKey(draft, ipKey(auditAddress(doc)), 'place', 'details.ip_address');
}

/** From where it was done. A line of audit_json.log tells it beside the event, as the address of the request. */
export function auditAddress(doc: Doc): string | undefined {
  return getString(doc, 'details', 'ip_address') ?? getString(doc, 'ip_address') ?? getString(doc, 'meta.remote_ip');
}

function addFlowKeys(audit: Audit, draft: Draft): void {
  const { doc, details, host, type, entityId, targetType, targetId, targetDetails } = audit;
  const deployment = deploymentOf(audit);
  if (deployment !== undefined) {
    const role: KeyRole = type === 'deployment_started' ? 'subject' : 'decides';
    addKey(draft, gitlabKey('gitlab:deployment', host, deployment), role, 'details.custom_message');
  }
  if (type === 'multi_project_downstream_pipeline_created') {
    const child = addKey(draft, gitlabKey('gitlab:pipeline', host, targetId), 'subject', 'target_id');
    const rootId = getNumberId(doc, ...details, 'upstream_root_pipeline_id');
    const root = gitlabKey('gitlab:pipeline', host, rootId);
    addKey(draft, root, 'mentions', 'details.upstream_root_pipeline_id');
    addEdge(draft, root, child, { relation: 'spawned', rule: 'E8' });
  }
  if (type === 'user_authenticated_using_job_token') {
    const job = addKey(draft, gitlabKey('gitlab:job', host, targetDetails), 'uses', 'target_details');
    if (!job) note(doc, ...details, 'target_details');
  }
  if (targetType === 'MergeRequest') {
    const role = type.includes('approval_operation') ? 'decides' : 'subject';
    addKey(draft, gitlabKey('gitlab:mr', host, targetId), role, 'target_id');
  }
  if (targetType === 'User') addKey(draft, gitlabKey('gitlab:user', host, targetId), 'target', 'target_id');
  if (targetType === 'Ci::Runner') addKey(draft, gitlabKey('gitlab:runner', host, targetId), 'place', 'target_id');
  if (targetType === 'Environment' && audit.entityType === 'Project') {
    addKey(draft, gitlabEnvironmentKey(host, entityId, targetDetails), 'place', 'target_details');
  }
}

/** What was acted upon; for a deployment the environment, with its name as the source says it. */
export function auditResource(audit: Audit): Pick<AuditEvent, 'resource' | 'environment'> {
  const { host, entityType, entityId, targetType, targetId, targetDetails } = audit;
  if (targetType === 'Environment' && entityId !== undefined && targetDetails !== undefined) {
    const key = gitlabResource(host, 'env', `${entityId}/${targetDetails}`);
    return { resource: { type: 'environment', key, display: targetDetails }, environment: targetDetails };
  }
  // The target of a job token's use is its user; what it was used on is the project.
  if (audit.type === 'user_authenticated_using_job_token') {
    const display = getString(audit.doc, ...audit.details, 'entity_path');
    const key = gitlabResource(host, 'project', entityId);
    return { resource: compact<NonNullable<AuditEvent['resource']>>({ type: 'project', key, display }) };
  }
  const type = snake(targetType ?? entityType ?? 'instance');
  const key = gitlabResource(host, type, targetType === undefined ? entityId : targetId);
  return { resource: compact<NonNullable<AuditEvent['resource']>>({ type, key, display: targetDetails }) };
}

/** A decision on a deployment or merge request, and the start of a deployment. */
export function auditFacts(audit: Audit, actor: ActorRef): Facts {
  const { type, occurred, entityId, targetDetails } = audit;
  const decided = DECISIONS.get(type);
  const mode = actor.kind === 'human' ? 'human' : undefined;
  const decision = decided && compact<NonNullable<Facts['decision']>>({ decided, mode, at: occurred.at, by: actor });
  const deployment =
    deploymentOf(audit) === undefined
      ? undefined
      : compact<NonNullable<Facts['deployment']>>({ environment: targetDetails, project_id: entityId });
  // To present a job token is to log in: it proves that the job acted, not that it touched anything.
  const call =
    type === 'user_authenticated_using_job_token'
      ? { service: 'gitlab', operation: type, write: false, login: true }
      : undefined;
  return compact<Facts>({
    decision,
    deployment,
    call,
    setting: auditAction(type, audit.message) === 'config.change' ? settingOf(audit) : undefined,
  });
}

// What was changed, from what to what; the values of variables were taken out at the door.
function settingOf({ doc, details }: Audit): Facts['setting'] {
  const name = getString(doc, ...details, 'change');
  if (name === undefined) return undefined;
  return compact<NonNullable<Facts['setting']>>({
    name,
    from: valueOf(doc, details, 'from'),
    to: valueOf(doc, details, 'to'),
  });
}

function valueOf(doc: Audit['doc'], details: readonly string[], name: string): string | undefined {
  const value = at(doc.json, ...details, name);
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
    ? String(value)
    : undefined;
}

const DECISIONS: ReadonlyMap<string, 'approved' | 'denied'> = new Map([
  ['deployment_approved', 'approved'],
  ['deployment_rejected', 'denied'],
  ['merge_request_approval_operation', 'approved'],
]);

// The text is a contract with GitLab's English source (sources.md 4.3): the target is the environment alone.
const DEPLOYMENT_MESSAGE = /deployment with IID: \d+ and ID: (\d+)/;

function deploymentOf(audit: Audit): string | undefined {
  if (!/^deployment_(?:approved|rejected|started)$/.test(audit.type)) return undefined;
  const id = typeof audit.message === 'string' ? DEPLOYMENT_MESSAGE.exec(audit.message)?.[1] : undefined;
  if (id === undefined) note(audit.doc, ...audit.details, 'custom_message');
  return id;
}

function snake(name: string): string {
  const text = name.replace(/^.*::/, '').replace(/([a-z0-9])([A-Z])/g, '$1_$2');
  return text.toLowerCase().replace(/[^a-z0-9_]/g, '_');
}
