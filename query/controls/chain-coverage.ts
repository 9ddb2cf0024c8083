import { CONFIDENCES } from '../../model/event.ts';
import type { Confidence } from '../../model/event.ts';
import { findRoles } from '../chains/parties.ts';
import type { ControlContext } from './control-test.ts';
import { reliedOn } from './reliances.ts';
import { breakGlassOf, selectProductionIssues } from './production-issues.ts';
import type { ProductionIssue } from './production-issues.ts';
import type { Use } from './uses.ts';

/** What a use of production has of its chain, and what it lacks. */
export interface Coverage {
  /** The weakest link on the way to its flow; absent for an orphan. */
  readonly grade?: Confidence;
  /** Of requester, approver, job, token: those that are not known, or not well enough. */
  readonly missing: readonly string[];
  /** Whether it belongs to emergency access, which has no approver and no job by design. */
  readonly emergency: boolean;
}

interface Known {
  readonly byCredential: ReadonlyMap<string, ProductionIssue>;
  readonly emergencies: ReadonlySet<string>;
  readonly covered: Map<string, Coverage>;
}

const remembered = new WeakMap<ControlContext, Known>();

/** How much of its chain is known of a use. */
export function coverageOf(use: Use, context: ControlContext): Coverage {
  const known = knownOf(context);
  const held = known.covered.get(use.id);
  if (held) return held;
  const made = measure(use, context, known);
  known.covered.set(use.id, made);
  return made;
}

function knownOf(context: ControlContext): Known {
  const known = remembered.get(context);
  if (known) return known;
  const byCredential = new Map<string, ProductionIssue>();
  const emergencies = new Set<string>();
  for (const candidate of selectProductionIssues(context)) {
    const { subject } = candidate;
    for (const key of [subject.key, ...subject.flow.credentials]) if (!byCredential.has(key)) byCredential.set(key, subject);
    if (breakGlassOf(candidate, context) !== undefined) emergencies.add(subject.key);
  }
  const made = { byCredential, emergencies, covered: new Map<string, Coverage>() };
  remembered.set(context, made);
  return made;
} // prettier-ignore

function measure(use: Use, context: ControlContext, { byCredential, emergencies }: Known): Coverage {
  const { event, credential } = use;
  const reach = context.flows.reachOf(event);
  const contested = credential !== undefined && context.flows.isContested(credential);
  const issued = credential === undefined || contested ? undefined : (byCredential.get(credential) ?? issueBehind(credential, context, byCredential));
  const emergency = issued !== undefined && emergencies.has(issued.key);
  if (!reach) return { missing: ['flow'], emergency };
  const weakest = CONFIDENCES.indexOf(context.policy.parameters.minimum_link);
  const flow = issued?.flow ?? context.flows.of(credential === undefined || contested ? event.event : credential);
  const roles = findRoles(context.graph, flow, context.rules, issued?.issue ?? event);
  const hasApprover = issued === undefined ? flow.events.some(({ stage }) => stage === 'approve') : reliedOn(issued, context).length > 0;
  const missing = [
    ...(CONFIDENCES.indexOf(reach.grade) > weakest ? [`link (${reach.grade})`] : []),
    ...(roles.requester ?? roles.initiator ? [] : ['requester']),
    ...(hasApprover ? [] : ['approver']),
    ...(flow.job ?? context.flows.jobOf(event) ? [] : ['job']),
    ...(flow.credentials.length > 0 ? [] : ['token']),
  ];
  return { grade: reach.grade, missing, emergency };
} // prettier-ignore

function issueBehind(credential: string, { credentials }: ControlContext, byCredential: ReadonlyMap<string, ProductionIssue>): ProductionIssue | undefined {
  return credentials.lineageOf(credential).map((key) => byCredential.get(key)).find((issued) => issued !== undefined);
} // prettier-ignore
