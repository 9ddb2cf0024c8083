/** The stages of a flow, in the order in which they are told (design.md 5). */
export const STAGES = [
  'other',
  'authenticate',
  'request',
  'approve',
  'grant',
  'run',
  'credential',
  'touch',
  'revoke',
] as const;
export type Stage = (typeof STAGES)[number];

/** Our own taxonomy and the stage of each action (sources.md 2.6). */
export const ACTIONS = {
  'session.login': 'authenticate',
  'session.logout': 'authenticate',
  'session.assume': 'credential',
  'session.revoke': 'revoke',
  'access.request': 'request',
  'access.approve': 'approve',
  'access.deny': 'approve',
  'access.expire': 'revoke',
  'access.cancel': 'revoke',
  'access.grant': 'grant',
  'access.revoke': 'revoke',
  'access.review': 'other',
  'group.member.add': 'grant',
  'group.member.remove': 'revoke',
  'pipeline.create': 'run',
  'pipeline.update': 'run',
  'pipeline.finish': 'run',
  'job.start': 'run',
  'job.update': 'run',
  'job.finish': 'run',
  'deployment.request': 'request',
  'deployment.approve': 'approve',
  'deployment.reject': 'approve',
  'deployment.start': 'run',
  'deployment.finish': 'run',
  'merge_request.open': 'other',
  'merge_request.update': 'other',
  'merge_request.approve': 'approve',
  'merge_request.unapprove': 'approve',
  'merge_request.merge': 'other',
  'token.request': 'request',
  'token.issue': 'credential',
  'token.exchange': 'credential',
  'token.renew': 'credential',
  'token.use': 'touch',
  'token.revoke': 'revoke',
  'token.expire': 'revoke',
  'credential.create': 'grant',
  'credential.rotate': 'grant',
  'credential.delete': 'revoke',
  'api.create': 'touch',
  'api.read': 'touch',
  'api.update': 'touch',
  'api.delete': 'touch',
  'secret.read': 'touch',
  'secret.write': 'touch',
  'secret.delete': 'touch',
  'secret.list': 'touch',
  'repo.read': 'touch',
  'repo.write': 'touch',
  'artifact.download': 'touch',
  'exec.session.start': 'touch',
  'exec.session.end': 'touch',
  'config.change': 'other',
  'member.change': 'grant',
  'user.change': 'other',
  'identity.merge': 'other',
  'identity.split': 'other',
  'identity.state': 'other',
  'user.deactivate': 'revoke',
  'user.reactivate': 'grant',
  'evidence.access': 'other',
  other: 'other',
} as const satisfies Record<string, Stage>;
export type Action = keyof typeof ACTIONS;

/** The stage to which an action belongs. */
export function stageOf(action: Action): Stage {
  return ACTIONS[action];
}

/** How it ended. `denied` is a refusal by policy, `failure` anything else that went wrong. */
export const OUTCOMES = ['unknown', 'success', 'failure', 'denied', 'pending'] as const;
export type Outcome = (typeof OUTCOMES)[number];
