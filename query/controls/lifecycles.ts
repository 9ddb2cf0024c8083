import type { ActorRef } from '../../model/actor.ts';
import { clockBefore } from '../../model/time.ts';
import type { Clocked } from '../../model/time.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from '../chains/graph.ts';
import { compareRefs } from '../chains/order.ts';
import { clockOf } from '../chains/rules.ts';
import type { Rules } from '../chains/rules.ts';
import type { Identities } from '../identity.ts';

/** Whether a person had left at a moment, and the event that says so. */
export interface Leaving {
  readonly gone: Truth;
  /** The deactivation that decides; absent where there is none. */
  readonly event?: StoredEvent;
}

/** Who was deactivated, and who came back, as the identity providers told it. */
export interface Lifecycles {
  /** Persons that were ever deactivated, by their canonical key. */
  readonly leavers: ReadonlySet<string>;
  /** Whether the person (canonical key) was deactivated at a moment of some source's clock. */
  leavingOf(person: string, at: Clocked): Leaving;
}

const remembered = new WeakMap<Graph, Lifecycles>();

/**
 * Indexes deactivations and reactivations once a graph. Only identities at a provider count: an account that one system
 * blocked says nothing of the person, and without a feed of the personnel department nobody else tells who left.
 */
export function lifecyclesOf(graph: Graph, identities: Identities, rules: Rules): Lifecycles {
  const known = remembered.get(graph);
  if (known) return known;
  const turns = new Map<string, StoredEvent[]>();
  for (const event of graph.events.values()) {
    if (event.action !== 'user.deactivate' && event.action !== 'user.reactivate') continue;
    if (event.disposition !== 'accepted' || event.outcome !== 'success') continue;
    const target = event.keys.find((key) => key.role === 'target' && key.key.startsWith('idp:user:'))?.key;
    if (target === undefined) continue;
    const person = identities.personOf(target)?.person ?? target;
    const list = turns.get(person);
    if (list) list.push(event);
    else turns.set(person, [event]);
  }
  for (const list of turns.values()) list.sort((a, b) => a.occurredAt - b.occurredAt || compareRefs(a.ref, b.ref));
  const lifecycles: Lifecycles = {
    leavers: new Set(
      [...turns].filter(([, list]) => list.some((event) => event.action === 'user.deactivate')).map(([key]) => key),
    ),
    leavingOf: (person, at) => leavingAt(turns.get(person) ?? [], at, rules),
  };
  remembered.set(graph, lifecycles);
  return lifecycles;
}

/** The canonical key of the person behind an actor: an agent stands for itself, not for its sponsor. */
export function personKeyOf(identities: Identities, actor: ActorRef, at?: number): string | undefined {
  return actor.key === '' && actor.email === undefined ? undefined : identities.resolve(actor, at)?.person;
}

// Whatever lies within the clocks' play may or may not have come first: if it would change the answer, nobody knows.
function leavingAt(turns: readonly StoredEvent[], at: Clocked, rules: Rules): Leaving {
  let state: Leaving = { gone: false };
  for (const event of turns) {
    const before = clockBefore(clockOf(rules, event), at);
    if (before === false) continue;
    const gone = event.action === 'user.deactivate';
    const truth = before === true || state.gone === gone ? gone : 'unknown';
    state = gone
      ? { gone: truth, event }
      : { gone: truth, ...(truth === 'unknown' && state.event ? { event: state.event } : {}) };
  }
  return state;
}
