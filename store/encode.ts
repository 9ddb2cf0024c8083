import { ACTIONS } from '../model/action.ts';
import type { ActorRef } from '../model/actor.ts';
import type { AuditEvent, Confidence, Edge, EventKey } from '../model/event.ts';
import { quoteJson } from '../model/canonical-json.ts';
import type { Key, KeyClass } from '../model/key.ts';
import type { Disposition } from '../model/reason.ts';
import type { Precision } from '../model/time.ts';
import { createBinaryRows } from './binary-rows.ts';
import { createDigest } from './digest.ts';
import { STATUS } from './encode-record.ts';
import type { RecordRows } from './encode-record.ts';
import type { Digest, DigestBuilder } from './digest.ts';
import { createTsvBuilder, crcOf, escapeTsv } from './tsv.ts';
import type { TsvBuilder } from './tsv.ts';

/** The identity and the place of an event. */
export interface EventPlace {
  readonly tenant: string;
  readonly ref: bigint;
  readonly eventId: string;
  /** 32 hex digits. */
  readonly contentHash: string;
  readonly disposition: Exclude<Disposition, 'rejected'>;
  readonly firstRef: bigint;
  readonly receivedAtMs: number;
  readonly ingestedAtUs: number;
}

/** The parts of an event that are stored as JSON, and its keys and edges without repeats. */
export interface EventTexts {
  readonly facts: string;
  readonly actor: string;
  readonly parties: string;
  readonly keysJson: string;
  readonly unread: string;
  readonly keys: readonly EventKey[];
  readonly edges: readonly Edge[];
}

/** Throws (a RangeError for a time that is none) for an event that cannot be stored, before any of it is written. */
export function textsOf(event: AuditEvent): EventTexts {
  const times = [event.occurred.at, event.observed?.at ?? 0];
  if (!times.every((at) => Number.isSafeInteger(at) && at >= 0))
    throw new RangeError('a time of an event is no whole number of microseconds since 1970');
  const keys = uniqueKeys(event.keys);
  return {
    facts: JSON.stringify(event.facts),
    actor: JSON.stringify(event.actor),
    parties: partiesOf(event),
    keysJson: keysJsonOf(keys),
    unread: event.unread.length === 0 ? '' : JSON.stringify(event.unread),
    keys,
    edges: uniqueEdges(event.edges),
  };
}

const PRECISION: Record<Precision, number> = { s: 0, ms: 3, us: 6, ns: 9 };
const CLASS: Record<KeyClass, number> = { chain: 1, session: 2, hub: 3 };
const CONFIDENCE: Record<Confidence, number> = { exact: 1, asserted: 2, inferred: 3 };
const DIRECTION = { down: 1, up: 2 } as const;

/** Lines of one table on their way, and what a read-back must find. */
export interface TableLines {
  readonly rows: TsvBuilder;
  readonly digest: DigestBuilder;
}

/** What one batch becomes, table by table. */
export interface BatchLines {
  readonly records: RecordRows;
  readonly events: TableLines;
  /** The engine makes the rows of keys from the events; what it must find is computed here all the same. */
  readonly keys: DigestBuilder;
  readonly edges: TableLines;
}

export type BatchDigests = { readonly [Table in keyof BatchLines]: Digest };

/** Empty lines for a batch of about so many bytes of values. */
export function createBatchLines(bytes: number): BatchLines {
  const tsv = (size: number): TableLines => ({
    rows: createTsvBuilder(Math.ceil(size) + 4_096),
    digest: createDigest(),
  });
  const records = { rows: createBinaryRows(Math.ceil(bytes * 1.25) + 4_096), digest: createDigest() };
  return { records, events: tsv(bytes * 1.5), keys: createDigest(), edges: tsv(bytes / 4) };
}

/** Adds an event and, if it counts, its keys and edges. */
export function encodeEvent(
  lines: BatchLines,
  place: EventPlace,
  event: AuditEvent,
  texts: EventTexts,
  parserVersion: string,
): void {
  const { ref } = place;
  const tenant = escapeTsv(place.tenant);
  const refText = String(ref);
  const occurred = event.occurred.at;
  const tail = `\t${place.receivedAtMs}\t${place.ingestedAtUs}`;
  lines.events.rows.add(
    `${tenant}\t${refText}\t${place.eventId}\t${place.contentHash}\t${STATUS[place.disposition]}\t${place.firstRef}\t${event.family}\t${event.source}\t` +
      `${escapeTsv(event.instance)}\t${escapeTsv(event.nativeId)}\t${escapeTsv(event.type)}\t${occurred}\t${PRECISION[event.occurred.precision]}\t` +
      `${event.observed?.at ?? '\\N'}${tail}\t${whatHappened(event)}\t${whoDidIt(event, texts)}\t${escapeTsv(texts.facts)}\t` +
      `${escapeTsv(texts.keysJson)}\t${escapeTsv(texts.unread)}\t${parserVersion}\n`,
  );
  const check = crcOf(`${event.nativeId}\t${event.type}\t${event.action}\t${texts.facts}`) + STATUS[place.disposition];
  lines.events.digest.add(ref, check + Number(place.firstRef % 1_048_573n));
  if (place.disposition !== 'accepted') return;
  for (const { key } of texts.keys) lines.keys.add(ref, crcOf(key));
  if (texts.edges.length > 0)
    encodeEdges(lines.edges, ref, texts.edges, `${tenant}\t`, `\t${refText}\t${occurred}${tail}\n`);
}

