import type { Party } from '../../model/chain.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** What is said of an action; what follows the bar is said only where there is something that it was done to. */
const VERBS: Readonly<Record<string, string>> = {
  'session.login': 'logged in|to',
  'session.logout': 'logged out|of',
  'session.assume': 'opened a session|as',
  'session.revoke': 'ended a session|of',
  'access.request': 'asked for access|to',
  'access.approve': 'approved|',
  'access.deny': 'denied|',
  'access.expire': 'let access expire|to',
  'access.cancel': 'cancelled|',
  'access.grant': 'granted access|to',
  'access.revoke': 'revoked access|to',
  'access.review': 'reviewed|',
  'group.member.add': 'added a member|to',
  'group.member.remove': 'removed a member|from',
  'pipeline.create': 'created a pipeline|in',
  'pipeline.update': 'has a pipeline running|in',
  'pipeline.finish': 'had a pipeline finish|in',
  'job.start': 'ran a job|in',
  'job.update': 'has a job waiting|in',
  'job.finish': 'had a job finish|in',
  'deployment.request': 'asked to deploy|to',
  'deployment.approve': 'approved the deployment|to',
  'deployment.reject': 'rejected the deployment|to',
  'deployment.start': 'started the deployment|to',
  'deployment.finish': 'finished the deployment|to',
  'merge_request.open': 'opened a merge request|in',
  'merge_request.update': 'changed a merge request|in',
  'merge_request.approve': 'approved a merge request|in',
  'merge_request.unapprove': 'took back the approval of a merge request|in',
  'merge_request.merge': 'merged|into',
  'token.request': 'asked for a token|for',
  'token.issue': 'was issued a token|for',
  'token.exchange': 'exchanged a token|for one for',
  'token.renew': 'renewed a token|for',
  'token.use': 'used a token|at',
  'token.revoke': 'revoked a token|for',
  'token.expire': 'let a token expire|for',
  'credential.create': 'made a credential|for',
  'credential.rotate': 'changed a credential|of',
  'credential.delete': 'deleted a credential|of',
  'api.create': 'created|',
  'api.read': 'read|',
  'api.update': 'changed|',
  'api.delete': 'deleted|',
  'secret.read': 'read a secret|,',
  'secret.write': 'wrote a secret|,',
  'secret.delete': 'deleted a secret|,',
  'secret.list': 'listed secrets|of',
  'repo.read': 'read|',
  'repo.write': 'wrote|to',
  'artifact.download': 'downloaded|from',
  'exec.session.start': 'opened a session|on',
  'exec.session.end': 'closed a session|on',
  'config.change': 'changed the configuration|of',
  'identity.merge': 'said that accounts are one person|:',
  'identity.split': 'said that accounts are different persons|:',
  'identity.state': 'told which identities are tied to|',
};

/** The same of what was done with the evidence; its object is the question that was asked of Custody. */
const WITH_EVIDENCE: Readonly<Record<NonNullable<StoredEvent['facts']['evidence_access']>['action'], string>> = {
  view: 'looked at the evidence|:',
  query: 'looked at the evidence|:',
  export: 'took evidence out|:',
  admin: 'administered the evidence|:',
  disposition: 'answered an exception|:',
};

/**
 * One sentence that tells an event to a person: who did what to what, with the operation's own name where there is one,
 * and how it failed if it did. Plain text, unescaped: whoever prints it escapes it.
 */
export function sentenceOf(event: StoredEvent, party: Party, behalf?: Party): string {
  const { call, evidence_access: access } = event.facts;
  const operation = call === undefined ? undefined : `${call.service}:${call.operation}`;
  const object = access?.object ?? event.resource?.display ?? event.resource?.key;
  const told = access ? WITH_EVIDENCE[access.action] : VERBS[event.action];
  const [verb = '', joining = ''] = (told ?? `did ${event.type}|on`).split('|');
  // A comma or a colon stands close behind the verb.
  const joined = /^[,:]$/.test(joining) ? [`${verb}${joining}`] : [verb, joining];
  const words = object === undefined ? [nameOf(party), verb] : [nameOf(party), ...joined, object];
  const asWhat = operation === undefined ? [] : [`(${operation}${call?.dry_run === true ? ', dry run' : ''})`];
  const isActing = event.stage === 'credential' || event.stage === 'touch' || event.actor.kind === 'ai_agent';
  const forWhom = behalf === undefined || !isActing ? [] : [`on behalf of ${nameOf(behalf)}`];
  return [...words, ...asWhat, ...forWhom, ...ending(event)]
    .filter((word) => word !== undefined && word !== '')
    .join(' ');
}

/** How a party is called: its display name, else its e-mail, else its key. A job's own identity by its project. */
export function nameOf(party: Party): string {
  const job = /project_path:([^:]+):ref_type:[a-z]+:ref:(.+)$/.exec(party.display ?? party.key);
  if (job) return `a job of ${job[1] ?? ''} (${job[2] ?? ''})`;
  if (party.display !== undefined && party.display !== '') return party.display;
  const email = party.aliases.find((alias) => alias.startsWith('email:'));
  return email?.slice('email:'.length) ?? (party.key === '' ? 'an unknown party' : party.key);
}

function ending(event: StoredEvent): readonly string[] {
  const code = event.outcomeCode ?? event.outcomeReason;
  const why = code === undefined ? '' : ` (${code})`;
  if (event.outcome === 'denied') return [`- refused${why}`];
  return event.outcome === 'failure' ? [`- failed${why}`] : [];
}
