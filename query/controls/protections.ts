import { formatMicros } from '../../model/time.ts';
import type { Clocked, Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { compareRefs } from '../chains/order.ts';
import { clockOf } from '../chains/rules.ts';
import type { ControlContext } from './control-test.ts';

/** A time in which a ref was not protected, by the register of the policy or by the forge's own audit events. */
export interface Unprotected {
  readonly from?: Clocked;
  readonly to?: Clocked;
  readonly said: string;
  readonly evidence: readonly string[];
}

const remembered = new WeakMap<ControlContext, ReadonlyMap<string, readonly StoredEvent[]>>();

/** When a ref of a project was not protected. Patterns fit as GitLab's do: `v*` is every tag that begins with a v. */
export function unprotectedTimes(context: ControlContext, projectId: string, ref: string): readonly Unprotected[] {
  const registered = context.policy.protected_refs_history
    .filter((entry) => !entry.protected && entry.project_id === projectId && fitsPattern(ref, entry.ref))
    .map((entry): Unprotected => ({
      ...(entry.from === undefined ? {} : { from: exactly(entry.from) }),
      ...(entry.to === undefined || entry.to === null ? {} : { to: exactly(entry.to) }),
      said: stretch(entry.from, entry.to ?? undefined),
      evidence: [],
    }));
  return [...registered, ...fromEvents(context, projectId, ref)];
}

/** Whether a ref fits a pattern in which `*` stands for anything, as in the settings of protected refs. */
export function fitsPattern(ref: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return ref === pattern;
  const last = rest.pop() ?? '';
  if (!ref.startsWith(first) || !ref.endsWith(last) || ref.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = ref.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= ref.length - last.length;
}

function fromEvents(context: ControlContext, projectId: string, ref: string): readonly Unprotected[] {
  const turns = changesOf(context)
    .get(projectId)
    ?.filter((event) => fitsPattern(ref, event.resource?.display ?? ''));
  const found: Unprotected[] = [];
  for (const [index, event] of (turns ?? []).entries()) {
    if (!event.type.endsWith('_removed')) continue;
    const next = turns?.slice(index + 1).find((later) => later.type.endsWith('_created'));
    found.push({
      from: clockOf(context.rules, event),
      ...(next ? { to: clockOf(context.rules, next) } : {}),
      said: stretch(event.occurredAt, next?.occurredAt),
      evidence: [event.event, ...(next ? [next.event] : [])],
    });
  }
  return found;
}

/** Protections that were taken away or set, by the number of the project, in order of time. */
function changesOf(context: ControlContext): ReadonlyMap<string, readonly StoredEvent[]> {
  const known = remembered.get(context);
  if (known) return known;
  const found = new Map<string, StoredEvent[]>();
  for (const event of context.graph.events.values()) {
    if (event.family !== 'gitlab.audit' || !/^protected_(?:branch|tag)_(?:removed|created)$/.test(event.type)) continue;
    const project = event.keys
      .find((key) => key.key.startsWith('gitlab:project:'))
      ?.key.split('/')
      .at(-1);
    if (project === undefined || event.disposition !== 'accepted') continue;
    const list = found.get(project);
    if (list) list.push(event);
    else found.set(project, [event]);
  }
  for (const list of found.values()) list.sort((a, b) => a.occurredAt - b.occurredAt || compareRefs(a.ref, b.ref));
  remembered.set(context, found);
  return found;
}

function exactly(at: Micros): Clocked {
  return { at, precision: 'us', skewUs: 0 };
}

function stretch(from: Micros | undefined, to: Micros | undefined): string {
  const begun = from === undefined ? 'the beginning' : formatMicros(from);
  return to === undefined ? `${begun} on` : `${begun} to ${formatMicros(to)}`;
}
