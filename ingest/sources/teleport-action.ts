import type { Action } from '../../model/action.ts';

/** What Teleport's events mean in our words (sources.md 1.11). The list is open: what no rule fits is `other`. */

const NAMED: ReadonlyMap<string, Action> = new Map([
  ['access_request.create', 'access.request'],
  ['access_request.delete', 'access.cancel'],
  ['access_request.expire', 'access.expire'],
  ['cert.create', 'token.issue'],
  ['bot.join', 'session.login'],
  ['instance.join', 'session.login'],
  ['user.login', 'session.login'],
  ['auth', 'session.login'],
  ['session.start', 'exec.session.start'],
  ['session.join', 'exec.session.start'],
  ['session.end', 'exec.session.end'],
  ['session.leave', 'exec.session.end'],
  ['session.command', 'api.update'],
  ['exec', 'api.update'],
  ['scp', 'api.update'],
  ['sftp', 'api.update'],
  ['db.session.start', 'exec.session.start'],
  ['db.session.end', 'exec.session.end'],
  ['db.session.query', 'api.update'],
  ['app.session.start', 'exec.session.start'],
  ['app.session.end', 'exec.session.end'],
  ['app.session.chunk', 'api.read'],
  ['windows.desktop.session.start', 'exec.session.start'],
  ['windows.desktop.session.end', 'exec.session.end'],
  ['spiffe.svid.issued', 'token.issue'],
  ['workload_identity.generate', 'token.issue'],
  ['user.create', 'user.change'],
  ['user.update', 'user.change'],
  ['user.delete', 'user.deactivate'],
  ['user.password_change', 'credential.rotate'],
  ['mfa.add', 'credential.create'],
  ['mfa.delete', 'credential.delete'],
  ['reset_password_token.create', 'credential.rotate'],
  ['lock.created', 'user.deactivate'],
  ['lock.deleted', 'user.reactivate'],
  ['access_list.member.create', 'group.member.add'],
  ['access_list.member.delete', 'group.member.remove'],
  ['access_list.review', 'access.review'],
  ['join_token.create', 'credential.create'],
  ['bot.create', 'user.change'],
  ['bot.delete', 'user.deactivate'],
]);

const CONFIG =
  /^(?:role|oidc|saml|github|trusted_cluster|auth_preference|cluster_networking_config|session_recording_config|db|app|windows_desktop|device|login_rule|access_list|plugin|integration|workload_identity|bot|mfa|ca|x11)[._].*\.?(?:created?|updated?|deleted?|modify|override)$/;

const OTHER: ReadonlySet<string> = new Set([
  'session.data', 'session.network', 'session.disk', 'session.upload', 'session.reject', 'session.connect', 'resize',
  'port', 'client.disconnect', 'subsystem', 'access_request.search', 'session.process_exit', 'print', 'x11-forward',
]); // prettier-ignore

/** Our action for an event; the state decides what an update or review of a request means, the verb a call. */
export function teleportAction(event: string, state: string | undefined, verb: string | undefined): Action {
  if (event === 'access_request.update' || event === 'access_request.review') return ofState(state);
  if (event === 'kube.request') return ofVerb(verb);
  return NAMED.get(event) ?? (CONFIG.test(event) ? 'config.change' : 'other');
}

/** Whether a type of event is one that is known here; the list of Teleport is open. */
export function isKnownTeleportType(event: string): boolean {
  return (
    NAMED.has(event) ||
    OTHER.has(event) ||
    CONFIG.test(event) ||
    /^(?:access_request\.(?:update|review)|kube\.request)$/.test(event)
  );
}

function ofState(state: string | undefined): Action {
  const word = (state ?? '').toUpperCase();
  if (word === 'APPROVED' || word === 'PROMOTED') return 'access.approve';
  return word === 'DENIED' ? 'access.deny' : 'other';
}

function ofVerb(verb: string | undefined): Action {
  const word = (verb ?? '').toUpperCase();
  if (word === 'POST') return 'api.create';
  if (word === 'PUT' || word === 'PATCH') return 'api.update';
  return word === 'DELETE' ? 'api.delete' : 'api.read';
}
