import type { StoredEvent } from '../../store/stored-event.ts';
import { findApprovals } from '../chains/approvals.ts';
import type { Approval } from '../chains/approvals.ts';
import { environmentOf, isProduction } from '../chains/environments.ts';
import type { Flow } from '../chains/walk-flow.ts';
import type { Candidate, ControlContext } from './control-test.ts';
import { automationOf } from './registers.ts';

/** A production credential at its issue, with the decisions that bear on its flow. */
export interface ProductionIssue {
  readonly key: string;
  readonly issue: StoredEvent;
  readonly flow: Flow;
  readonly approvals: readonly Approval[];
  readonly how: 'issuer token' | 'session without an issuer';
}

const remembered = new WeakMap<ControlContext, readonly Candidate<ProductionIssue>[]>();

/**
 * Production credentials issued in the period: one for each token of an issuer with a production target, and one for
 * each session that was opened without one. What derives from such a credential belongs to it and is not counted again.
 */
export function selectProductionIssues(context: ControlContext): readonly Candidate<ProductionIssue>[] {
  const known = remembered.get(context);
  if (known) return known;
  const candidates = [...productionBirths(context)].map(([key, birth]) => describe(context, key, birth));
  remembered.set(context, candidates);
  return candidates;
}

/** The first issue of each production credential of the period by its key; no flow is walked for it. */
export function productionBirths(context: ControlContext): ReadonlyMap<string, StoredEvent> {
  const found = new Map<string, StoredEvent>();
  for (const event of context.graph.events.values()) {
    const key = event.facts.credential?.key;
    if (key === undefined || found.has(key) || !isProductionBirth(context, key, event)) continue;
    const first = context.credentials.birthsOf(key).find((birth) => isProductionBirth(context, key, birth)) ?? event;
    if (first.occurredAt < context.from || first.occurredAt >= context.to) continue;
    if (!hasProductionForebear(context, key)) found.set(key, first);
  }
  return found;
}

/** Why an issue is a matter of another control; undefined where it is one of this. */
export function breakGlassOf({ subject }: Candidate<ProductionIssue>, { rules }: ControlContext): string | undefined {
  const { issue, flow } = subject;
  const role = rules.roleOn(issue.facts.credential?.target ?? issue.facts.target?.role ?? '', issue.occurredAt);
  if (role?.use === 'break_glass') return `${role.role} is an emergency role; see the review of break-glass access`;
  if (issue.facts.relied_on?.mode === 'break_glass') return 'Issued as break-glass; see its review';
  const asked = flow.events.find((event) => event.facts.request?.break_glass === true);
  return asked && `Asked for as break-glass by ${asked.event}; see its review`;
}

/** A session that registered automation opened for itself: nobody asks for it, and it is not part of a run. */
export function automatedSessionOf(
  { subject }: Candidate<ProductionIssue>,
  { policy, credentials }: ControlContext,
): string | undefined {
  const automation = automationOf(subject.issue, policy);
  const own = credentials.lineageOf(subject.key).every((key) => key === subject.key || key.startsWith('aws:session:'));
  return automation && own ? `Opened by registered automation: ${automation.name}` : undefined;
}

/** A session derived from a credential of another environment: nobody issued it for production, it crossed over. */
export function crossedOf(
  { subject }: Candidate<ProductionIssue>,
  { credentials, rules }: ControlContext,
): string | undefined {
  const same = new Set(credentials.sameAs(subject.key));
  for (const forebear of credentials.lineageOf(subject.key)) {
    if (same.has(forebear)) continue;
    const birth = credentials.birthsOf(forebear)[0];
    const environment = birth && environmentOf(birth, rules);
    if (environment !== undefined && !isProduction(environment, rules))
      return `Derived from ${forebear}, which was made for ${environment}; see T-22`;
  }
  return undefined;
}

function isProductionBirth({ rules }: ControlContext, key: string, event: StoredEvent): boolean {
  const stated = event.facts.credential;
  if (stated?.key !== key || stated.renewed === true || event.outcome !== 'success') return false;
  if (event.family !== 'ce' && event.family !== 'aws.cloudtrail') return false;
  return isProduction(environmentOf(event, rules), rules);
}

function hasProductionForebear(context: ControlContext, key: string): boolean {
  const same = new Set(context.credentials.sameAs(key));
  return context.credentials
    .lineageOf(key)
    .filter((forebear) => !same.has(forebear))
    .some((forebear) =>
      context.credentials.birthsOf(forebear).some((birth) => isProductionBirth(context, forebear, birth)),
    );
}

function describe(context: ControlContext, key: string, issue: StoredEvent): Candidate<ProductionIssue> {
  const flow = context.flows.of(key);
  const approvals = findApprovals(context.graph, flow, context.rules, issue);
  const others = [...flow.credentials, ...(flow.job === undefined ? [] : [flow.job])].filter((name) => name !== key);
  return {
    canonical: key,
    item: key,
    aliases: others,
    at: issue.occurredAt,
    evidence: [issue.event],
    subject: { key, issue, flow, approvals, how: issue.family === 'ce' ? 'issuer token' : 'session without an issuer' },
  };
}
