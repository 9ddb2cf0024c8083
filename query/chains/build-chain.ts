import { createHash } from 'node:crypto';
import type { ActorRef } from '../../model/actor.ts';
import type { Authorization, Chain, ChainEvent, Party } from '../../model/chain.ts';
import type { SourceState } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { formatMicros, parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { printable } from '../escape.ts';
import type { Identities } from '../identity.ts';
import { findApprovals, isApproved, issueOf } from './approvals.ts';
import type { Approval } from './approvals.ts';
import { environmentNamed, environmentOf, environmentOfTarget, isProduction } from './environments.ts';
import { judgeEvidence } from './evidence.ts';
import { gradeOfCredentials } from './grades.ts';
import type { Graph } from './graph.ts';
import { isRequestKey } from './levels.ts';
import { findRoles } from './parties.ts';
import type { Role } from './parties.ts';
import type { Rules } from './rules.ts';
import { sentenceOf } from './sentences.ts';
import { tellStages } from './stages.ts';
import { actFindings, ownFindings, strayFindings } from './chain-findings.ts';
import { findTouches } from './touches.ts';
import { walkFlow } from './walk-flow.ts';
import type { Flow } from './walk-flow.ts';

export interface ChainContext {
  readonly identities: Identities;
  /** What is known of each source as of the same moment; without any, nothing is said to be unobservable. */
  readonly sources: readonly SourceState[];
  /** Microseconds UTC. Absent: the last moment at which any source was read. */
  readonly asOf?: Micros;
}

/** The id of a chain: the first 16 bytes, in hex, of the SHA-256 of tenant, NUL and root key. */
export function chainIdOf(tenant: string, root: string): string {
  return createHash('sha256').update(`${tenant}\u0000${root}`).digest('hex').slice(0, 32);
}

/**
 * The chain of one event or key as it is told: who asked, who approved, who ran it, with which credential, what was
 * touched, whether it was authorised, and whether the sources allow to say so. Pure. A Problem of code `not_found` where
 * no event names it.
 */
export function buildChain(graph: Graph, focal: string, rules: Rules, context: ChainContext): Chain {
  const flow = walkFlow(graph, graph.ownName(focal), rules);
  if (flow.events.length === 0) throw new Problem('not_found', `Nothing is known of ${printable(focal)}.`);
  return tellChain(graph, flow, rules, context);
}

/** The same for a flow that was walked already. */
export function tellChain(graph: Graph, flow: Flow, rules: Rules, context: ChainContext): Chain {
  const issue = issueOf(flow);
  const approvals = findApprovals(graph, flow, rules, issue);
  const touches = findTouches(flow, rules);
  const environment = environmentOfFlow(flow, touches, issue, rules);
  const isProtected = environment === undefined || isProduction(environment, rules);
  const credentialGrade = gradeOfCredentials(graph, rules, flow);
  const asOf = context.asOf ?? lastRead(context.sources);
  const evidence = judgeEvidence(flow, rules, context.sources, asOf, []);
  const stages = tellStages({
    flow,
    approvals,
    touches,
    isProtected,
    sources: context.sources,
    open: evidence.open,
    credentialGrade,
  });
  const unseen = stages.filter(
    (stage) => stage.state === 'not_observable' && stage.stage !== 'touched' && stage.stage !== 'closed',
  );
  const reasons = unseen.map((stage) => `no source is connected that would tell the stage "${stage.stage}"`);
  const roles = findRoles(graph, flow, rules, issue);
  const party = (role: Role | undefined): Party | undefined => role && context.identities.partyOf(role.actor, role.at);
  const [requester, initiator, runner] = [party(roles.requester), party(roles.initiator), party(roles.runner)];
  return {
    id: chainIdOf(rules.policy.tenant, flow.root),
    focal: flow.focal,
    root: flow.root,
    ...(environment === undefined ? {} : { environment }),
    authorization: authorize(flow, approvals, isProtected, credentialGrade),
    evidence: reasons.length > 0 ? 'unprovable' : evidence.verdict,
    evidence_reasons: [...reasons, ...evidence.reasons],
    ...(requester === undefined ? {} : { requester }),
    ...(initiator === undefined ? {} : { initiator }),
    approvers: approversOf(approvals, context.identities),
    ...(runner === undefined ? {} : { runner }),
    ...(flow.job === undefined ? {} : { job: flow.job }),
    pipelines: sorted(flow, (key) => key.startsWith('gitlab:pipeline:')),
    requests: sorted(flow, isRequestKey),
    credentials: flow.credentials,
    touched: touches.map((event) => event.event),
    stages,
    links: flow.links.map((link) => ({
      parent: link.parent,
      child: link.child,
      relation: link.relation,
      confidence: link.grade,
      rule: link.rule,
      event: graph.events.get(link.ref)?.event ?? '',
    })),
    events: flow.events.map((event) => tellEvent(event, rules, context.identities)),
    findings: [
      ...flow.findings,
      ...ownFindings(environment, approvals, roles, context.identities),
      ...strayFindings(environment, touches, rules),
      ...actFindings(graph, flow, context.identities),
    ],
  };
}

/** One event as a chain or a timeline shows it. */
export function tellEvent(
  event: StoredEvent,
  rules: Rules,
  identities: Identities,
  findings: ChainEvent['findings'] = event.facts.findings,
): ChainEvent {
  const party = (one: ActorRef): Party => identities.partyOf(one, event.occurredAt);
  const actor = party(event.actor);
  const behalf = event.onBehalfOf && party(event.onBehalfOf);
  const environment = environmentOf(event, rules);
  return {
    event: event.event,
    ref: event.ref,
    family: event.family,
    instance: event.instance,
    type: event.type,
    action: event.action,
    stage: event.stage,
    outcome: event.outcome,
    occurred_at: formatMicros(event.occurredAt),
    precision: event.precision,
    actor,
    ...(behalf === undefined ? {} : { on_behalf_of: behalf }),
    ...(event.actChain.length < 2 ? {} : { act_chain: event.actChain.map(party) }),
    ...(event.resource === undefined ? {} : { resource: event.resource.key }),
    ...(environment === undefined ? {} : { environment }),
    ...(event.sourceIp === undefined ? {} : { source_ip: event.sourceIp }),
    ...(findings === undefined || findings.length === 0 ? {} : { findings }),
    sentence: sentenceOf(event, actor, behalf),
  };
}

/**
 * The environment of a flow: the one for which its credential was made, else the one that its job is for, since that is
 * what had to be approved; where nobody said, production if any touch was there, else the first that is known.
 */
function environmentOfFlow(
  flow: Flow,
  touches: readonly StoredEvent[],
  issue: StoredEvent | undefined,
  rules: Rules,
): string | undefined {
  const meant = issue === undefined ? undefined : environmentOfTarget(issue, rules);
  if (meant !== undefined) return meant;
  const about = flow.events.filter((event) => event.facts.job ?? event.facts.deployment ?? event.facts.request);
  const said = [...(issue === undefined ? [] : [issue]), ...about].map((event) => environmentNamed(event, rules));
  return (
    pickEnvironment(said, rules) ??
    pickEnvironment(
      touches.map((event) => environmentOf(event, rules)),
      rules,
    )
  );
}

function pickEnvironment(environments: readonly (string | undefined)[], rules: Rules): string | undefined {
  return environments.find((one) => isProduction(one, rules)) ?? environments.find((one) => one !== undefined);
}

function authorize(
  flow: Flow,
  approvals: readonly Approval[],
  isProtected: boolean,
  grade: Chain['links'][number]['confidence'],
): Authorization {
  if (!isProtected) return 'no_approval_required';
  const broken =
    approvals.some((one) => one.decided === 'approved' && one.mode === 'break_glass') ||
    flow.events.some((event) => event.facts.request?.break_glass === true);
  if (broken) return 'break_glass';
  if (isApproved(approvals) !== true) return 'approval_missing';
  return grade === 'exact' ? 'complete' : 'complete_asserted';
}

/** Persons who approved, each once, in order of time. Whether it was in time is the chain's verdict. */
function approversOf(approvals: readonly Approval[], identities: Identities): readonly Party[] {
  const given = approvals.filter((one) => one.decided === 'approved' && one.mode !== 'break_glass');
  const parties = new Map<string, Party>();
  for (const one of given.toSorted((a, b) => a.at - b.at)) {
    const party = identities.partyOf(one.by, one.at);
    const id = party.person ?? party.key;
    if (!parties.has(id)) parties.set(id, party);
  }
  return [...parties.values()];
}

function sorted(flow: Flow, fits: (key: string) => boolean): readonly string[] {
  return [...flow.keys].filter(fits).toSorted();
}

function lastRead(sources: readonly SourceState[]): Micros {
  return Math.max(
    0,
    ...sources.map((source) =>
      source.last_received_at === undefined ? 0 : (parseStamp(source.last_received_at)?.at ?? 0),
    ),
  );
}
