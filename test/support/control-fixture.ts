import type { Action } from '../../model/action.ts';
import { stageOf } from '../../model/action.ts';
import type { ActorRef } from '../../model/actor.ts';
import type { SourceState, TestId, TestResult } from '../../model/control.ts';
import type { Confidence, KeyRole, Relation } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { KEY_TYPES, typeOfKey } from '../../model/key.ts';
import type { Policy } from '../../model/policy.ts';
import { policySchema } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Family } from '../../model/source.ts';
import { FAMILIES } from '../../model/source.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros, Precision } from '../../model/time.ts';
import { createGraph } from '../../query/chains/graph.ts';
import type { Graph, GraphEdge } from '../../query/chains/graph.ts';
import { checkGraph } from '../../query/controls/check-graph.ts';
import type { PeriodFigures } from '../../query/controls/period-figures.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** A tiny organisation to seed control tests with: two AWS accounts, a cluster, a Vault, one issuer, one GitLab. */
export const PRODUCTION_ROLE = 'arn:aws:iam::111111111111:role/deploy';
export const STAGING_ROLE = 'arn:aws:iam::222222222222:role/deploy-stg';
export const ISSUER = 'https://issuer.example';
export const GITLAB = 'gitlab.example';
export const PERIOD = { from: at('2026-03-01T00:00:00Z'), to: at('2026-04-01T00:00:00Z') };

export const PEOPLE = { asker: person('u-asker'), approver: person('u-approver'), runner: person('u-runner') };

/** A person at the identity provider. */
export function person(id: string): ActorRef {
  return { kind: 'human', key: `idp:user:https://idp.example/${id}` };
}

/** An account at GitLab. */
export function gitlabUser(id: number, kind: ActorRef['kind'] = 'human'): ActorRef {
  return { kind, key: `gitlab:user:${GITLAB}/${id}` };
}

const POLICY = {
  tenant: 'fixture',
  sources: [
    ['ce', 'issuer'], ['okta.log', 'idp.example'], ['gitlab.hook', GITLAB], ['gitlab.audit', GITLAB], ['aws.cloudtrail', '111111111111'],
    ['aws.cloudtrail', '222222222222'], ['k8s.audit', 'prod'], ['vault.audit', 'vault'],
  ].map(([family, instance]) => ({ family, instance, max_skew_ms: 2_000, resolution_ms: 1 })),
  environments: {
    aws_accounts: { '111111111111': 'production', '222222222222': 'staging' },
    kubernetes_clusters: { prod: 'production' },
    vault_clusters: { vault: { path_rules: [{ pattern: '/prod$', environment: 'production' }, { pattern: '/staging$', environment: 'staging' }] } },
    gitlab: { production: 'production', staging: 'staging' },
  },
  parameters: { ttl_max_s: { production: 3_600, staging: 43_200 } },
}; // prettier-ignore

export interface EventSpec {
  readonly name: string;
  readonly family: Family;
  readonly action: Action;
  readonly at: string;
  readonly instance?: string;
  readonly precision?: Precision;
  readonly outcome?: string;
  readonly actor?: ActorRef;
  readonly sequence?: string;
  /** When Custody received it; when it happened, if left out. */
  readonly received?: string;
  readonly facts?: Facts;
  readonly keys?: readonly (readonly [role: KeyRole, key: string])[];
  readonly credential?: string;
  readonly resource?: string;
  readonly resourceName?: string;
  /** The source's own word for the type; the action, if left out. */
  readonly type?: string;
  readonly onBehalfOf?: ActorRef;
  readonly actChain?: readonly ActorRef[];
}

export interface Fixture {
  readonly policy: Policy;
  add(spec: EventSpec): StoredEvent;
  link(
    parent: string,
    relation: Relation,
    child: string,
    by: StoredEvent,
    how?: { confidence?: Confidence; rule?: string; principal?: string },
  ): void;
  graph(asOf?: string): Graph;
  /** Judges one test by what had been received at a moment (default: all of it). */
  run(
    test: TestId,
    options?: { asOf?: string; sources?: readonly Partial<SourceState>[]; figures?: PeriodFigures },
  ): TestResult;
}

