import type { Micros } from '../../model/time.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { environmentOf, isProduction } from '../chains/environments.ts';
import type { ControlContext } from './control-test.ts';
import { selectProductionIssues } from './production-issues.ts';

/** A request for access, as the events tell it that ask for it. */
export interface AccessRequest {
  readonly key: string;
  /** When it was first asked for. */
  readonly at: Micros;
  readonly events: readonly StoredEvent[];
  /** Whether it is for production: by what it names, or because a production credential rests on it. */
  readonly production: Truth;
}

// Who makes the request of another system names it as its subject; the system that keeps it creates it (Okta, Entra).
const ASKED: ReadonlySet<string> = new Set(['subject', 'creates']);

/** Requests for access that were first made in the period and are, or may be, for production. */
export function productionRequests(context: ControlContext): readonly AccessRequest[] {
  const asked = new Map<string, StoredEvent[]>();
  for (const event of context.graph.events.values()) {
    if (event.stage !== 'request' || event.disposition !== 'accepted' || event.facts.request === undefined) continue;
    const key = event.keys.find((one) => ASKED.has(one.role) && one.key.startsWith('access-request:'))?.key;
    if (key === undefined) continue;
    const list = asked.get(key);
    if (list) list.push(event);
    else asked.set(key, [event]);
  }
  const used = new Set(
    selectProductionIssues(context).flatMap(({ subject }) =>
      [...subject.flow.keys].filter((key) => key.startsWith('access-request:')),
    ),
  );
  return [...asked].flatMap(([key, events]) => {
    const sorted = events.toSorted((a, b) => a.occurredAt - b.occurredAt);
    const at = sorted[0]?.occurredAt ?? 0;
    if (at < context.from || at >= context.to) return [];
    const named = sorted.flatMap((event) => environmentOf(event, context.rules) ?? []);
    const production: Truth =
      used.has(key) || named.some((name) => isProduction(name, context.rules)) || (named.length === 0 && 'unknown');
    return production === false ? [] : [{ key, at, events: sorted, production }];
  });
}
