import type { AuditEvent } from '../../model/event.ts';
import type { ParseInput, ParseResult, RedactionRule, SourceAdapter } from './adapter.ts';
import { refuse } from './adapter.ts';
import { openDraft } from './draft.ts';
import { readMergeRequest, readPush } from './gitlab-hook-change.ts';
import { readDeployment, readJob } from './gitlab-hook-job.ts';
import { readMember, readOther } from './gitlab-hook-other.ts';
import { readPipeline } from './gitlab-hook-pipeline.ts';
import type { Hook, HookEvent } from './gitlab-hook.ts';
import { gitlabScope } from './gitlab.ts';
import { at, fault, isObject, openDoc, refusalOf } from './read.ts';

const READERS: ReadonlyMap<string, (hook: Hook) => HookEvent> = new Map([
  ['pipeline', readPipeline],
  ['build', readJob],
  ['deployment', readDeployment],
  ['merge_request', readMergeRequest],
  ['push', readPush],
  ['tag_push', readPush],
]);

// Kinds that GitLab is known to send and that are no part of a chain: `object_kind` of project and group hooks, and
// `event_name` of group and system hooks, which have no `object_kind`.
const OTHER_KINDS = new Set(
  `issue confidential_issue note confidential_note wiki_page feature_flag release emoji access_token vulnerability
   milestone work_item project_create project_destroy project_rename project_transfer project_update project_archive
   subgroup_create subgroup_destroy group_create group_destroy group_rename group_update repository_update user_create
   user_destroy user_rename user_failed_login user_blocked user_unblocked key_create key_destroy
   gitlab_subscription_member_approval gitlab_subscription_member_approvals`.split(/\s+/),
);
const MEMBER_NAME =
  /^user_(?:add_to|remove_from|update_for|access_request_(?:revoked_|denied_)?(?:to|for))_(?:group|team|project)$/;

/** What a hook must not leave behind (sources.md 1.3, Redact): values that may be secrets, and free text. */
const REDACT: readonly RedactionRule[] = [
  { path: ['object_attributes', 'variables', '*', 'value'], rule: 'pipeline_variable', keep: [] },
  { path: ['commit', 'message'], rule: 'free_text' },
  { path: ['commits', '*', 'message'], rule: 'free_text' },
  { path: ['object_attributes', 'last_commit', 'message'], rule: 'free_text' },
  { path: ['object_attributes', 'description'], rule: 'free_text' },
  { path: ['object_attributes', 'note'], rule: 'free_text' },
  { path: ['merge_request', 'description'], rule: 'free_text' },
  { path: ['merge_request', 'last_commit', 'message'], rule: 'free_text' },
  { path: ['issue', 'description'], rule: 'free_text' },
  { path: ['changes', 'description'], rule: 'free_text' },
  { path: ['description'], rule: 'free_text' },
];

/** GitLab project, group and system hooks (sources.md 1.3). Known by the state that they tell, not by delivery. */
export const gitlabWebhook: SourceAdapter = {
  source: 'gitlab.webhook',
  family: 'gitlab.hook',
  containers: [],
  redact: REDACT,
  parse: parseHook,
};

function parseHook(input: ParseInput): ParseResult {
  const doc = openDoc(input.json);
  if (!isObject(input.json)) return refuse('wrong_type', 'the record');
  const kind = kindOf(input.json);
  const read = typeof kind === 'string' ? readerOf(kind) : undefined;
  if (kind === undefined || kind === null || kind === '') fault(doc, 'missing_required_fields', ['object_kind']);
  else if (typeof kind !== 'string') fault(doc, 'wrong_type', ['object_kind']);
  else if (!read) fault(doc, 'unknown_type', ['object_kind']);
  const refused = refusalOf(doc);
  if (refused || !read) return refused ?? refuse('unknown_type', 'object_kind');

  const hosts = [input.headers['x-gitlab-instance'], at(input.json, 'project', 'web_url')];
  const hook: Hook = { doc, input, host: gitlabScope(doc, input, hosts), draft: openDraft() };
  const event = read(hook);
  const unreadable = refusalOf(doc);
  if (unreadable) return unreadable;
  const { draft, host } = hook;
  // The object is this parser's own: to fill it up is a fifth cheaper than to copy it, a million times a day.
  const whole: AuditEvent = Object.assign(event, {
    dedupeKey: event.dedupeKey ?? event.nativeId,
    family: 'gitlab.hook' as const,
    source: 'gitlab.webhook' as const,
    instance: host,
    keys: draft.keys,
    edges: draft.edges,
    unread: doc.notes.unread,
  });
  return { ok: true, events: [whole] };
}

function kindOf(json: object): unknown {
  const kind = at(json, 'object_kind');
  return kind === undefined || kind === null ? at(json, 'event_name') : kind;
}

function readerOf(kind: string): ((hook: Hook) => HookEvent) | undefined {
  if (MEMBER_NAME.test(kind)) return readMember;
  if (OTHER_KINDS.has(kind)) return (hook) => readOther(hook, kind);
  return READERS.get(kind);
}