/** An empty organisation; `extra` goes over the parts of its policy. */
export function createFixture(extra: Record<string, unknown> = {}): Fixture {
  const policy = policySchema.parse({ ...POLICY, ...extra });
  const events: StoredEvent[] = [];
  const edges: { edge: GraphEdge; receivedAt: Micros }[] = [];
  const graph = (asOf?: string): Graph => {
    const built = createGraph();
    const limit = asOf === undefined ? Number.POSITIVE_INFINITY : at(asOf);
    for (const event of events) if (event.receivedAt <= limit) built.addEvent(event);
    for (const { edge, receivedAt } of edges) if (receivedAt <= limit) built.addEdge(edge);
    return built;
  };
  return {
    policy,
    graph,
    add(spec) {
      const event = toEvent(spec, events.length);
      events.push(event);
      return event;
    },
    link(parent, relation, child, by, how = {}) {
      const { confidence = 'exact', rule = 'E0', principal } = how;
      const edge = {
        parent,
        child,
        parentClass: classOf(parent),
        childClass: classOf(child),
        relation,
        confidence,
        rule,
        ref: by.ref,
        at: by.occurredAt,
      };
      edges.push({ edge: { ...edge, ...(principal === undefined ? {} : { principal }) }, receivedAt: by.receivedAt });
    },
    run(test, options = {}) {
      const sources = options.sources ?? FAMILIES.map((family) => ({ family }));
      const asOf = options.asOf === undefined ? PERIOD.to : at(options.asOf);
      const request = { framework: 'all', ...PERIOD, asOf, tests: [test] } as const;
      const [result] = checkGraph({
        graph: graph(options.asOf),
        sources: sources.map(sourceState),
        policy,
        request,
        ...(options.figures === undefined ? {} : { figures: options.figures }),
      }).tests;
      if (!result) throw new Error(`no result for ${test}`);
      return result;
    },
  };
}

/** Microseconds of a time as text. */
export function at(text: string): Micros {
  const stamp = parseStamp(text);
  if (!stamp) throw new Error(`no time: ${text}`);
  return stamp.at;
}

/** What is known of a source: registered, without gaps, unless said otherwise. */
export function sourceState(part: Partial<SourceState>): SourceState {
  return {
    family: 'ce',
    instance: 'issuer',
    registered: true,
    records: 1,
    accepted: 1,
    duplicate: 0,
    conflict: 0,
    rejected: {},
    integrity: 'none',
    gaps: [],
    ...part,
  };
}

function toEvent(spec: EventSpec, index: number): StoredEvent {
  const {
    name,
    family,
    action,
    type,
    keys = [],
    resource,
    resourceName,
    credential,
    received,
    at: when,
    ...rest
  } = spec;
  const occurredAt = at(when);
  return {
    precision: 'ms',
    instance: INSTANCES[family] ?? family,
    outcome: 'success',
    actor: { kind: 'unknown', key: '' },
    facts: {},
    actChain: [],
    ...rest,
    ref: refOf({ topic: family, partition: 0, offset: index }).toString(),
    event: `event:${family}/${name}`,
    eventId: `00000000-0000-8000-8000-${String(index).padStart(12, '0')}`,
    disposition: 'accepted',
    family,
    source: family,
    nativeId: name,
    type: type ?? action,
    action,
    stage: stageOf(action),
    occurredAt,
    receivedAt: received === undefined ? occurredAt : at(received),
    unread: [],
    keys: keys.map(([role, key]) => ({ key, class: classOf(key), role, confidence: 'exact', field: 'fixture' })),
    ...(credential === undefined ? {} : { credential: { kind: 'fixture', key: credential } }),
    ...(resource === undefined && resourceName === undefined
      ? {}
      : {
          resource: {
            type: 'fixture',
            key: resource ?? '',
            ...(resourceName === undefined ? {} : { display: resourceName }),
          },
        }),
  };
}

const INSTANCES: Partial<Record<Family, string>> = {
  ce: 'issuer', 'okta.log': 'idp.example', 'gitlab.hook': GITLAB, 'gitlab.audit': GITLAB, 'aws.cloudtrail': '111111111111', 'k8s.audit': 'prod', 'vault.audit': 'vault',
}; // prettier-ignore

function classOf(key: string): GraphEdge['parentClass'] {
  if (key.startsWith('aws:accesskey:AKIA')) return 'hub';
  if (key.includes('/X509SHA256=')) return 'session';
  const type = typeOfKey(key);
  return type === undefined ? 'hub' : KEY_TYPES[type];
}
