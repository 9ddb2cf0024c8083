import type { ActorRef } from '../../model/actor.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph } from './graph.ts';
import { judgeEdges } from './judge-edges.ts';
import { isRequestKey, levelOf } from './levels.ts';
import type { Rules } from './rules.ts';
import type { Flow } from './walk-flow.ts';

/** Someone who took part, and the event that says so. */
export interface Role {
  readonly actor: ActorRef;
  readonly event: StoredEvent;
  readonly at: Micros;
}

export interface Roles {
  /** Who asked for the access. */
  readonly requester?: Role;
  /** Who started the first pipeline: for a child pipeline still who started its parent. */
  readonly initiator?: Role;
  /** Who ran the job (for a manual job who pressed play), or used the credential where there is no job. */
  readonly runner?: Role;
  /** The party whose rights were used, where the issuer says so. */
  readonly onBehalfOf?: Role;
}

/** Who did what in a flow, each from the event of the system that knows it best. */
export function findRoles(graph: Graph, flow: Flow, rules: Rules, issue: StoredEvent | undefined): Roles {
  const initiator = findInitiator(graph, flow, rules);
  const requester = findRequester(flow) ?? issuerRequester(issue) ?? initiator ?? userOfCredential(flow, issue);
  const runner = flow.job === undefined ? runnerWithoutJob(flow, issue) : runnerOf(graph, flow.job);
  const onBehalfOf = issue?.onBehalfOf && roleOf(issue.onBehalfOf, issue);
  return {
    ...(requester === undefined ? {} : { requester }),
    ...(initiator === undefined ? {} : { initiator }),
    ...(runner === undefined ? {} : { runner }),
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
  };
}

// The line of descent comes before gates: a request that another credential of the same job names is not this one's.
function findRequester(flow: Flow): Role | undefined {
  const asking = flow.events.filter((event) => event.stage === 'request' || event.facts.request !== undefined);
  const named = asking.flatMap((event) => {
    const key = event.keys.find(
      (one) => isRequestKey(one.key) && one.role !== 'mentions' && flow.keys.has(one.key),
    )?.key;
    return key === undefined || event.actor.key === '' ? [] : [{ event, near: flow.lineage.has(key) ? 0 : 1 }];
  });
  const first = named.toSorted((a, b) => a.near - b.near || a.event.occurredAt - b.event.occurredAt)[0]?.event;
  return first && roleOf(first.actor, first);
}

function issuerRequester(issue: StoredEvent | undefined): Role | undefined {
  return issue?.initiator && issue.family === 'ce' ? roleOf(issue.initiator, issue) : undefined;
}

function findInitiator(graph: Graph, flow: Flow, rules: Rules): Role | undefined {
  const judge = judgeEdges(graph, rules);
  const pipelines = [...flow.keys].filter((key) => key.startsWith('gitlab:pipeline:'));
  const own =
    flow.job === undefined ? pipelines : pipelines.filter((key) => flow.lineage.has(key) || !flow.branch.has(key));
  const first = own.filter(
    (key) => !judge.up(key).some((edge) => levelOf(edge.parent) === 1 || levelOf(edge.parent) === 3),
  );
  const events = first.flatMap((key) => eventsAbout(graph, key)).filter((event) => event.facts.pipeline !== undefined);
  const event = events.toSorted((a, b) => a.occurredAt - b.occurredAt).find((one) => one.actor.key !== '');
  return event && roleOf(event.actor, event);
}

// Whoever pressed play is the user of the job while it runs; before that it is who made the pipeline.
function runnerOf(graph: Graph, job: string): Role | undefined {
  const events = eventsAbout(graph, job).filter((event) => event.facts.job !== undefined && event.actor.key !== '');
  const ran = events.filter((event) => event.action === 'job.start' || event.action === 'job.finish');
  const event = (ran.length > 0 ? ran : events).toSorted((a, b) => a.occurredAt - b.occurredAt)[0];
  if (event) return roleOf(event.actor, event);
  const claim = graph
    .namesOf(job)
    .flatMap((name) => graph.events.get(name.ref) ?? [])
    .find((one) => one.onBehalfOf !== undefined && one.family === 'ce');
  return claim?.onBehalfOf && roleOf(claim.onBehalfOf, claim);
}

function runnerWithoutJob(flow: Flow, issue: StoredEvent | undefined): Role | undefined {
  if (flow.events.some((event) => event.facts.job !== undefined)) return undefined;
  return userOfCredential(flow, issue);
}

function userOfCredential(flow: Flow, issue: StoredEvent | undefined): Role | undefined {
  if (issue === undefined) return undefined;
  const actor = issue.actor.kind === 'human' || issue.onBehalfOf === undefined ? issue.actor : issue.onBehalfOf;
  return actor.key === '' || actor.kind === 'system' || flow.events.length === 0 ? undefined : roleOf(actor, issue);
}

function eventsAbout(graph: Graph, key: string): readonly StoredEvent[] {
  const names = graph.namesOf(key).filter((name) => name.role === 'subject' || name.role === 'creates');
  return names.flatMap((name) => graph.events.get(name.ref) ?? []);
}

function roleOf(actor: ActorRef, event: StoredEvent): Role {
  return { actor, event, at: event.occurredAt };
}
