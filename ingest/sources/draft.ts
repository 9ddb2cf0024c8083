import type { Confidence, Edge, EventKey, KeyRole, Relation } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';

/** The keys and edges of an event while an adapter gathers them. */
export interface Draft {
  readonly keys: EventKey[];
  readonly edges: Edge[];
}

/** An empty draft. */
export function openDraft(): Draft {
  return { keys: [], edges: [] };
}

/**
 * Adds a key, once for each role, and gives it back; nothing is added for what the source left empty.
 * `field` is the path that it was read from, as it is shown to an auditor.
 */
export function addKey(
  draft: Draft,
  key: Key | undefined,
  role: KeyRole,
  field: string,
  confidence: Confidence = 'exact',
): Key | undefined {
  if (!key) return undefined;
  for (const held of draft.keys) if (held.key === key.key && held.role === role) return key;
  draft.keys.push({ key: key.key, type: key.type, class: key.class, role, confidence, field });
  return key;
}

/** Adds an edge if both ends are known and differ; a value that names itself as its parent asserts nothing. */
export function addEdge(
  draft: Draft,
  parent: Key | undefined,
  child: Key | undefined,
  link: {
    readonly relation: Relation;
    readonly rule: string;
    readonly confidence?: Confidence;
    readonly principal?: string;
  },
): void {
  if (!parent || !child || parent.key === child.key) return;
  const { relation, rule, confidence = 'exact', principal } = link;
  const known = draft.edges.some(
    (edge) => edge.parent.key === parent.key && edge.child.key === child.key && edge.relation === relation,
  );
  if (!known)
    draft.edges.push({ parent, child, relation, confidence, rule, ...(principal !== undefined && { principal }) });
}

/** The same object without the properties that are undefined, so that "absent" has one form wherever it is stored. */
export function compact<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  // Called several times for every event: a loop over the names of a literal is three times as fast as its entries.
  const kept: Record<string, unknown> = {};
  for (const name in value) if (value[name as keyof T] !== undefined) kept[name] = value[name as keyof T];
  return kept as T;
}
