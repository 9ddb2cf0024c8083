import type { ActorRef } from '../../model/actor.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { findRoles } from '../chains/parties.ts';
import type { Role } from '../chains/parties.ts';
import type { Flow } from '../chains/walk-flow.ts';
import type { ControlContext } from './control-test.ts';

/** Someone with a part in a flow that an approver must not have. */
export interface Interested {
  readonly role: string;
  readonly actor: ActorRef;
  readonly event: string;
}

/**
 * Who asked, who created the run, who ran the job, for whom the token speaks, and which agent acted (an agent counts as
 * its sponsor). Services and systems are no persons: in their place stands the owner that the policy names, if any.
 */
export function findInterested(
  flow: Flow,
  issue: StoredEvent,
  { graph, rules, policy }: Pick<ControlContext, 'graph' | 'rules' | 'policy'>,
): readonly Interested[] {
  const roles = findRoles(graph, flow, rules, issue);
  const named: readonly (readonly [string, Role | undefined])[] = [
    ['requester', roles.requester],
    ['pipeline creator', roles.initiator],
    ['job user', roles.runner],
    ['subject of the token', roles.onBehalfOf],
  ];
  const people = named.flatMap(([role, part]) => (part ? [{ role, actor: part.actor, event: part.event.event }] : []));
  const asking = [issue, roles.requester?.event].filter((event) => event !== undefined);
  const agents = asking.flatMap((event) =>
    event.actChain
      .filter((actor) => actor.kind === 'ai_agent')
      .map((actor) => ({ role: 'sponsor of the agent', actor, event: event.event })),
  );
  const authors = policy.parameters.merge_author_may_approve_deployment ? [] : mergeAuthors(flow);
  return [...people, ...agents, ...authors].flatMap((party) => {
    if (party.actor.key === '') return [];
    if (party.actor.kind !== 'service' && party.actor.kind !== 'system') return [party];
    const owner = ownerOf(party.actor, policy);
    return owner ? [{ ...party, role: `owner of the account of the ${party.role}`, actor: owner }] : [];
  });
}

function mergeAuthors(flow: Flow): readonly Interested[] {
  return flow.events
    .filter((event) => event.action === 'merge_request.open')
    .map((event) => ({ role: 'author of the merge request', actor: event.actor, event: event.event }));
}

function ownerOf(actor: ActorRef, policy: ControlContext['policy']): ActorRef | undefined {
  const names = new Set([actor.key, ...(actor.aliases ?? [])]);
  const entry = policy.identities.find(
    (identity) => names.has(identity.person) || identity.aliases.some((alias) => names.has(alias)),
  );
  return typeof entry?.owner === 'string' ? { kind: 'human', key: entry.owner } : undefined;
}
