import type { Chain } from '../../model/chain.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Identities } from '../identity.ts';
import { findActBreaks } from './act-chain.ts';
import type { Approval } from './approvals.ts';
import { environmentOf, isProduction } from './environments.ts';
import type { Graph } from './graph.ts';
import type { Roles } from './parties.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

/** What the reader of a chain must be told of its approvals and its environment. */
export function ownFindings(
  environment: string | undefined,
  approvals: readonly Approval[],
  roles: Roles,
  identities: Identities,
): Chain['findings'] {
  const found: { kind: string; detail: string; event?: string }[] = [];
  if (environment === undefined) {
    found.push({
      kind: 'environment_unknown',
      detail: 'the policy file places none of its targets; it is judged as protected',
    });
  }
  for (const one of approvals.filter((approval) => approval.decided === 'approved')) {
    const { event } = one.event;
    if (one.before === 'unknown')
      found.push({
        kind: 'order_undetermined',
        detail: 'the approval is too close to the issue to say which came first',
        event,
      });
    if (one.before === false)
      found.push({ kind: 'approved_after_issue', detail: 'the approval came after the credential was issued', event });
    const parties = [roles.requester, roles.runner].filter((role) => role !== undefined);
    if (one.mode === 'human' && parties.some((role) => identities.sameParty(role.actor, one.by, one.at) === true)) {
      found.push({ kind: 'own_approval', detail: 'approved by a party that also asked for it or ran it', event });
    }
  }
  return found;
}

/** What was touched in production by a flow that was not meant for it, and so was never approved for it. */
export function strayFindings(
  environment: string | undefined,
  touches: readonly StoredEvent[],
  rules: Rules,
): Chain['findings'] {
  if (environment === undefined || isProduction(environment, rules)) return [];
  const stray = touches.filter((event) => isProduction(environmentOf(event, rules), rules));
  return stray.map((event) => ({
    kind: 'production_touched',
    detail: `a flow for ${environment} touched production`,
    event: event.event,
  }));
}

/** Exchanges of the flow in which somebody went missing from the chain of actors, or came in without leave (sources.md 3.5). */
export function actFindings(graph: Graph, flow: Flow, identities: Identities): Chain['findings'] {
  return [...findActBreaks(flow.events, (token) => birthsOf(graph, token), identities)].map(([ref, detail]) => ({
    kind: 'act_chain_broken',
    detail,
    event: graph.events.get(ref)?.event ?? '',
  }));
}

function birthsOf(graph: Graph, token: string): readonly StoredEvent[] {
  const names = graph.namesOf(token).filter((name) => name.role === 'creates');
  return names.flatMap((name) => graph.events.get(name.ref) ?? []);
}