function whatHappened(event: AuditEvent): string {
  return (
    `${escapeTsv(event.sequence ?? '')}\t${event.action}\t${ACTIONS[event.action]}\t${event.outcome}\t${escapeTsv(event.outcomeCode ?? '')}\t` +
    escapeTsv(event.outcomeReason ?? '')
  );
}

function whoDidIt(event: AuditEvent, texts: EventTexts): string {
  const { actor, credential, resource } = event;
  return (
    `${actor.kind}\t${escapeTsv(actor.key)}\t${escapeTsv(texts.actor)}\t${escapeTsv(texts.parties)}\t` +
    `${escapeTsv(credential?.kind ?? '')}\t${escapeTsv(credential?.key ?? '')}\t${escapeTsv(resource?.type ?? '')}\t${escapeTsv(resource?.key ?? '')}\t` +
    `${escapeTsv(resource?.display ?? '')}\t${escapeTsv(event.environment ?? '')}\t${escapeTsv(event.sourceIp ?? '')}\t${escapeTsv(event.userAgent ?? '')}`
  );
}

// As JSON.stringify writes it. The engine takes no half of a surrogate pair, so what holds one is mended as in UTF-8.
function keysJsonOf(keys: readonly EventKey[]): string {
  let text = '';
  for (const { key, class: of, role, confidence, field } of keys)
    text += `${text === '' ? '' : ','}[${quoteJson(key.toWellFormed())},"${of}","${role}","${confidence}",${quoteJson(field.toWellFormed())}]`;
  return `[${text}]`;
}

function partiesOf(event: AuditEvent): string {
  if (!event.onBehalfOf && !event.actChain && !event.initiator) return '';
  const parties: { onBehalfOf?: ActorRef; actChain?: readonly ActorRef[]; initiator?: ActorRef } = {};
  if (event.onBehalfOf) parties.onBehalfOf = event.onBehalfOf;
  if (event.actChain) parties.actChain = event.actChain;
  if (event.initiator) parties.initiator = event.initiator;
  return JSON.stringify(parties);
}

function encodeEdges(
  lines: BatchLines['edges'],
  ref: bigint,
  edges: readonly Edge[],
  head: string,
  tail: string,
): void {
  let text = '';
  const line = (edge: Edge, key: Key, direction: keyof typeof DIRECTION, other: Key): void => {
    text +=
      `${head}${escapeTsv(key.key)}\t${DIRECTION[direction]}\t${escapeTsv(other.key)}\t${CLASS[other.class]}\t${edge.relation}\t` +
      `${CONFIDENCE[edge.confidence]}\t${escapeTsv(edge.rule)}\t${escapeTsv(edge.principal ?? '')}${tail}`;
    lines.digest.add(ref, crcOf(key.key) + DIRECTION[direction]);
  };
  for (const edge of edges) {
    line(edge, edge.parent, 'down', edge.child);
    line(edge, edge.child, 'up', edge.parent);
  }
  lines.rows.add(text);
}

// A row is told from others of its event by key and role (tables.ts, identity), so the first of equals stands for all.
// An event has a handful of keys: looking through them costs less than a set of joined texts.
function uniqueKeys(keys: readonly EventKey[]): readonly EventKey[] {
  if (keys.length > MANY_KEYS) {
    const seen = new Set<string>();
    return keys.filter(({ role, key }) => !seen.has(`${role}\t${key}`) && seen.add(`${role}\t${key}`));
  }
  const isFirst = (key: EventKey, index: number): boolean =>
    keys.findIndex((other) => other.key === key.key && other.role === key.role) === index;
  return keys.every(isFirst) ? keys : keys.filter(isFirst);
}

const MANY_KEYS = 32;

// An edge of a key to itself says nothing and would be a loop in every walk.
function uniqueEdges(edges: readonly Edge[]): readonly Edge[] {
  if (edges.length === 0) return edges;
  const seen = new Set<string>();
  return edges.filter((edge) => {
    const identity = `${edge.relation}\t${edge.parent.key}\t${edge.child.key}`;
    return edge.parent.key !== edge.child.key && !seen.has(identity) && seen.add(identity);
  });
}
