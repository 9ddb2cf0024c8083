import type { Action } from '../../model/action.ts';

/** What GitHub's audit actions mean in our words: `<category>.<operation>`. The list is open; what no rule fits is `other`. */

const NAMED: ReadonlyMap<string, Action> = new Map([
  ['git.clone', 'repo.read'],
  ['git.fetch', 'repo.read'],
  ['git.push', 'repo.write'],
  ['repo.download_zip', 'repo.read'],
  ['workflows.created_workflow_run', 'pipeline.create'],
  ['workflows.completed_workflow_run', 'pipeline.finish'],
  ['workflows.prepared_workflow_job', 'job.start'],
  ['workflows.rerun_workflow_run', 'pipeline.create'],
  ['workflows.cancel_workflow_run', 'pipeline.update'],
  ['workflows.approve_workflow_job', 'deployment.approve'],
  ['workflows.reject_workflow_job', 'deployment.reject'],
  ['environment.create', 'config.change'],
  ['user.login', 'session.login'],
  ['user.failed_login', 'session.login'],
  ['user.logout', 'session.logout'],
  ['user.create', 'user.change'],
  ['user.destroy', 'user.deactivate'],
  ['user.suspend', 'user.deactivate'],
  ['user.unsuspend', 'user.reactivate'],
  ['business.sso_response', 'session.login'],
  ['org.sso_response', 'session.login'],
  ['org.add_member', 'member.change'],
  ['org.invite_member', 'member.change'],
  ['org.update_member', 'member.change'],
  ['org.remove_member', 'access.revoke'],
  ['org.add_outside_collaborator', 'access.grant'],
  ['org.remove_outside_collaborator', 'access.revoke'],
  ['business.add_admin', 'access.grant'],
  ['business.remove_admin', 'access.revoke'],
  ['repo.add_member', 'access.grant'],
  ['repo.update_member', 'access.grant'],
  ['repo.remove_member', 'access.revoke'],
  ['team.add_member', 'group.member.add'],
  ['team.remove_member', 'group.member.remove'],
  ['team.add_repository', 'access.grant'],
  ['team.remove_repository', 'access.revoke'],
  ['team.update_repository_permission', 'access.grant'],
  ['personal_access_token.request_created', 'access.request'],
  ['personal_access_token.access_granted', 'access.grant'],
  ['personal_access_token.request_denied', 'access.deny'],
  ['personal_access_token.access_revoked', 'access.revoke'],
  ['pull_request.merge', 'merge_request.merge'],
  ['pull_request.create', 'merge_request.open'],
]);

const RULES: readonly (readonly [RegExp, Action])[] = [
  [/^(?:public_key|deploy_key|gpg_key|personal_access_token|oauth_access|oauth_application\.generate_client_secret|integration_installation_token|org_credential_authorization)\.(?:create|grant|add|generate|verify)/, 'credential.create'],
  [/^(?:public_key|deploy_key|gpg_key|personal_access_token|oauth_access|oauth_authorization|org_credential_authorization)\.(?:delete|destroy|revoke|remove|unverify)/, 'credential.delete'],
  [/\.(?:create|update|remove|delete)_actions_secret$|^(?:org|repo|environment)\.(?:create|update|remove)_.*secret/, 'config.change'],
  [/^repo\.(?:access|create|destroy|disable|enable|transfer|rename|archived|unarchived|update|config|add_topic|change_merge_setting|actions_enabled)/, 'config.change'],
  [/^(?:org|business|repo|team|hook|protected_branch|repository_ruleset|ip_allow_list|ip_allow_list_entry|secret_scanning|dependabot\w*|repository_\w+|business_\w+|integration\w*|oauth_application|environment|enterprise\w*|audit_log_streaming|sso_redirect|role|members_can_\w+|secret_scanning_\w+|discussion\w*|codespaces|packages)\./, 'config.change'],
  [/^(?:user|two_factor_authentication|profile_picture|account)\./, 'user.change'],
]; // prettier-ignore

/** Our action for an action of GitHub. */
export function githubAction(action: string): Action {
  return NAMED.get(action) ?? RULES.find(([pattern]) => pattern.test(action))?.[1] ?? 'other';
}
