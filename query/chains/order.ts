import { clockBefore } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { clockAt, clockOf } from './rules.ts';
import type { Rules } from './rules.ts';
import type { Graph } from './graph.ts';

/**
 * Whether `a` happened before `b`: by causality if b's own record names what a made, else by the counter if both are
 * of one stream, else by the clocks, widened by skew and resolution (controls.md 2.3 rule 3).
 */
export function happenedBefore(graph: Graph, a: StoredEvent, b: StoredEvent, rules: Rules): Truth {
  if (causes(graph, a, b)) return true;
  if (causes(graph, b, a)) return false;
  return orderBySequence(a, b) ?? clockBefore(clockOf(rules, a), clockOf(rules, b));
}

/**
 * Whether `a` happened before what `b` states of a moment of its own (when a decision was taken, not when it was
 * written). Where that is the moment of `b` itself, it is the order of the two events; else only the clocks can tell.
 */
export function happenedBeforeMoment(
  graph: Graph,
  a: StoredEvent,
  b: StoredEvent,
  moment: Micros | undefined,
  rules: Rules,
): Truth {
  return moment === undefined || moment === b.occurredAt
    ? happenedBefore(graph, a, b, rules)
    : clockBefore(clockOf(rules, a), clockAt(rules, b, moment));
}

/** Order by the source's own counter; undefined unless both are of one installation and both carry a number. */
export function orderBySequence(a: StoredEvent, b: StoredEvent): boolean | undefined {
  if (a.family !== b.family || a.instance !== b.instance) return undefined;
  const [first, second] = [decimal(a.sequence), decimal(b.sequence)];
  return first === undefined || second === undefined || first === second ? undefined : first < second;
}

/**
 * Whether `a` made something exact that `b`'s own record names as used. A link that Custody added does not count, so
 * only keys of b itself are looked at.
 */
export function causes(graph: Graph, a: StoredEvent, b: StoredEvent): boolean {
  if (a.ref === b.ref) return false;
  const made = a.keys.filter((key) => key.role === 'creates' && key.confidence === 'exact' && key.class === 'chain');
  return made.some(
    (key) =>
      graph
        .namesOf(key.key)
        .some((name) => name.ref === b.ref && name.role !== 'creates' && name.role !== 'mentions') &&
      b.keys.some((used) => used.key === key.key && used.confidence === 'exact'),
  );
}

/**
 * Events in the order in which they are told: by time, but never a use before the birth of what it used, since order
 * along an exact edge outranks the clock (sources.md 2.7). Ties are broken by the place in the log: same input, same
 * order.
 */
export function orderEvents(graph: Graph, events: readonly StoredEvent[]): readonly StoredEvent[] {
  const byRef = new Map(events.map((event) => [event.ref, event]));
  const placed = new Map<string, { readonly at: number; readonly depth: number }>();
  const place = (event: StoredEvent, trail: ReadonlySet<string>): { readonly at: number; readonly depth: number } => {
    const known = placed.get(event.ref);
    if (known !== undefined) return known;
    let at = event.occurredAt;
    let depth = 0;
    if (trail.size < 64) {
      const next = new Set(trail).add(event.ref);
      for (const birth of birthsBehind(graph, event, byRef)) {
        if (next.has(birth.ref)) continue;
        const before = place(birth, next);
        at = Math.max(at, before.at);
        depth = Math.max(depth, before.depth + 1);
      }
    }
    const result = { at, depth };
    placed.set(event.ref, result);
    return result;
  };
  const rows = events.map((event) => ({ event, ...place(event, new Set()) }));
  rows.sort(
    (a, b) =>
      a.at - b.at ||
      a.depth - b.depth ||
      a.event.occurredAt - b.event.occurredAt ||
      compareRefs(a.event.ref, b.event.ref),
  );
  return rows.map((row) => row.event);
}

/** Order of references as numbers: shorter text is the smaller number. */
export function compareRefs(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

function birthsBehind(graph: Graph, event: StoredEvent, among: ReadonlyMap<string, StoredEvent>): StoredEvent[] {
  const births: StoredEvent[] = [];
  for (const key of event.keys) {
    if (key.class !== 'chain' || key.role === 'creates' || key.role === 'mentions' || key.confidence !== 'exact')
      continue;
    for (const edge of graph.parents(key.key)) {
      const birth = edge.confidence === 'exact' && edge.ref !== event.ref ? among.get(edge.ref) : undefined;
      if (birth?.keys.some((made) => made.key === key.key && made.role === 'creates')) births.push(birth);
    }
  }
  return births;
}

function decimal(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d{1,40}$/.test(text) ? BigInt(text) : undefined;
}
