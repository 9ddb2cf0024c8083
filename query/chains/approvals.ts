import { decisionsOf } from '../../model/facts.ts';
import type { Facts } from '../../model/facts.ts';
import type { ActorRef } from '../../model/actor.ts';
import type { Confidence } from '../../model/event.ts';
import { clockBefore } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { and, not, or } from '../../model/truth.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from './graph.ts';
import { gradeOfWay } from './grades.ts';
import { orderBySequence } from './order.ts';
import { clockAt, clockOf } from './rules.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

type Decision = NonNullable<Facts['decision']>;

/** One decision that bears on a flow. */
export interface Approval {
  /** The event that tells of it. */
  readonly event: StoredEvent;
  /** The key that was decided on: a request, a deployment, a review. */
  readonly on: string;
  readonly decided: Decision['decided'];
  readonly mode: NonNullable<Decision['mode']>;
  readonly by: ActorRef;
  readonly at: Micros;
  /** Whether it lies before the credential was issued. True without an issue to compare with. */
  readonly before: Truth;
  /** The issuer wrote this decision into the issue itself, which outranks the clocks. */
  readonly causal: boolean;
  /** The weakest link between what was decided on and the credential. */
  readonly grade: Confidence;
  /** Whether a later denial or revocation of the same thing lies before the issue. */
  readonly withdrawn: Truth;
}

/**
 * Decisions on the requests, deployments and reviews of a flow, in order of time. Approvals of a merge request are of
 * the code, not of the access: they are events of the chain, but no approval of it.
 */
export function findApprovals(
  graph: Graph,
  flow: Flow,
  rules: Rules,
  issue: StoredEvent | undefined,
): readonly Approval[] {
  const found: Approval[] = [];
  for (const event of flow.events) {
    const on = event.keys.find((key) => key.role === 'decides' && flow.keys.has(key.key));
    if (!on || on.key.startsWith('gitlab:mr')) continue;
    for (const decision of decisionsOf(event.facts)) {
      const by = decision.by ?? event.actor;
      const at = decision.at ?? event.occurredAt;
      const causal = issue !== undefined && isReliedOn(issue, on.key, by);
      found.push({
        event,
        on: on.key,
        decided: decision.decided,
        mode: decision.mode ?? (by.kind === 'system' ? 'policy' : 'human'),
        by,
        at,
        before: causal || issue === undefined ? true : isBefore(rules, event, at, issue),
        causal,
        grade: gradeOfWay(graph, rules, flow, on.key),
        withdrawn: false,
      });
    }
  }
  return withoutRepeats(found.map((approval) => ({ ...approval, withdrawn: isWithdrawn(approval, found, rules) })));
}

/** Whether somebody or some rule approved before the issue, and it still stood: three-valued. */
export function isApproved(approvals: readonly Approval[]): Truth {
  const given = approvals.filter((one) => one.decided === 'approved' && one.mode !== 'break_glass');
  return or(...given.map((one) => and(one.before, not(one.withdrawn))));
}

/**
 * The event that brought the credential under test into being: the issuer's token, else the first credential of the
 * line of descent whose birth is known; for a flow of a person with a tool, the opening of the session.
 */
export function issueOf(flow: Flow): StoredEvent | undefined {
  const births = flow.events.filter((event) => {
    const key = event.facts.credential?.key;
    return (
      key !== undefined && event.facts.credential?.renewed !== true && event.outcome === 'success' && isOf(flow, key)
    );
  });
  const own = births.filter((event) => flow.lineage.has(event.facts.credential?.key ?? ''));
  const candidates = own.length > 0 ? own : births;
  return (
    candidates.find((event) => event.family === 'ce') ??
    candidates[0] ??
    flow.events.find((event) => event.action === 'exec.session.start')
  );
}

function isOf(flow: Flow, key: string): boolean {
  return flow.lineage.has(key) || flow.branch.has(key);
}

// The issuer names the request that it relied on, or took its own; and if it names who decided, it is the same account.
function isReliedOn(issue: StoredEvent, on: string, by: ActorRef): boolean {
  const relied = issue.facts.relied_on;
  if (!relied || relied.decided !== 'approved') return false;
  const named =
    relied.request ?? issue.keys.find((key) => key.key.startsWith('access-request:') && key.role === 'uses')?.key;
  if (named !== on) return false;
  const keys = [by.key, ...(by.aliases ?? [])];
  return (
    relied.by === undefined ||
    keys.includes(relied.by.key) ||
    (relied.by.aliases ?? []).some((alias) => keys.includes(alias))
  );
}

function isBefore(rules: Rules, event: StoredEvent, at: Micros, issue: StoredEvent): Truth {
  return orderBySequence(event, issue) ?? clockBefore(clockAt(rules, event, at), clockOf(rules, issue));
}

// A denial or revocation after the approval, in time for the issue, takes it back (T-01).
function isWithdrawn(approval: Approval, all: readonly Approval[], rules: Rules): Truth {
  if (approval.decided !== 'approved') return false;
  const against = all.filter((other) => other.on === approval.on && other.decided === 'revoked');
  return or(
    ...against.map((other) =>
      and(
        other.before,
        orderBySequence(approval.event, other.event) ??
          clockBefore(clockAt(rules, approval.event, approval.at), clockAt(rules, other.event, other.at)),
      ),
    ),
  );
}

/** One decision told by two events (hook and audit) stays one: the first to tell it. */
function withoutRepeats(approvals: readonly Approval[]): readonly Approval[] {
  const seen = new Set<string>();
  return approvals.filter((one) => {
    const id = `${one.on} ${one.decided} ${one.by.key} ${Math.floor(one.at / 10_000_000)}`;
    if (one.by.key !== '' && seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}
