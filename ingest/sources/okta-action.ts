import type { Action, Outcome } from '../../model/action.ts';

/** What Okta's event types mean in our words. The list is open (1,274 in August 2026): what no rule fits is `other`. */

const NAMED: ReadonlyMap<string, Action> = new Map([
  ['user.session.start', 'session.login'],
  ['user.session.end', 'session.logout'],
  ['user.session.clear', 'session.logout'],
  ['user.session.impersonation.initiate', 'session.assume'],
  ['access.request.create', 'access.request'],
  ['access.request.resolve', 'access.approve'],
  ['access.request.reject', 'access.deny'],
  ['access.request.cancel', 'access.cancel'],
  ['access.request.expire', 'access.expire'],
  ['app.access_request.request', 'access.request'],
  ['app.access_request.approver.approve', 'access.approve'],
  ['app.access_request.approver.deny', 'access.deny'],
  ['app.access_request.deny', 'access.deny'],
  ['app.access_request.grant', 'access.grant'],
  ['app.access_request.expire', 'access.expire'],
  ['app.access_request.delete', 'access.cancel'],
  ['group.user_membership.add', 'group.member.add'],
  ['group.user_membership.remove', 'group.member.remove'],
  ['user.lifecycle.deactivate', 'user.deactivate'],
  ['user.lifecycle.suspend', 'user.deactivate'],
  ['user.lifecycle.activate', 'user.reactivate'],
  ['user.lifecycle.reactivate', 'user.reactivate'],
  ['user.lifecycle.unsuspend', 'user.reactivate'],
  ['user.account.use_token', 'token.use'],
  ['system.api_token.create', 'credential.create'],
  ['system.api_token.revoke', 'credential.delete'],
  ['application.user_membership.add', 'access.grant'],
  ['application.user_membership.provision', 'access.grant'],
  ['application.user_membership.remove', 'access.revoke'],
  ['application.user_membership.deprovision', 'access.revoke'],
  ['application.user_membership.show_password', 'secret.read'],
  ['app.oauth2.client.read_client_secret', 'secret.read'],
]);

// First that fits. Okta builds its names of object and verb.
const RULES: readonly (readonly [RegExp, Action])[] = [
  [/^user\.lifecycle\.delete\./, 'user.deactivate'],
  [/^app\.oauth2\.(?:as\.)?token\.grant\.(?:id_jag|oauth_sts|interclient_token)$/, 'token.exchange'],
  [/^app\.oauth2\.(?:as\.)?token\.grant(?:\.|$)/, 'token.issue'],
  [/^app\.oauth2\.(?:as\.)?token\.revoke(?:\.|$)/, 'token.revoke'],
  [
    /\.privilege\.grant$|^iam\.resourceset\.bindings\.add$|^workload_principal\.delegation_link\.create/,
    'access.grant',
  ],
  [
    /\.privilege\.revoke$|^iam\.resourceset\.bindings\.delete$|^workload_principal\.delegation_link\.delete/,
    'access.revoke',
  ],
  [/\.credentials?\.(?:lifecycle\.)?(?:create|add|enroll)$|^user\.mfa\.factor\.activate$/, 'credential.create'],
  [
    /\.credentials?\.(?:lifecycle\.)?(?:delete|deactivate|remove|revoke)$|^user\.mfa\.factor\.deactivate$/,
    'credential.delete',
  ],
  [/\.key\.rollover$|^pam\.apikey\.rotate$/, 'credential.rotate'],
  [/^user\.authentication\./, 'session.login'],
  [/^user\.(?:lifecycle|account|mfa|credential|import)\./, 'user.change'],
  [/^access\.request\.(?:condition|sequence|settings)\./, 'config.change'],
  // Where the System Log itself is copied to: T-35 looks for its end.
  [/^system\.log_stream\.lifecycle\./, 'config.change'],
  [
    /^(?:policy|application|group|iam|(?:network_)?zone|event_hook|inline_hook|security)\..*\.(?:create|update|delete)$/,
    'config.change',
  ],
  [
    /^(?:policy|application|group|iam|event_hook|inline_hook|security)\..*\.(?:add|activate|deactivate)$/,
    'config.change',
  ],
];

/** Our action for an Okta event type. */
export function oktaAction(type: string): Action {
  return NAMED.get(type) ?? RULES.find(([pattern]) => pattern.test(type))?.[1] ?? 'other';
}

const RESULTS: ReadonlyMap<string, Outcome> = new Map([
  ['SUCCESS', 'success'],
  ['ALLOW', 'success'],
  ['FAILURE', 'failure'],
  ['DENY', 'denied'],
  ['CHALLENGE', 'pending'],
]);

/** How it ended, from `outcome.result`; SKIPPED and UNKNOWN say nothing. To reject a request is a refusal of it. */
export function oktaOutcome(result: string | undefined, action: Action): Outcome {
  const outcome = RESULTS.get((result ?? '').toUpperCase()) ?? 'unknown';
  return action === 'access.deny' && outcome === 'success' ? 'denied' : outcome;
}
