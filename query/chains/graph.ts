import type { Confidence, KeyRole, Relation } from '../../model/event.ts';
import { KEY_TYPES, typeOfKey } from '../../model/key.ts';
import type { KeyClass } from '../../model/key.ts';
import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';

/** An edge as it is held: one row for each event that asserts it. */
export interface GraphEdge {
  readonly parent: string;
  readonly child: string;
  readonly parentClass: KeyClass;
  readonly childClass: KeyClass;
  readonly relation: Relation;
  readonly confidence: Confidence;
  /** The rule of sources.md 2.4.1, such as "E13". */
  readonly rule: string;
  /** Hub key of the principal that made the edge; what the policy calls a broker is not climbed. */
  readonly principal?: string;
  /** The event that asserts it. */
  readonly ref: string;
  readonly at: Micros;
}

/** That an event names a key, and what the key means to it. */
export interface GraphName {
  readonly ref: string;
  readonly role: KeyRole;
  readonly confidence: Confidence;
}

/** Something that the reader of a chain must be told, found while the graph was loaded. */
export interface GraphFinding {
  readonly kind: string;
  readonly detail: string;
  readonly key?: string;
}

/** Events, keys and edges held in memory, closed enough for the walk to be a pure function. */
export interface Graph {
  readonly events: ReadonlyMap<string, StoredEvent>;
  readonly findings: readonly GraphFinding[];
  /** Events that name a key. */
  namesOf(key: string): readonly GraphName[];
  /** Edges that end at a key, and edges that begin there. */
  parents(key: string): readonly GraphEdge[];
  children(key: string): readonly GraphEdge[];
  /** How the walk may use a key: what the events said of it, else what its type says. Keys of unknown types are hubs. */
  classOf(key: string): KeyClass;
  /** Events by the name that people use; usually one. */
  eventsNamed(event: string): readonly StoredEvent[];
  /** The name of the event that is counted, where the text is that of its other telling; else the text itself. */
  ownName(name: string): string;
}

/** A graph that still takes rows. Adding the same row again changes nothing. */
export interface GraphBuilder extends Graph {
  addEvent(event: StoredEvent): void;
  /** Another name by which people may mean an event: that of its other telling. */
  addName(name: string, own: string): void;
  addEdge(edge: GraphEdge): void;
  addFinding(finding: GraphFinding): void;
}

const NONE: readonly never[] = [];

/** An empty graph to be filled. Rows may come in any order. */
export function createGraph(): GraphBuilder {
  const events = new Map<string, StoredEvent>();
  const byName = new Map<string, StoredEvent[]>();
  const others = new Map<string, string>();
  const names = new Map<string, GraphName[]>();
  const up = new Map<string, GraphEdge[]>();
  const down = new Map<string, GraphEdge[]>();
  const seen = new Set<string>();
  const classes = new Map<string, KeyClass>();
  const findings: GraphFinding[] = [];
  const degraded = new Set<string>();
  return {
    events,
    findings,
    namesOf: (key) => names.get(key) ?? NONE,
    parents: (key) => up.get(key) ?? NONE,
    children: (key) => down.get(key) ?? NONE,
    classOf: (key) => (degraded.has(key) ? 'hub' : (classes.get(key) ?? classByType(key))),
    ownName: (name) => others.get(name) ?? name,
    eventsNamed: (event) => byName.get(event) ?? NONE,
    addEvent(event) {
      if (events.has(event.ref)) return;
      events.set(event.ref, event);
      for (const name of namesForPeople(event)) push(byName, name, event);
      for (const key of event.keys) {
        classes.set(key.key, key.class);
        push(names, key.key, { ref: event.ref, role: key.role, confidence: key.confidence });
      }
    },
    addName: (name, own) => void others.set(name, own),
    addEdge(edge) {
      const id = `${edge.parent}\u0000${edge.child}\u0000${edge.relation}\u0000${edge.ref}`;
      if (seen.has(id)) return;
      seen.add(id);
      classes.set(edge.parent, edge.parentClass);
      classes.set(edge.child, edge.childClass);
      push(down, edge.parent, edge);
      push(up, edge.child, edge);
    },
    addFinding(finding) {
      if (finding.key !== undefined && finding.kind === 'fan_out') degraded.add(finding.key);
      findings.push(finding);
    },
  };
}

// Its own name, and those that its source also gives it (a Kubernetes request with and without its time).
function namesForPeople(event: StoredEvent): ReadonlySet<string> {
  return new Set([event.event, ...event.keys.filter((key) => key.key.startsWith('event:')).map((key) => key.key)]);
}

function classByType(key: string): KeyClass {
  const type = typeOfKey(key);
  return type === undefined ? 'hub' : KEY_TYPES[type];
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
