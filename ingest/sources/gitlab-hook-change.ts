import type { Action } from '../../model/action.ts';
import type { ActorRef } from '../../model/actor.ts';
import type { Facts } from '../../model/facts.ts';
import { keyOf } from '../../model/key.ts';
import { emailKey, gitlabCommitKey, gitlabKey } from '../../model/keys.ts';
import { addKey, compact } from './draft.ts';
import { addPlaces, needStateTime, projectPath } from './gitlab-hook.ts';
import type { Hook, HookEvent } from './gitlab-hook.ts';
import { addUserKeys, emailOf, getNumberId, gitlabActor, gitlabResource, needNumber, readUser } from './gitlab.ts';
import type { GitlabUser } from './gitlab.ts';
import { at, getBoolean, getStamp, getString, needString, partOf, partsOf } from './read.ts';

// `approval` is one person's approval, `approved` the one by which all that are required are there (sources.md 1.3).
const MR_ACTIONS: ReadonlyMap<string, Action> = new Map([
  ['open', 'merge_request.open'],
  ['reopen', 'merge_request.open'],
  ['approval', 'merge_request.approve'],
  ['approved', 'merge_request.approve'],
  ['unapproval', 'merge_request.unapprove'],
  ['unapproved', 'merge_request.unapprove'],
  ['merge', 'merge_request.merge'],
]);

/** Merge request hook (sources.md 1.3): who wrote, approved and merged a change. */
export function readMergeRequest(hook: Hook): HookEvent {
  const { doc, host, draft } = hook;
  const attributes = partOf(doc, 'object_attributes');
  const id = needNumber(doc, 'object_attributes', 'id');
  // A system hook of old servers has no action; its state is the nearest word.
  const word =
    at(attributes.json, 'action') === undefined ? getString(attributes, 'state') : getString(attributes, 'action');
  const time = needStateTime(attributes, [['updated_at'], ['created_at']]);
  const user = readUser(doc, 'user');
  const project = getNumberId(attributes, 'target_project_id') ?? getNumberId(doc, 'project', 'id');
  const iid = getNumberId(attributes, 'iid');
  const lastCommit = getString(partOf(attributes, 'last_commit'), 'id');
  const mergeSha = getString(attributes, 'merge_commit_sha');
  const action = MR_ACTIONS.get(word ?? '') ?? 'merge_request.update';
  // `system` marks what GitLab did by itself, such as taking approvals back after a push.
  const isSystem = getBoolean(attributes, 'system') === true;
  const person = gitlabActor(host, user);
  const actor: ActorRef = isSystem ? { kind: 'system', key: '', display: 'GitLab' } : person;
  const decided =
    action === 'merge_request.approve' ? 'approved' : action === 'merge_request.unapprove' ? 'revoked' : undefined;

  addKey(draft, gitlabKey('gitlab:mr', host, id), decided ? 'decides' : 'subject', 'object_attributes.id');
  if (project !== undefined && iid !== undefined) {
    addKey(draft, keyOf('gitlab:mriid', host, `${project}!${iid}`), 'place', 'object_attributes.iid');
  }
  addPlaces(hook, { project, sha: lastCommit });
  addKey(draft, gitlabCommitKey(host, project, mergeSha), 'place', 'object_attributes.merge_commit_sha');
  addUserKeys(draft, host, user, isSystem ? 'initiator' : 'actor', 'user');
  const author = gitlabKey('gitlab:user', host, getNumberId(attributes, 'author_id'));
  addKey(draft, author, 'target', 'object_attributes.author_id');
  const facts = compact<NonNullable<Facts['merge_request']>>({
    iid,
    project_id: project,
    author: author?.key,
    source_branch: getString(attributes, 'source_branch'),
    target_branch: getString(attributes, 'target_branch'),
    last_commit: lastCommit,
    merge_sha: mergeSha,
    state: getString(attributes, 'state'),
  });
  return compact<HookEvent>({
    nativeId: `mr:${id}:${word ?? ''}:${time.text}:${user.id ?? ''}`,
    type: 'merge_request',
    occurred: time.stamp,
    action,
    outcome: 'success',
    outcomeCode: word,
    actor,
    initiator: isSystem && person.key !== '' ? person : undefined,
    resource: compact<NonNullable<HookEvent['resource']>>({
      type: 'merge_request',
      key: gitlabResource(host, 'merge_request', id || undefined),
      display: iid === undefined ? projectPath(doc) : `${projectPath(doc) ?? project ?? ''}!${iid}`,
    }),
    facts: {
      merge_request: facts,
      ...(decided && {
        decision: compact<NonNullable<Facts['decision']>>({ decided, at: time.stamp.at, by: actor, sha: lastCommit }),
      }),
    },
    content: { id, word, at: time.text, user: user.id, system: isSystem, facts },
  });
}

/** Push hook, branch or tag: which commits arrived where, and who wrote them. The last commit's time stands for it. */
export function readPush(hook: Hook): HookEvent {
  const { doc, host, draft, input } = hook;
  const project = needNumber(doc, 'project_id');
  const after = needString(doc, 'after');
  const ref = needString(doc, 'ref');
  const kind = getString(doc, 'object_kind') ?? getString(doc, 'event_name') ?? 'push';
  const branch = ref.replace(/^refs\/(?:heads|tags)\//, '');
  const commits = partsOf(doc, 'commits');
  const emails = [...new Set(commits.map((commit) => emailOf(getString(partOf(commit, 'author'), 'email'))))];
  const authors = emails.filter((email) => email !== undefined).toSorted();
  const last = commits.findLast((commit) => at(commit.json, 'id') === after) ?? commits.at(-1);
  const made = last && getStamp(last, 'timestamp');
  const before = getString(doc, 'before');
  const user: GitlabUser = {
    id: getNumberId(doc, 'user_id'),
    username: getString(doc, 'user_username'),
    name: getString(doc, 'user_name'),
    email: getString(doc, 'user_email'),
  };
  addPlaces(hook, { project, sha: after });
  addUserKeys(draft, host, user, 'actor', 'user');
  for (const email of authors) addKey(draft, emailKey(email), 'mentions', 'commits[].author.email', 'asserted');
  return compact<HookEvent>({
    nativeId: `${kind}:${project}:${branch}:${after}`,
    // A branch may come back to a commit, or be deleted twice: another push, under the same name.
    dedupeKey: `${kind}:${project}:${branch}:${after}:${before ?? ''}`,
    type: kind,
    // A push states no time of its own. Its newest commit was made before it, by the clock of whoever made it.
    occurred: made && made.at <= input.receivedAt ? made : { at: input.receivedAt, precision: 's' },
    action: 'repo.write',
    outcome: 'success',
    actor: gitlabActor(host, user),
    resource: compact<NonNullable<HookEvent['resource']>>({
      type: 'project',
      key: gitlabResource(host, 'project', project || undefined),
      display: projectPath(doc),
    }),
    facts: { push: { project_id: project, ref: branch, after, author_emails: authors } },
    content: { project, ref, after, before, user: user.id, authors },
  });
}
