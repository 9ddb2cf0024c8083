import type { Policy } from '../../model/policy.ts';
import { isInForce } from '../../model/policy-inventory.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { ControlContext } from './control-test.ts';
import { fitsPattern } from './protections.ts';

/** A setting that must have a value all the time. */
export type Guardrail = Policy['guardrails'][number];

/** What the value of a guarded setting was, from a moment on, and how that is known. */
export interface Stretch {
  readonly guardrail: Guardrail;
  readonly from: Micros;
  readonly to: Micros;
  /** Undefined while nothing says what it was. */
  readonly value?: string;
  readonly changedBy?: string;
  readonly evidence: readonly string[];
}

interface Turn {
  readonly from: Micros;
  /** When another entry of a register ends it; an event holds until the next. */
  readonly to?: Micros;
  readonly value: string;
  readonly changedBy?: string;
  readonly evidence: readonly string[];
}

/** The guardrails of the policy: those that it names, and each protected ref of a project. */
export function guardrailsOf({ guardrails, projects }: Policy): readonly Guardrail[] {
  const named = new Set(guardrails.map(({ id }) => id));
  const refs = projects.flatMap(({ id: project, protected_refs: patterns }) =>
    patterns.map((ref) => ({ id: `protected_ref:${project}/${ref}`, setting: 'protected_ref', project_id: project, ref, required: 'true' })),
  ); // prettier-ignore
  return [...guardrails, ...refs.filter(({ id }) => !named.has(id))];
}

/** The values of a guarded setting over the part of the period that is over by as-of: stretch by stretch, without a hole. */
export function stretchesOf(guardrail: Guardrail, context: ControlContext): readonly Stretch[] {
  const from = Math.max(context.from, guardrail.from ?? context.from);
  const to = Math.min(context.to, guardrail.to ?? context.to, context.asOf);
  if (from >= to) return [];
  const turns = [...registered(guardrail, context.policy), ...changed(guardrail, context)].toSorted((a, b) => a.from - b.from);
  const cuts = [from, ...turns.flatMap((turn) => [turn.from, turn.to ?? turn.from]), to]
    .filter((at) => at >= from && at <= to)
    .toSorted((a, b) => a - b);
  const stretches: Stretch[] = [];
  for (const [index, at] of cuts.entries()) {
    const end = cuts[index + 1];
    if (end === undefined || end === at) continue;
    // The latest word before a moment decides what held then.
    const turn = turns.findLast((one) => isInForce(one, at));
    const last = stretches.at(-1);
    if (last && last.value === turn?.value) stretches[stretches.length - 1] = { ...last, to: end };
    else stretches.push({ guardrail, from: at, to: end, evidence: turn?.evidence ?? [], ...(turn === undefined ? {} : { value: turn.value }), ...(turn?.changedBy === undefined ? {} : { changedBy: turn.changedBy }) });
  }
  return stretches;
} // prettier-ignore

function registered(guardrail: Guardrail, policy: Policy): readonly Turn[] {
  const snapshots = policy.setting_states
    .filter((state) => state.guardrail === guardrail.id)
    .map(({ from = 0, to, value, changed_by: changedBy, evidence }): Turn => ({
      from, value, evidence: evidence === undefined ? [] : [evidence],
      ...(to === undefined || to === null ? {} : { to }), ...(changedBy === undefined ? {} : { changedBy }),
    })); // prettier-ignore
  const refs = guardrail.setting !== 'protected_ref' ? [] : policy.protected_refs_history
    .filter((entry) => entry.project_id === guardrail.project_id && fitsPattern(guardrail.ref ?? '', entry.ref))
    .map(({ from = 0, to, protected: value }): Turn => ({ from, value: String(value), evidence: [], ...(to === undefined || to === null ? {} : { to }) })); // prettier-ignore
  return [...snapshots, ...refs];
}

/** What the forge's own events say: a change tells the value after it. What held before the first of them nobody told. */
function changed(guardrail: Guardrail, context: ControlContext): readonly Turn[] {
  const found: Turn[] = [];
  for (const event of changesOf(context)) {
    const value = valueAfter(guardrail, event);
    if (value === undefined) continue;
    found.push({ from: event.occurredAt, value, changedBy: event.actor.display ?? event.actor.key, evidence: [event.event] });
  }
  return found;
} // prettier-ignore

function valueAfter(guardrail: Guardrail, event: StoredEvent): string | undefined {
  if (guardrail.system !== undefined && guardrail.system !== event.instance) return undefined;
  const project = event.keys.find((key) => key.key.startsWith('gitlab:project:'))?.key.split('/').at(-1);
  if (guardrail.project_id !== undefined && guardrail.project_id !== project) return undefined;
  if (guardrail.setting === 'protected_ref') {
    const turn = /^protected_(?:branch|tag)_(removed|created)$/.exec(event.type)?.[1];
    return turn === undefined || !fitsPattern(guardrail.ref ?? '', event.resource?.display ?? '') ? undefined : String(turn === 'created');
  }
  return event.facts.setting?.name === guardrail.setting ? event.facts.setting.to : undefined;
} // prettier-ignore

const remembered = new WeakMap<ControlContext, readonly StoredEvent[]>();

function changesOf(context: ControlContext): readonly StoredEvent[] {
  const known = remembered.get(context);
  if (known) return known;
  const found = [...context.graph.events.values()].filter(
    (event) => event.disposition === 'accepted' && event.outcome === 'success' && (event.facts.setting !== undefined || /^protected_(?:branch|tag)_/.test(event.type)),
  ); // prettier-ignore
  remembered.set(context, found);
  return found;
}
