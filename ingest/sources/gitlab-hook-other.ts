import { createHash } from 'node:crypto';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { Action } from '../../model/action.ts';
import type { Facts } from '../../model/facts.ts';
import { gitlabKey } from '../../model/keys.ts';
import type { Stamp } from '../../model/time.ts';
import { parseStamp } from '../../model/time.ts';
import { addKey, compact } from './draft.ts';
import { addPlaces, needStateTime, projectPath } from './gitlab-hook.ts';
import type { Hook, HookEvent } from './gitlab-hook.ts';
import { addUserKeys, getNumberId, gitlabActor, gitlabResource, needNumber, readUser } from './gitlab.ts';
import type { GitlabUser } from './gitlab.ts';
import { getMicros, at, getId, getString, needString } from './read.ts';
import type { Path } from './read.ts';

/**
 * Membership of a group (Member Hook) or a project (system hook). GitLab does not say who granted it: the member is the
 * target, and the actor is unknown until the audit event `member_created` tells (sources.md 1.3).
 */
export function readMember(hook: Hook): HookEvent {
  const { doc, host, draft } = hook;
  const name = needString(doc, 'event_name');
  const inGroup = at(doc.json, 'group_id') !== undefined;
  const place = needNumber(doc, inGroup ? 'group_id' : 'project_id');
  const user = memberOf(hook);
  const id = needNumber(doc, 'user_id');
  const time = needStateTime(doc, [['updated_at'], ['created_at']]);
  const member = gitlabKey('gitlab:user', host, id);
  addUserKeys(draft, host, user, 'target', 'user');
  addKey(
    draft,
    gitlabKey(inGroup ? 'gitlab:group' : 'gitlab:project', host, place),
    'place',
    inGroup ? 'group_id' : 'project_id',
  );
  const facts = compact<NonNullable<Facts['member']>>({
    member: member?.key ?? '',
    group: getString(doc, inGroup ? 'group_path' : 'project_path_with_namespace'),
    access: getString(doc, inGroup ? 'group_access' : 'access_level'),
    expires_at: getMicros(doc, 'expires_at'),
  });
  return compact<HookEvent>({
    nativeId: `member:${place}:${id}:${name}:${time.text}`,
    type: name,
    occurred: time.stamp,
    action: memberAction(name),
    outcome: name.includes('denied') ? 'denied' : 'success',
    actor: { kind: 'unknown', key: '' },
    resource: compact<NonNullable<HookEvent['resource']>>({
      type: inGroup ? 'group' : 'project',
      key: gitlabResource(host, inGroup ? 'group' : 'project', place || undefined),
      display: facts.group,
    }),
    facts: { member: facts },
    content: { place, id, name, at: time.text, facts },
  });
}

/**
 * Any other kind of hook that GitLab is known to send (issues, notes, releases, system hooks ...): no part of a chain,
 * kept with what identifies it. `kind` is `object_kind`, or `event_name` where there is none.
 */
export function readOther(hook: Hook, kind: string): HookEvent {
  const { doc, host, draft } = hook;
  const acting = at(doc.json, 'user') === undefined ? memberOf(hook) : readUser(doc, 'user');
  const project = getNumberId(doc, 'project_id') ?? getNumberId(doc, 'project', 'id');
  const id = getId(doc, 'object_attributes', 'id') ?? getId(doc, 'id');
  const word =
    getString(doc, 'object_attributes', 'action') ?? getString(doc, 'action') ?? getString(doc, 'event_name');
  const time = timeOf(hook);
  addPlaces(hook, { project });
  addKey(draft, gitlabKey('gitlab:group', host, getNumberId(doc, 'group_id')), 'place', 'group_id');
  // A system hook about an account names the account, not who changed it.
  const isAbout = at(doc.json, 'user') === undefined && kind.startsWith('user_');
  addUserKeys(draft, host, acting, isAbout ? 'target' : 'actor', 'user');
  const content = { kind, id, word, project, user: acting.id, body: fingerprint(doc.json) };
  return compact<HookEvent>({
    nativeId: `${kind}:${id ?? project ?? ''}:${word ?? ''}:${time.text ?? content.body.slice(0, 12)}`,
    // Hooks without a time of their own are told apart by what they say.
    dedupeKey: `${kind}:${id ?? ''}:${word ?? ''}:${time.text ?? ''}:${content.body}`,
    type: kind,
    occurred: time.stamp,
    action: otherAction(kind),
    outcome: kind.includes('failed') ? 'failure' : 'success',
    actor: isAbout ? { kind: 'unknown', key: '' } : gitlabActor(host, acting),
    resource: compact<NonNullable<HookEvent['resource']>>({
      type: project === undefined ? 'instance' : 'project',
      key: gitlabResource(host, 'project', project),
      display: projectPath(doc),
    }),
    facts: {},
    content,
  });
}

// Where these hooks write the time of what happened; the first that can be read.
const TIME_PATHS: readonly Path[] = [
  ['object_attributes', 'updated_at'],
  ['updated_at'],
  ['object_attributes', 'created_at'],
  ['created_at'],
  ['released_at'],
];

function timeOf(hook: Hook): { readonly stamp: Stamp; readonly text?: string } {
  for (const path of TIME_PATHS) {
    const text = at(hook.doc.json, ...path);
    const stamp = parseStamp(text);
    if (stamp && typeof text === 'string') return { stamp, text };
  }
  return { stamp: { at: hook.input.receivedAt, precision: 's' } };
}

function memberOf(hook: Hook): GitlabUser {
  const { doc } = hook;
  return {
    id: getNumberId(doc, 'user_id'),
    username: getString(doc, 'user_username') ?? getString(doc, 'username'),
    name: getString(doc, 'user_name'),
    email: getString(doc, 'user_email') ?? getString(doc, 'email'),
  };
}

function memberAction(name: string): Action {
  if (name.startsWith('user_add')) return 'group.member.add';
  if (name.startsWith('user_remove')) return 'group.member.remove';
  if (name.includes('access_request'))
    return name.includes('denied') || name.includes('revoked') ? 'access.deny' : 'access.request';
  return 'member.change';
}

function otherAction(kind: string): Action {
  if (kind.startsWith('user_')) return kind === 'user_failed_login' ? 'session.login' : 'user.change';
  if (kind === 'key_create') return 'credential.create';
  return kind === 'key_destroy' ? 'credential.delete' : 'other';
}

function fingerprint(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
