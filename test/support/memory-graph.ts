import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { contentHashOf, eventIdOf } from '../../model/event-id.ts';
import { stageOf } from '../../model/action.ts';
import type { AuditEvent } from '../../model/event.ts';
import { eventKey } from '../../model/key.ts';
import type { Policy } from '../../model/policy.ts';
import { sourceOf } from '../../model/policy.ts';
import { refOf } from '../../model/position.ts';
import type { Family, Source } from '../../model/source.ts';
import { familyOf } from '../../model/source.ts';
import { adapterFor } from '../../ingest/sources/registry.ts';
import { sharedNamesOf, withOwnName } from '../../query/chains/event-names.ts';
import { createGraph } from '../../query/chains/graph.ts';
import type { GraphBuilder } from '../../query/chains/graph.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** The files of a scenario and the sources whose lines they hold. */
export const FILES: Readonly<Record<string, Source>> = {
  okta: 'okta.log',
  'gitlab-webhook': 'gitlab.webhook',
  'gitlab-audit': 'gitlab.audit-stream',
  issuer: 'issuer.cloudevents',
  cloudtrail: 'aws.cloudtrail',
  kubernetes: 'kubernetes.audit',
  vault: 'vault.audit',
  hoop: 'hoop.event',
};

export interface MemoryGraph {
  readonly graph: GraphBuilder;
  readonly events: readonly StoredEvent[];
  /** Lines that no event came of, by source and reason. */
  readonly refused: ReadonlyMap<string, number>;
}

/** Puts an adapter's event into a graph as the store would give it back. */
export function addToGraph(graph: GraphBuilder, event: AuditEvent, ref: string, receivedAt: number): StoredEvent {
  const stored = storeEvent(event, ref, receivedAt);
  graph.addEvent(stored);
  addEdges(graph, event, ref);
  return stored;
}

function ambiguousNames(events: readonly StoredEvent[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const name of events.flatMap(sharedNamesOf)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count > 1).map(([name]) => name));
}

function addEdges(graph: GraphBuilder, event: AuditEvent, ref: string): void {
  for (const edge of event.edges) {
    graph.addEdge({
      parent: edge.parent.key,
      child: edge.child.key,
      parentClass: edge.parent.class,
      childClass: edge.child.class,
      relation: edge.relation,
      confidence: edge.confidence,
      rule: edge.rule,
      ...(edge.principal === undefined ? {} : { principal: edge.principal }),
      ref,
      at: event.occurred.at,
    });
  }
}

/** The stored form of an event. */
export function storeEvent(event: AuditEvent, ref: string, receivedAt: number): StoredEvent {
  const { occurred, observed, actChain, keys, edges: _edges, content: _content, dedupeKey: _dedupe, ...rest } = event;
  return {
    ...rest,
    ref,
    event: eventKey(event.family, event.nativeId),
    eventId: eventIdOf('test', event),
    disposition: 'accepted',
    occurredAt: occurred.at,
    precision: occurred.precision,
    ...(observed === undefined ? {} : { observedAt: observed.at }),
    receivedAt,
    stage: stageOf(event.action),
    actChain: actChain ?? [],
    keys: keys.map(({ key, class: keyClass, role, confidence, field }) => ({
      key,
      class: keyClass,
      role,
      confidence,
      field,
    })),
  };
}

/**
 * Reads a scenario through the adapters: the graph that the store would give, without a store. Files by source, but for
 * Kubernetes the deliveries, since a line of an audit log does not name its cluster.
 */
export async function readScenarioGraph(folder: string, policy: Policy): Promise<MemoryGraph> {
  const graph = createGraph();
  const parsed: { event: AuditEvent; stored: StoredEvent }[] = [];
  const refused = new Map<string, number>();
  const seen = new Map<string, string>();
  const offsets = new Map<Family, number>();
  for (const [name, source] of Object.entries(FILES)) {
    const adapter = adapterFor(source);
    if (!adapter) {
      refused.set(`${source} has no adapter`, 1);
      continue;
    }
    const instances = policy.sources
      .filter((entry) => entry.family === familyOf(source))
      .map((entry) => entry.instance);
    const instance = instances.length === 1 ? (instances[0] ?? '') : '';
    const lines = name === 'kubernetes' ? clusterLines(folder) : linesOf(`${folder}/by-source`, name);
    for await (const line of lines) {
      const { json, own } = typeof line === 'string' ? { json: JSON.parse(line) as unknown, own: instance } : line;
      const settings = sourceOf(policy, familyOf(source), own);
      const variables = policy.pipeline_variables;
      const result = adapter.parse({
        json,
        instance: own,
        receivedAt: 4_000_000_000_000_000,
        headers: {},
        variables: {
          accessRequest: variables.access_request,
          change: variables.change,
          requestSystem: variables.request_system,
          ...(variables.request_scope === undefined ? {} : { requestScope: variables.request_scope }),
        },
        ...(settings === undefined ? {} : { settings }),
      });
      if (!result.ok) {
        const reason = `${source}: ${result.reason}: ${result.detail}`;
        refused.set(reason, (refused.get(reason) ?? 0) + 1);
        continue;
      }
      for (const event of result.events) {
        const id = eventIdOf('test', event);
        if (seen.has(id)) {
          if (seen.get(id) !== contentHashOf(event))
            refused.set(`${source}: conflict`, (refused.get(`${source}: conflict`) ?? 0) + 1);
          continue;
        }
        seen.set(id, contentHashOf(event));
        const offset = offsets.get(event.family) ?? 0;
        offsets.set(event.family, offset + 1);
        const ref = refOf({ topic: event.family, partition: 0, offset }).toString();
        parsed.push({ event, stored: storeEvent(event, ref, event.occurred.at) });
      }
    }
  }
  const ambiguous = ambiguousNames(parsed.map(({ stored }) => stored));
  const events = parsed.map(({ event, stored }) => {
    const named = withOwnName(stored, ambiguous);
    graph.addEvent(named);
    addEdges(graph, event, named.ref);
    return named;
  });
  return { graph, events, refused };
}

// A line of an audit log does not name its cluster; the door by which it came does.
async function* clusterLines(folder: string): AsyncGenerator<{ json: unknown; own: string }> {
  for await (const line of linesOf(folder, 'deliveries')) {
    if (!line.includes('"kubernetes/')) continue;
    const { path_hint: hint, body } = JSON.parse(line) as { path_hint: string; body: string };
    try {
      const list = JSON.parse(body) as { items?: unknown[] };
      for (const json of list.items ?? []) yield { json, own: hint.replace(/^kubernetes\//, '') };
    } catch {
      continue;
    }
  }
}

async function* linesOf(folder: string, name: string): AsyncGenerator<string> {
  const file = readdirSync(folder).find((entry) => entry === `${name}.ndjson` || entry === `${name}.ndjson.gz`);
  if (file === undefined || !existsSync(`${folder}/${file}`)) return;
  const raw = createReadStream(`${folder}/${file}`);
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) if (line !== '') yield line;
}
