import type { Action, Outcome } from '../../model/action.ts';
import { at } from './read.ts';

/** What GitLab's audit event types mean in our words. The list of types is open: what no rule fits is `other`. */

const NAMED: ReadonlyMap<string, Action> = new Map([
  ['deployment_approved', 'deployment.approve'],
  ['deployment_rejected', 'deployment.reject'],
  ['deployment_started', 'deployment.start'],
  ['multi_project_downstream_pipeline_created', 'pipeline.create'],
  ['user_authenticated_using_job_token', 'token.use'],
  ['repository_download_operation', 'repo.read'],
  ['public_repository_download_operation', 'repo.read'],
  ['repository_file_accessed_api', 'repo.read'],
  ['repository_file_accessed_web', 'repo.read'],
  ['job_artifact_downloaded', 'artifact.download'],
  ['merge_request_create', 'merge_request.open'],
  ['merge_request_approval_operation', 'merge_request.approve'],
  ['member_created', 'group.member.add'],
  ['member_destroyed', 'group.member.remove'],
  ['member_updated', 'member.change'],
  ['change_membership_state', 'member.change'],
  ['destroy_pipeline', 'api.delete'],
  ['ci_runner_token_reset', 'credential.rotate'],
  ['user_impersonation', 'session.assume'],
  ['ban_user', 'user.deactivate'],
  ['unban_user', 'user.reactivate'],
  ['unblock_user', 'user.reactivate'],
]);

const TOKENS =
  '(?:personal|project|group|resource)_access_token|(?:group_)?deploy_token|deploy_key|' +
  'cluster_agent_token|oauth_application';

// First that fits. What GitLab says by the form of the name, such as `..._created`.
const RULES: readonly (readonly [RegExp, Action])[] = [
  [new RegExp(`^(?:${TOKENS})_(?:created|added|creation_failed)$`), 'credential.create'],
  [new RegExp(`^(?:${TOKENS})_(?:revoked|deleted|destroyed|removed|deletion_failed)$`), 'credential.delete'],
  [/^(?:add_ssh_key|add_gpg_key|create_ssh_certificate|ci_runner_created|ci_runner_registered)$/, 'credential.create'],
  [
    /^(?:remove_ssh_key|remove_gpg_key|delete_ssh_certificate|ci_runner_unregistered|ci_runners_bulk_deleted)$/,
    'credential.delete',
  ],
  [/^ci_(?:group_|instance_)?variable_(?:created|updated)$/, 'secret.write'],
  [/^ci_(?:group_|instance_)?variable_deleted$/, 'secret.delete'],
  [/^variable_viewed_|^secrets_manager_read_/, 'secret.read'],
  [/^secrets_manager_(?:create|update)_/, 'secret.write'],
  [/^secrets_manager_delete_/, 'secret.delete'],
  [/^merge_request_(?:merged|merge)/, 'merge_request.merge'],
  [/^merge_request_created_by_/, 'merge_request.open'],
  [/^authenticated_with_|^login_failed_with_|^omniauth_login_failed$|^user_signed_in_/, 'session.login'],
  [/^user_(?:blocked|deactivate|destroyed|access_locked)$/, 'user.deactivate'],
  [/^user_(?:activate|access_unlocked)$/, 'user.reactivate'],
  [/^user_/, 'user.change'],
  [/^custom_admin_role_(?:un)?assigned/, 'member.change'],
  [
    /streaming_destination|streaming_headers|_namespace_filter|event_type_filters|cloud_logging|amazon_s3/,
    'config.change',
  ],
  [
    /^protected_|^environment_|approval|webhook_|^security_policy_(?:create|update|delete)|policy_project_updated/,
    'config.change',
  ],
  [/_updated$|_changed$|_enabled$|_disabled$/, 'config.change'],
];

/** Our action for an audit event type. `message` is its `custom_message`, which says whether Git read or wrote. */
export function auditAction(type: string, message: unknown): Action {
  if (type === 'repository_git_operation')
    return at(message, 'action') === 'git-receive-pack' ? 'repo.write' : 'repo.read';
  return NAMED.get(type) ?? RULES.find(([pattern]) => pattern.test(type))?.[1] ?? 'other';
}

/** An audit event tells of success, unless its type says otherwise (sources.md 1.1): there is no field for it. */
export function auditOutcome(type: string): Outcome {
  if (/_rejected$|_denied$|_blocked$/.test(type) && type !== 'user_blocked') return 'denied';
  return /_failed(?:$|_)|^login_failed_/.test(type) ? 'failure' : 'success';
}
