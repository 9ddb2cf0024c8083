import { ACTIONS } from '../model/action.ts';
import type { ActorRef } from '../model/actor.ts';
import type { AuditEvent, Confidence, Edge, EventKey } from '../model/event.ts';
import { quoteJson } from '../model/canonical-json.ts';
import type { Key, KeyClass } from '../model/key.ts';
import type { Disposition } from '../model/reason.ts';
import type { Precision } from '../model/time.ts';
import { createDigest } from './digest.ts';
import type { Digest, DigestBuilder } from './digest.ts';
import { createTsvBuilder, crcOf, escapeTsv } from './tsv.ts';
import type { TsvBuilder } from './tsv.ts';

/** A record as it is stored. Times: milliseconds and microseconds since 1970, UTC. */
export interface RecordRow {
  readonly tenant: string;
  readonly topic: string;
  readonly sourceEpoch: number;
  readonly partition: number;
  readonly offset: number;
  readonly ref: bigint;
  readonly source: string;
  readonly instance: string;
  readonly delivery: string;
  readonly receivedAtMs: number;
  readonly ingestedAtUs: number;
  readonly writerEpoch: number;
  readonly status: Disposition;
  readonly reason: string;
  readonly detail: string;
  readonly events: number;
  readonly key: string;
  readonly headers: string;
  /** Hex. */
  readonly salt: string;
  readonly leaf: string;
  readonly value: Uint8Array;
}

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

const STATUS: Record<Disposition, number> = { accepted: 1, duplicate: 2, conflict: 3, rejected: 4 };
const PRECISION: Record<Precision, number> = { s: 0, ms: 3, us: 6, ns: 9 };
const CLASS: Record<KeyClass, number> = { chain: 1, session: 2, hub: 3 };
const CONFIDENCE: Record<Confidence, number> = { exact: 1, asserted: 2, inferred: 3 };
const DIRECTION = { down: 1, up: 2 } as const;

/** Lines of one table and what a read-back must find. */
export interface TableLines {
  readonly tsv: TsvBuilder;
  readonly digest: DigestBuilder;
}

/** What one batch becomes, table by table. */
export interface BatchLines {
  readonly records: TableLines;
  readonly events: TableLines;
  /** The engine makes the rows of keys from the events; what it must find is computed here all the same. */
  readonly keys: DigestBuilder;
  readonly edges: TableLines;
}

export type BatchDigests = { readonly [Table in keyof BatchLines]: Digest };

/** Empty lines for a batch of about so many bytes of values. */
export function createBatchLines(bytes: number): BatchLines {
  const table = (size: number): TableLines => ({
    tsv: createTsvBuilder(Math.ceil(size) + 4_096),
    digest: createDigest(),
  });
  return { records: table(bytes * 1.5), events: table(bytes * 1.5), keys: createDigest(), edges: table(bytes / 4) };
}

/** Adds a record. */
export function encodeRecord(lines: TableLines, row: RecordRow): void {
  lines.tsv.addWithBytes(
    `${escapeTsv(row.tenant)}\t${row.topic}\t${row.sourceEpoch}\t${row.partition}\t${row.offset}\t${row.ref}\t${escapeTsv(row.source)}\t${escapeTsv(row.instance)}\t` +
      `${escapeTsv(row.delivery)}\t${row.receivedAtMs}\t${row.ingestedAtUs}\t${row.writerEpoch}\t${STATUS[row.status]}\t${row.reason}\t${escapeTsv(row.detail)}\t` +
      `${row.events}\t${escapeTsv(row.key)}\t${escapeTsv(row.headers)}\t${row.salt}\t${row.leaf}\t`,
    row.value,
  );
  lines.digest.add(BigInt(row.offset), leafCheck(row.leaf) + crcOf(row.value));
}

// The first six bytes of the leaf as a little-endian number, which is what `records.check` of tables.ts adds up.
function leafCheck(leaf: string): number {
  const low = Number.parseInt(leaf.slice(0, 8), 16);
  const high = Number.parseInt(leaf.slice(8, 12), 16);
  const swapped = ((low & 0xff) << 24) | ((low & 0xff00) << 8) | ((low >>> 8) & 0xff00) | (low >>> 24);
  return (((high & 0xff) << 8) | (high >>> 8)) * 2 ** 32 + (swapped >>> 0);
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
  lines.events.tsv.add(
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

function encodeEdges(lines: TableLines, ref: bigint, edges: readonly Edge[], head: string, tail: string): void {
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
  lines.tsv.add(text);
}

// A row is told from others of its event by key and role (tables.ts, identity), so the first of equals stands for all.
function uniqueKeys(keys: readonly EventKey[]): readonly EventKey[] {
  const seen = new Set<string>();
  return keys.filter((key) => {
    const identity = `${key.role}\t${key.key}`;
    return !seen.has(identity) && seen.add(identity);
  });
}

// An edge of a key to itself says nothing and would be a loop in every walk.
function uniqueEdges(edges: readonly Edge[]): readonly Edge[] {
  if (edges.length === 0) return edges;
  const seen = new Set<string>();
  return edges.filter((edge) => {
    const identity = `${edge.relation}\t${edge.parent.key}\t${edge.child.key}`;
    return edge.parent.key !== edge.child.key && !seen.has(identity) && seen.add(identity);
  });
}
