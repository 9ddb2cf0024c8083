import type { Action, Outcome } from '../../model/action.ts';

/** What Keycloak's events mean in our words (sources.md 1.7, 1.7.1). The lists are open: what no rule fits is `other`. */

const USER_ACTIONS: ReadonlyMap<string, Action> = new Map([
  ['LOGIN', 'session.login'],
  ['IDENTITY_PROVIDER_LOGIN', 'session.login'],
  ['IDENTITY_PROVIDER_POST_LOGIN', 'session.login'],
  ['LOGOUT', 'session.logout'],
  ['USER_SESSION_DELETED', 'session.logout'],
  ['IMPERSONATE', 'session.assume'],
  ['CODE_TO_TOKEN', 'token.issue'],
  ['CLIENT_LOGIN', 'token.issue'],
  ['JWT_AUTHORIZATION_GRANT', 'token.issue'],
  ['OAUTH2_DEVICE_CODE_TO_TOKEN', 'token.issue'],
  ['AUTHREQID_TO_TOKEN', 'token.issue'],
  ['PERMISSION_TOKEN', 'token.issue'],
  ['TOKEN_EXCHANGE', 'token.exchange'],
  ['IDENTITY_PROVIDER_RETRIEVE_TOKEN', 'token.issue'],
  ['REFRESH_TOKEN', 'token.renew'],
  ['INTROSPECT_TOKEN', 'token.use'],
  ['USER_INFO_REQUEST', 'token.use'],
  ['VALIDATE_ACCESS_TOKEN', 'token.use'],
  ['REVOKE_GRANT', 'token.revoke'],
  ['UPDATE_PASSWORD', 'credential.rotate'],
  ['UPDATE_TOTP', 'credential.rotate'],
  ['UPDATE_CREDENTIAL', 'credential.rotate'],
  ['REMOVE_TOTP', 'credential.delete'],
  ['REMOVE_CREDENTIAL', 'credential.delete'],
  ['REGISTER', 'user.change'],
  ['UPDATE_PROFILE', 'user.change'],
  ['UPDATE_EMAIL', 'user.change'],
  ['VERIFY_EMAIL', 'user.change'],
  ['DELETE_ACCOUNT', 'user.deactivate'],
  ['FEDERATED_IDENTITY_LINK', 'user.change'],
  ['REMOVE_FEDERATED_IDENTITY', 'user.change'],
  ['IDENTITY_PROVIDER_FIRST_LOGIN', 'user.change'],
  ['IDENTITY_PROVIDER_LINK_ACCOUNT', 'user.change'],
  ['SEND_RESET_PASSWORD', 'user.change'],
  ['RESET_PASSWORD', 'user.change'],
  ['SEND_VERIFY_EMAIL', 'user.change'],
  ['EXECUTE_ACTIONS', 'user.change'],
  ['EXECUTE_ACTION_TOKEN', 'user.change'],
  ['CUSTOM_REQUIRED_ACTION', 'user.change'],
  ['USER_DISABLED_BY_PERMANENT_LOCKOUT', 'user.deactivate'],
  ['USER_DISABLED_BY_TEMPORARY_LOCKOUT', 'user.deactivate'],
  ['CLIENT_REGISTER', 'config.change'],
  ['CLIENT_UPDATE', 'config.change'],
  ['CLIENT_DELETE', 'config.change'],
]);

// Known, and no part of a flow: they mean `other`.
const OTHER_TYPES: ReadonlySet<string> = new Set([
  'GRANT_CONSENT', 'UPDATE_CONSENT', 'OAUTH2_DEVICE_AUTH', 'OAUTH2_DEVICE_VERIFY_USER_CODE', 'OAUTH2_EXTENSION_GRANT',
  'PUSHED_AUTHORIZATION_REQUEST', 'RESTART_AUTHENTICATION', 'CLIENT_INFO', 'INVALID_SIGNATURE', 'REGISTER_NODE',
  'UNREGISTER_NODE', 'CLIENT_INITIATED_ACCOUNT_LINKING', 'IDENTITY_PROVIDER_RESPONSE',
  'SEND_IDENTITY_PROVIDER_LINK', 'INVITE_ORG', 'VERIFY_PROFILE',
]); // prettier-ignore

/** The type without `_ERROR`, by which Keycloak marks what failed. */
export function baseType(type: string): string {
  return type.endsWith('_ERROR') ? type.slice(0, -'_ERROR'.length) : type;
}

/** Whether a type of user event is one that is known here; the list of Keycloak is open. */
export function isKnownKeycloakType(type: string): boolean {
  return USER_ACTIONS.has(baseType(type)) || OTHER_TYPES.has(baseType(type));
}

/**
 * Our action for a user event. Keycloak writes LOGIN also when a required action or a consent ends within a session that
 * is there: `goesOn` says so, and then it is no login.
 */
export function keycloakAction(type: string, goesOn: boolean): Action {
  const base = baseType(type);
  if (base === 'LOGIN' && goesOn) return 'other';
  return USER_ACTIONS.get(base) ?? 'other';
}

const REFUSALS: ReadonlySet<string> = new Set([
  'access_denied', 'not_allowed', 'rejected_by_user', 'user_disabled', 'user_temporarily_disabled', 'client_disabled',
  'consent_denied', 'unauthorized_client', 'client_not_enabled', 'not_logged_in',
]); // prettier-ignore

/** How it ended: a type in `_ERROR` failed; by rule or by a person's refusal, it was denied. */
export function keycloakOutcome(type: string, error: string | undefined): Outcome {
  if (!type.endsWith('_ERROR')) return error === undefined ? 'success' : 'failure';
  return REFUSALS.has(error ?? '') ? 'denied' : 'failure';
}

const MAPPING = /(?:REALM|CLIENT)_ROLE_MAPPING$/;

/** Our action for an administrator's event, from operation, kind of resource and path. */
export function keycloakAdminAction(operation: string, resource: string, path: string): Action {
  const isAdd = operation === 'CREATE';
  const isEnd = operation === 'DELETE';
  if (MAPPING.test(resource)) return isEnd ? 'access.revoke' : 'access.grant';
  if (resource === 'GROUP_MEMBERSHIP') return isEnd ? 'group.member.remove' : 'group.member.add';
  if (resource === 'USER_SESSION' || (resource === 'USER' && path.endsWith('/logout'))) return 'session.revoke';
  if (resource === 'USER_LOGIN_FAILURE') return 'user.reactivate';
  if (/\/(?:reset-password|client-secret(?:\/rotated)?)$/.test(path)) return 'credential.rotate';
  // To delete a credential of a user is written as ACTION.
  if (/^users\/[^/]+\/credentials\/[^/]+$/.test(path)) return 'credential.delete';
  if (resource === 'CLIENT_INITIAL_ACCESS_MODEL') return isEnd ? 'credential.delete' : 'credential.create';
  if (path.startsWith('users/')) return isEnd && /^users\/[^/]+$/.test(path) ? 'user.deactivate' : 'user.change';
  return isAdd || isEnd || operation === 'UPDATE' || operation === 'ACTION' ? 'config.change' : 'other';
}
